"""Instance-conditioned GAN (IC-GAN; Casanova et al. 2021) with classes: both players see features of a training sample.

For the features h of a real sample of class y (``core/instances.py``), G sees [z', e_G(y), h], and D's logit is
psi(f) + <W h, f>: the projection of Miyato & Koyama 2018, of features in place of a class. The class is named by a
class head, as in ``condition=discriminative``.
"""

from torch import Tensor, nn

from gan_lightning.conditions.auxiliary import Classifying
from gan_lightning.conditions.discriminative import Discriminative
from gan_lightning.core.condition import width_of_features
from gan_lightning.core.instances import InstanceGenerator, Instances
from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.play import Discriminator, Shape, logits_of


class Matching(Classifying):
    """D's own logit psi(f) plus <W h, f>; each value of W h starts with a variance of 1 / width of f.

    Given classes ``[N]`` alone in place of classes and features ``[N, 1 + F]``, it takes the features of x itself: a
    verdict on whether x is real, not on whether it is like the sample that G was told.
    """

    def __init__(self, D: Discriminator, condition: str, class_head: nn.Linear, instances: Instances) -> None:
        super().__init__(D, condition, class_head)
        self.instances = instances
        self.match = nn.Linear(instances.width, class_head.in_features, bias=False)
        nn.init.normal_(self.match.weight, 0.0, self.match.weight.numel() ** -0.5)

    def observe(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        told = self.given(y)
        h = self.instances.features(x) if told.ndim == 1 else told[:, 1:]
        features = self.features(x)
        along = (self.match(h.to(features.dtype)) * features.flatten(1)).sum(1)
        return features, logits_of(self.head, features) + along


class Instance(Discriminative):
    """The terms of ``Discriminative``, and a verdict that asks whether x is like the training sample it is told.

    Args:
        width: of e_G.
        features: how many of a training sample both players see; with more, samples are nearer to training samples.
        noise: standard deviation of what is added to each, of features with variance 1.
        real_weight, fake_weight, g_weight: as in ``Discriminative``.
    """

    name = "instance"
    within: Instances

    def __init__(
        self,
        class_counts: Tensor,
        shape: Shape,
        width: int = 32,
        features: int = 32,
        noise: float = 0.3,
        real_weight: float = 1.0,
        fake_weight: float = 1.0,
        g_weight: float = 1.0,
    ) -> None:
        super().__init__(class_counts, shape, width, real_weight, fake_weight, g_weight)
        self.within = Instances(shape, features, noise)

    def z_dim(self, dim: int) -> int:
        if dim <= self.within.normals:
            raise ValueError(
                f"condition.features must be at most prior.dim - 2, since the first values of z say which training "
                f"sample and how far from it, got {self.within.width} with prior.dim={dim}. Write "
                f"prior.dim={self.within.width + 64}."
            )
        return super().z_dim(dim)

    def transform_g(self, G: nn.Module) -> ConditionalGenerator:
        code = nn.Embedding(self.classes, self.width)
        return InstanceGenerator(G, code, self.class_counts, self.within.width, self.within.noise)

    def transform_d(self, D: Discriminator) -> Discriminator:
        self.class_head = self.new_class_head(width_of_features(D, self.shape))
        return Matching(D, self.name, self.class_head, self.within)

    def named_by(self, told: Tensor) -> Tensor:
        return told[:, 0].long()
