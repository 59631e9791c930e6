"""WGAN-GP (Gulrajani et al. 2017, equation 3): D's slope is drawn to 1 on the lines between real and fake."""

from typing import Any

from torch import Tensor

from gan_lightning.core.play import Play, mixing_layer
from gan_lightning.core.rng import Stream
from gan_lightning.techniques.slopes import Penalty, slopes


class GradientPenalty(Penalty):
    """weight * E (|grad D(x^)| - 1)^2 at x^ = u x + (1 - u) G(z), one u ~ U(0, 1) per sample.

    Args:
        weight: lambda of the paper.
        interval: D steps from one computation to the next; the weight is multiplied by it.
    """

    name = "gradient_penalty"
    lipschitz = True

    def __init__(self, weight: float = 10.0, interval: int = 1) -> None:
        super().__init__(weight, interval)

    def join(self, gan: Any) -> None:
        refuse_mixing(self.name, gan.D)

    def penalty(self, play: Play, rng: Stream) -> Tensor:
        real, fake = play.real.detach().float(), play.fake.detach().float()
        u = rng.uniform(len(real), *[1] * (real.ndim - 1))
        return (slopes(play, u * real + (1 - u) * fake) - 1).square().mean()


def refuse_mixing(name: str, D: Any) -> None:
    """Raises ValueError where D's verdict on one sample depends on the others of its batch."""
    layer = mixing_layer(D)
    if layer:
        raise ValueError(
            f"technique={name} needs a D that looks at each sample by itself, got one with {layer}: the penalty is on "
            "the slope at single samples, which a layer over the batch mixes (Gulrajani et al. 2017, section 4). "
            "Use network.D.d_norm=none, or leave the other technique out."
        )
