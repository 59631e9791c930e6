"""Minibatch standard deviation (Karras et al. 2018, section 3): one more feature says how much the batch varies."""

from torch import Tensor, nn

from gan_lightning.interfaces import Discriminator
from gan_lightning.techniques.batch_features import HeadWithBatchFeatures


class Deviation(nn.Module):
    """Standard deviation of each feature over the batch, its mean over features: ``[N, F]`` -> ``[N, 1]``."""

    def forward(self, f: Tensor) -> Tensor:
        deviation = (f.var(0, correction=0) + 1e-8).sqrt().mean()
        return deviation.expand(len(f), 1)


class MinibatchStddev:
    """D's head also sees the standard deviation of its process's batch, over all of it.

    The paper adds it before D's last layers; here it joins the features that the head sees.
    """

    def transform_d(self, D: Discriminator) -> Discriminator:
        D.head = HeadWithBatchFeatures(D.head, Deviation(), 1)
        return D
