"""Projection (Miyato & Koyama 2018, equation 3): D(x, y) = psi(f(x)) + <e_D(y), f(x)>, G sees [z, e_G(y)].

G's half is that of the conditional configurations of Huang et al. 2024; the paper has conditional BatchNorm there,
which a wrapper around any G cannot.
"""

from torch import Tensor, nn

from gan_lightning.core.condition import Condition, ConditionalDiscriminator, width_of_features
from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.play import Discriminator, Shape, logits_of


class Projected(ConditionalDiscriminator):
    """D's own logit psi(f) plus <e_D(y), f>; e_D starts at N(0, 1/F), so that both have the scale of the features."""

    def __init__(self, D: Discriminator, condition: str, classes: int, width: int) -> None:
        super().__init__(D, condition)
        self.embedding = nn.Embedding(classes, width)
        nn.init.normal_(self.embedding.weight, 0.0, width**-0.5)

    def observe(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        features = self.features(x)
        along = (self.embedding(self.given(y)) * features.flatten(1)).sum(1)
        return features, logits_of(self.head, features) + along


class Projection(Condition):
    """Both players have an embedding of the classes.

    Args:
        width: of e_G, which starts at N(0, 1) as z does; e_D is as wide as D's features.
    """

    name = "projection"

    def __init__(self, class_counts: Tensor, shape: Shape, width: int = 32) -> None:
        super().__init__(class_counts, shape)
        self.width = width

    def z_dim(self, dim: int) -> int:
        return dim + self.width

    def transform_g(self, G: nn.Module) -> ConditionalGenerator:
        return ConditionalGenerator(G, nn.Embedding(self.classes, self.width), self.class_counts)

    def transform_d(self, D: Discriminator) -> Discriminator:
        return Projected(D, self.name, self.classes, width_of_features(D, self.shape))
