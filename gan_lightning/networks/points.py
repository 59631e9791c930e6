"""Small players for points ``[N, d]``: D is smooth, to be held against a formula of densities; G has no bound."""

from collections.abc import Sequence

from torch import Tensor, nn

from gan_lightning.interfaces import Discriminator as DiscriminatorBase
from gan_lightning.interfaces import Shape
from gan_lightning.networks.layers import size_of


def dense(width: int, hidden: Sequence[int], activation: type[nn.Module]) -> tuple[list[nn.Module], int]:
    layers: list[nn.Module] = []
    for units in hidden:
        layers += [nn.Linear(width, units), activation()]
        width = units
    return layers, width


class Generator(nn.Module):
    """``[N, z_dim]`` -> ``[N, *shape]``, anywhere."""

    def __init__(self, z_dim: int, shape: Shape, hidden: Sequence[int] = (128, 128)) -> None:
        super().__init__()
        layers, width = dense(z_dim, hidden, nn.ReLU)
        self.layers = nn.Sequential(*layers, nn.Linear(width, size_of(shape)))
        self.shape = tuple(shape)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).view(-1, *self.shape)


class Discriminator(DiscriminatorBase):
    """``[N, *shape]`` -> logits ``[N]``."""

    def __init__(self, shape: Shape, hidden: Sequence[int] = (128, 128)) -> None:
        super().__init__()
        layers, width = dense(size_of(shape), hidden, nn.SiLU)
        self.features = nn.Sequential(nn.Flatten(), *layers)
        self.head = nn.Linear(width, 1)
