"""Auxiliary classifier (AC-GAN; Odena et al. 2017, equations 2 and 3): a second head of D names the class of a sample.

D's own logit sees no label. G sees [z, e_G(y)], where the paper has the one-hot class.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.core.condition import Condition, ConditionalDiscriminator, width_of_features
from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.play import Discriminator, Play, Shape, logits_of
from gan_lightning.core.rng import Stream
from gan_lightning.core.subclasses import Subclasses, SubclassGenerator
from gan_lightning.core.within import Within


class Classifying(ConditionalDiscriminator):
    """D with a linear class head on its features; its verdict is that of ``D``. It keeps the ``subclasses``, if any."""

    def __init__(
        self, D: Discriminator, condition: str, class_head: nn.Linear, subclasses: Within | None = None
    ) -> None:
        super().__init__(D, condition)
        self.class_head, self.subclasses = class_head, subclasses

    def observe(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        features = self.features(x)
        return features, logits_of(self.head, features)


class Auxiliary(Condition):
    """D descends -E log C(y | x) - E log C(y | G(z, y)) beside its loss, G the second of them beside its own.

    Args:
        width: of e_G.
        real_weight, fake_weight: of the two parts of D's term; the paper has 1 for both.
        g_weight: of G's term.
        subclasses: groups of alike training samples in each class, which G draws and C names in place of the class
            (``core/subclasses.py``); 1: the class itself.
    """

    name = "auxiliary"

    def __init__(
        self,
        class_counts: Tensor,
        shape: Shape,
        width: int = 32,
        real_weight: float = 1.0,
        fake_weight: float = 1.0,
        g_weight: float = 1.0,
        subclasses: int = 1,
    ) -> None:
        super().__init__(class_counts, shape)
        self.width, self.real_weight, self.fake_weight, self.g_weight = width, real_weight, fake_weight, g_weight
        self.class_head: nn.Linear
        self.named = self.classes * subclasses  # what C tells apart, and G has a code for
        if subclasses > 1:
            self.within = Subclasses(class_counts, subclasses, shape)

    def z_dim(self, dim: int) -> int:
        return dim + self.width - (self.within is not None)

    def transform_g(self, G: nn.Module) -> ConditionalGenerator:
        code = nn.Embedding(self.named, self.width)
        if isinstance(self.within, Subclasses):
            return SubclassGenerator(G, code, self.class_counts, self.within.each)
        return ConditionalGenerator(G, code, self.class_counts)

    def transform_d(self, D: Discriminator) -> Discriminator:
        self.class_head = self.new_class_head(width_of_features(D, self.shape))
        return Classifying(D, self.name, self.class_head, self.within)

    def new_class_head(self, features: int) -> nn.Linear:
        """An output for each class, or subclass."""
        return nn.Linear(features, self.named)

    def outputs(self, features: Tensor) -> Tensor:
        """Of the class head, in float32."""
        l: Tensor = self.class_head(features.flatten(1))  # noqa: E741
        return l.float()

    def surprise(self, features: Tensor, y: Tensor | None) -> Tensor:
        """-E log C(y | features)."""
        assert y is not None
        return F.cross_entropy(self.outputs(features), y)

    def d_term(self, play: Play, rng: Stream) -> Tensor:
        assert play.real_features is not None
        real = self.surprise(play.real_features, play.labels)
        return self.real_weight * real + self.fake_weight * self.surprise(play.fake_features, play.fake_labels)

    def g_term(self, play: Play, rng: Stream) -> Tensor:
        return self.g_weight * self.surprise(play.fake_features, play.fake_labels)
