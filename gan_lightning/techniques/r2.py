"""R2 (Mescheder et al. 2018, equation 10): D's slope is drawn to 0 at the samples."""

from torch import Tensor

from gan_lightning.core.play import Play
from gan_lightning.techniques.slopes import SquaredSlope


class R2(SquaredSlope):
    """weight / 2 * E |grad D(G(z))|^2."""

    name = "r2"
    batch = "fake"

    def points(self, play: Play) -> tuple[Tensor, Tensor]:
        return play.fake, play.fake_logits
