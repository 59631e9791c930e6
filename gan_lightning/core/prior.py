"""The law of z."""

from torch import Tensor

from gan_lightning.core.rng import Stream


class Normal:
    """z ~ N(0, I)."""

    def __init__(self, dim: int = 100) -> None:
        self.dim = dim

    def __call__(self, n: int, rng: Stream) -> Tensor:
        return rng.normal(n, self.dim)


class Uniform:
    """z ~ U(low, high), each coordinate by itself."""

    def __init__(self, dim: int = 100, low: float = -1.0, high: float = 1.0) -> None:
        if not low < high:
            raise ValueError(f"prior.low must be below prior.high, got {low} and {high}. Swap them.")
        self.dim, self.low, self.high = dim, low, high

    def __call__(self, n: int, rng: Stream) -> Tensor:
        return self.low + (self.high - self.low) * rng.uniform(n, self.dim)
