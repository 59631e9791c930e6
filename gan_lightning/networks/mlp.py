"""Fully connected players: the classic PyTorch GAN script of the study notes.

G z-128-256-512-1024-image with BatchNorm and LeakyReLU 0.2, tanh; D image-512-256-1 with LeakyReLU 0.2.
The script passes 0.8 to BatchNorm as its second argument, which is eps, though a momentum was meant. ``bn_eps=0.8``
does as the script does; the default is PyTorch's 1e-5.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from gan_lightning.core.play import Discriminator as DiscriminatorBase
from gan_lightning.core.play import Shape
from gan_lightning.networks.layers import size_of


class Generator(nn.Module):
    """``[N, z_dim]`` -> ``[N, *shape]`` in [-1, 1]. BatchNorm in all hidden layers but the first."""

    def __init__(
        self,
        z_dim: int,
        shape: Shape,
        hidden: Sequence[int] = (128, 256, 512, 1024),
        bn_eps: float = 1e-5,
        slope: float = 0.2,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = z_dim
        for i, units in enumerate(hidden):
            layers.append(nn.Linear(width, units))
            if i > 0:
                layers.append(nn.BatchNorm1d(units, eps=bn_eps))
            layers.append(nn.LeakyReLU(slope))
            width = units
        self.layers = nn.Sequential(*layers, nn.Linear(width, size_of(shape)), nn.Tanh())
        self.shape = tuple(shape)

    def forward(self, z: Tensor) -> Tensor:
        samples: Tensor = self.layers(z)
        return samples.view(-1, *self.shape)


class Discriminator(DiscriminatorBase):
    """``[N, *shape]`` -> logits ``[N]``; features are the last hidden layer. ``dropout`` follows each hidden layer."""

    def __init__(
        self, shape: Shape, hidden: Sequence[int] = (512, 256), slope: float = 0.2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        width = size_of(shape)
        for units in hidden:
            layers += [nn.Linear(width, units), nn.LeakyReLU(slope)]
            if dropout > 0:
                layers.append(nn.Dropout(dropout))
            width = units
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(width, 1)
