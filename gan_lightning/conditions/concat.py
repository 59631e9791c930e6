"""Concatenation (Mirza & Osindero 2014, section 3.2): both players see the class as one-hot values beside their input.

In the paper dense layers see them; here an image gets a plane for each class, of ones for its own and zeros for the
others, so that D may have any first layer.
"""

import torch
from torch import Tensor, nn

from gan_lightning.core.condition import Condition, ConditionalDiscriminator
from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.play import Discriminator, Shape, logits_of


class OneHot(nn.Module):
    """Labels ``[N]`` -> ``[N, classes]``, float32."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, y: Tensor) -> Tensor:
        return (y[:, None] == torch.arange(self.classes, device=y.device)).float()  # F.one_hot reads y back


class Concatenated(ConditionalDiscriminator):
    """D of images ``[N, C + K, H, W]`` or points ``[N, d + K]``: the sample, then the one-hot class."""

    def __init__(self, D: Discriminator, condition: str, classes: int) -> None:
        super().__init__(D, condition)
        self.code = OneHot(classes)

    def observe(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        code = self.code(self.given(y)).to(x.dtype)
        planes = code.view(*code.shape, *[1] * (x.ndim - 2)).expand(*code.shape, *x.shape[2:])
        features = self.features(torch.cat([x, planes], 1))
        return features, logits_of(self.head, features)


class Concat(Condition):
    """G sees [z, one-hot y], D [x, one-hot y]."""

    name = "concat"

    def z_dim(self, dim: int) -> int:
        return dim + self.classes

    def d_shape(self) -> Shape:
        return (self.shape[0] + self.classes, *self.shape[1:])

    def transform_g(self, G: nn.Module) -> ConditionalGenerator:
        return ConditionalGenerator(G, OneHot(self.classes), self.class_counts)

    def transform_d(self, D: Discriminator) -> Discriminator:
        return Concatenated(D, self.name, self.classes)
