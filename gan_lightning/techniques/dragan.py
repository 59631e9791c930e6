"""DRAGAN (Kodali et al. 2017, section 2.3): D's slope is drawn to 1 around the data."""

from typing import Any

from torch import Tensor

from gan_lightning.core.play import Play
from gan_lightning.core.rng import Stream
from gan_lightning.techniques.global_batch import global_std
from gan_lightning.techniques.gradient_penalty import refuse_mixing
from gan_lightning.techniques.knobs import above
from gan_lightning.techniques.slopes import Penalty, slopes


class DRAGAN(Penalty):
    """weight * E (|grad D(x + delta)| - 1)^2 with delta ~ N(0, (spread * std of the batch)^2).

    Args:
        weight: lambda of the paper.
        spread: how far from the data, in standard deviations of the global batch's values (the authors' code: 0.5).
        interval: D steps from one computation to the next; the weight is multiplied by it.
    """

    name = "dragan"
    lipschitz = True

    def __init__(self, weight: float = 10.0, spread: float = 0.5, interval: int = 1) -> None:
        super().__init__(weight, interval)
        self.spread = spread
        above(self.name, "spread", spread, 0, "It says how far around the data D's slope is looked at.")

    def join(self, gan: Any) -> None:
        refuse_mixing(self.name, gan.D)

    def penalty(self, play: Play, rng: Stream) -> Tensor:
        real = play.real.detach().float()
        return (slopes(play, real + self.spread * global_std(real) * rng.normal(*real.shape)) - 1).square().mean()
