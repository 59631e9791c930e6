"""R1 (Mescheder et al. 2018, equation 9): D's slope is drawn to 0 at the data."""

from torch import Tensor

from gan_lightning.core.play import Play
from gan_lightning.techniques.slopes import SquaredSlope


class R1(SquaredSlope):
    """weight / 2 * E |grad D(x)|^2 over real x."""

    name = "r1"
    batch = "real"

    def points(self, play: Play) -> tuple[Tensor, Tensor]:
        assert play.real_logits is not None
        return play.real, play.real_logits
