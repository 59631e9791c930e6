"""The law of z (p_z in Goodfellow et al. 2014), which G maps to samples: ``prior(n, rng)`` draws ``[n, dim]``."""

from torch import Tensor

from gan_lightning.core.rng import Stream


class Normal:
    """z ~ N(0, I): independent standard normals, ``[n, dim]``."""

    def __init__(self, dim: int = 100) -> None:
        self.dim = dim

    def __call__(self, n: int, rng: Stream) -> Tensor:
        return rng.normal(n, self.dim)


class Uniform:
    """z ~ U(low, high), each of ``dim`` coordinates independently: ``[n, dim]`` (Radford et al. 2016, figure 1).

    Raises:
        ValueError: ``low`` is not below ``high``.
    """

    def __init__(self, dim: int = 100, low: float = -1.0, high: float = 1.0) -> None:
        if not low < high:
            raise ValueError(f"prior.low must be below prior.high, got {low} and {high}. Swap them.")
        self.dim, self.low, self.high = dim, low, high

    def __call__(self, n: int, rng: Stream) -> Tensor:
        return self.low + (self.high - self.low) * rng.uniform(n, self.dim)
