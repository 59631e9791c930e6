"""Concatenation (Mirza & Osindero 2014, section 3.2): both players see the class as one-hot values beside their input.

In the paper dense layers see them; here an image gets a plane for each class, of ones for its own and zeros for the
others, so that D may have any first layer.

Deeper layers may see them too, as in the code of Radford et al. 2016 for their conditional game (supplementary 8.1).
For the one-hot e of class y and weights [W, V], [W, V] [x, e] = W x + V e, so what the class adds to the output of a
layer is a vector that belongs to it, column y of V. A plane of ones through the filters of a convolution adds such a
vector as well, away from the border.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

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


class Told:
    """The labels ``[N]`` of the batch that a network sees now; None between batches."""

    y: Tensor | None = None


class ClassVector(nn.Module):
    """V of one layer: adds column y of V to each output of class y. V begins like the layer's own weights.

    Args:
        layer: linear, or a convolution, from then on with this module behind it.
        classes: K.
        told: where the labels stand while the layer runs.
    """

    def __init__(self, layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, classes: int, told: Told) -> None:
        super().__init__()
        width = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
        self.told, self.columns = told, nn.Embedding(classes, width)
        bound = (layer.weight[0].numel() + classes) ** -0.5
        nn.init.uniform_(self.columns.weight, -bound, bound)
        layer.register_forward_hook(self.add)

    def add(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if self.told.y is None:
            return output
        columns = self.columns(self.told.y).to(output.dtype)
        moved: Tensor = output + columns.view(*columns.shape, *[1] * (output.ndim - 2))
        return moved


class ClassVectors(nn.ModuleList):
    """V of every layer of ``net`` but the first, which sees the class beside its input."""

    def __init__(self, net: nn.Module, classes: int) -> None:
        super().__init__()
        self.told = Told()
        layers = [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
        self.extend(ClassVector(layer, classes, self.told) for layer in layers[1:])

    @contextmanager
    def seeing(self, y: Tensor | None) -> Iterator[None]:
        """The layers run with labels ``y`` inside the block."""
        self.told.y = y
        try:
            yield
        finally:
            self.told.y = None


class Concatenated(ConditionalDiscriminator):
    """D of images ``[N, C + K, H, W]`` or points ``[N, d + K]``: the sample, then the one-hot class."""

    def __init__(self, D: Discriminator, condition: str, classes: int, every_layer: bool) -> None:
        super().__init__(D, condition)
        self.code = OneHot(classes)
        self.vectors = ClassVectors(self.features, classes) if every_layer else None

    def observe(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        code = self.code(self.given(y)).to(x.dtype)
        planes = code.view(*code.shape, *[1] * (x.ndim - 2)).expand(*code.shape, *x.shape[2:])
        with self.vectors.seeing(y) if self.vectors is not None else nullcontext():
            features = self.features(torch.cat([x, planes], 1))
        return features, logits_of(self.head, features)


class ToldGenerator(ConditionalGenerator):
    """G whose every layer sees the class."""

    def __init__(self, G: nn.Module, code: nn.Module, class_counts: Tensor) -> None:
        super().__init__(G, code, class_counts)
        self.vectors = ClassVectors(G, len(class_counts))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        with self.vectors.seeing(y):
            return super().forward(z, y)


class Concat(Condition):
    """G sees [z, one-hot y], D [x, one-hot y].

    Args:
        every_layer: each linear and convolutional layer behind the first sees the class too, in G and in D's features.
    """

    name = "concat"

    def __init__(self, class_counts: Tensor, shape: Shape, every_layer: bool = False) -> None:
        super().__init__(class_counts, shape)
        self.every_layer = every_layer

    def z_dim(self, dim: int) -> int:
        return dim + self.classes

    def d_shape(self) -> Shape:
        return (self.shape[0] + self.classes, *self.shape[1:])

    def transform_g(self, G: nn.Module) -> ConditionalGenerator:
        players = ToldGenerator if self.every_layer else ConditionalGenerator
        return players(G, OneHot(self.classes), self.class_counts)

    def transform_d(self, D: Discriminator) -> Discriminator:
        return Concatenated(D, self.name, self.classes, self.every_layer)
