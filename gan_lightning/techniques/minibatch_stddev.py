"""Minibatch standard deviation (Karras et al. 2018, section 3): one more feature says how much the batch varies."""

from torch import Tensor, nn

from gan_lightning.core.play import Discriminator
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.batch_features import HeadWithBatchFeatures
from gan_lightning.techniques.half_precision import at_least_float32


class Deviation(nn.Module):
    """Standard deviation of each feature over the batch, its mean over features: ``[N, F]`` -> ``[N, 1]``.

    Half precision is left for float32, since 1e-8 is 0 in float16 and the root of 0 has no slope.
    """

    def forward(self, f: Tensor) -> Tensor:
        deviation = (at_least_float32(f).var(0, correction=0) + 1e-8).sqrt().mean()
        return deviation.expand(len(f), 1)


class MinibatchStddev(Technique):
    """D's head also sees the standard deviation of its process's batch, over all of it.

    The paper adds it before D's last layers; here it joins the features that the head sees.
    """

    def transform_d(self, D: Discriminator) -> Discriminator:
        D.head = HeadWithBatchFeatures(D.head, Deviation(), 1)
        return D
