"""Instance noise: Gaussian noise on everything D sees, real and fake, in both players' halves.

Arjovsky & Bottou 2017, section 3 (continuous noise gives both laws a common support); Sonderby et al. 2017.
"""

from torch import Tensor

from gan_lightning.core.rng import Stream
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.knobs import at_least


class InstanceNoise(Technique):
    """x + sigma(progress) * N(0, I), with sigma falling linearly from ``sigma`` to ``final_sigma`` over the run.

    Args:
        sigma: standard deviation at the start, in units of the image range [-1, 1].
        final_sigma: standard deviation at the end; null keeps ``sigma``.
    """

    recordable = True

    def __init__(self, sigma: float = 0.1, final_sigma: float | None = None) -> None:
        self.sigma = sigma
        self.final_sigma = sigma if final_sigma is None else final_sigma
        for name in ("sigma", "final_sigma"):
            remedy = "It is a standard deviation; 0 switches the noise off."
            at_least("instance_noise", name, getattr(self, name), 0, remedy)

    def view(self, x: Tensor, progress: float, rng: Stream) -> Tensor:
        sigma = self.sigma + (self.final_sigma - self.sigma) * progress
        if not isinstance(sigma, Tensor) and sigma == 0:  # a tensor in a recorded step, which must not be read
            return x
        return x + (sigma * rng.normal(*x.shape)).to(x)
