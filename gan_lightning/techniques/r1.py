"""R1 (Mescheder et al. 2018, equation 9): D's slope is drawn to 0 at the data."""

from typing import Any

from torch import Tensor

from gan_lightning.core.play import Play
from gan_lightning.core.rng import Stream
from gan_lightning.techniques.slopes import Penalty, refuse_batch_norm, slopes


class R1(Penalty):
    """weight / 2 * E |grad D(x)|^2 over real x.

    Args:
        weight: gamma of the paper.
        interval: D steps from one computation to the next; the weight is multiplied by it.
        final_weight: gamma at the end of the run, reached in equal ratios (Huang et al. 2024 let it fall too); null:
            the same throughout.
    """

    name = "r1"

    def __init__(self, weight: float = 10.0, interval: int = 1, final_weight: float | None = None) -> None:
        super().__init__(weight, interval, final_weight)

    def join(self, gan: Any) -> None:
        refuse_batch_norm(self.name, gan.D)

    def penalty(self, play: Play, rng: Stream) -> Tensor:
        return slopes(play, play.real).square().mean() / 2
