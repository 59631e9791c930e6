"""Packing (PacGAN, Lin et al. 2018, section 2): D judges m samples at once, all real or all fake."""

from torch import Tensor

from gan_lightning.core.play import Shape
from gan_lightning.core.rng import Stream
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.knobs import count


class Packing(Technique):
    """Each ``m`` consecutive samples become one input of D: ``[N, C, H, W]`` -> ``[N / m, m C, H, W]``, points
    ``[N, d]`` -> ``[N / m, m d]``.

    Packs are formed within a process's batch, which ``m`` has to divide.

    Args:
        m: samples per input; 1 is the plain game.
    """

    recordable = True
    refuses_labels = "its packs hold samples of several classes, and D would need all their labels at once"
    refuses_classes = "its packs hold samples of several classes, and D would have to name all of them at once"

    def __init__(self, m: int = 2) -> None:
        count("packing", "m", m, 1, "It counts the samples of one input of D; the paper uses 2 to 4.")
        self.m = self.divides_batch = m

    def view_shape(self, shape: Shape) -> Shape:
        return (self.m * shape[0], *shape[1:])

    def view(self, x: Tensor, progress: float, rng: Stream) -> Tensor:
        return x.reshape(len(x) // self.m, self.m * x.shape[1], *x.shape[2:])
