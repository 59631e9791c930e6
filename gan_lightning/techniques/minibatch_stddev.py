"""Minibatch standard deviation (Karras et al. 2018, section 3): one more feature says how much the batch varies."""

from torch import Tensor, nn

from gan_lightning.core.play import Discriminator
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.batch_features import HeadWithBatchFeatures
from gan_lightning.techniques.half_precision import at_least_float32


class Deviation(nn.Module):
    """Standard deviation of each feature over the batch, its mean over features: ``[N, F]`` -> ``[N, 1]``.

    Computed in float32 at least: in float16 the 1e-8 under the root is 0, and at 0 the root's derivative is infinite.
    """

    def forward(self, f: Tensor) -> Tensor:
        deviation = (at_least_float32(f).var(0, correction=0) + 1e-8).sqrt().mean()
        return deviation.expand(len(f), 1)


class MinibatchStddev(Technique):
    """D's head also gets one number that says how much the features of its process's batch vary.

    The paper puts it before D's last layers; here it joins the features that the head gets.
    """

    recordable = True
    refuses_classes = "it adds one number to D's logit, and D then has an output for each class"

    def transform_d(self, D: Discriminator) -> Discriminator:
        D.head = HeadWithBatchFeatures(D.head, Deviation(), 1)
        return D
