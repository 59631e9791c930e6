"""Convolutional players with a dense hidden layer each, which sees the whole image: small, and quick on a CPU.

The shape of Chen et al. 2016 (InfoGAN), appendix C.1, with fewer filters: G z-hidden-map, then transposed convolutions,
with BatchNorm; D the mirror of it without BatchNorm, which a penalty on D's slope would refuse. LeakyReLU 0.2, weights
after He et al. 2015, kernels 4 x 4 with stride 2. The image's side is halved as by ``network=dcgan`` (28 -> 14 -> 7).
"""

from itertools import pairwise

from torch import Tensor, nn

from gan_lightning.core.play import Discriminator as DiscriminatorBase
from gan_lightning.core.play import Shape
from gan_lightning.networks.layers import halvings, init_he_leaky

SLOPE = 0.2  # of LeakyReLU


class Generator(nn.Module):
    """``[N, z_dim]`` -> ``[N, *shape]`` in [-1, 1]; ``width`` counts the filters of the last hidden map."""

    def __init__(self, z_dim: int, shape: Shape, hidden: int = 512, width: int = 24) -> None:
        super().__init__()
        n, side = halvings("conv", shape)
        filters = [width * 2**i for i in reversed(range(n))]
        layers: list[nn.Module] = [
            nn.Linear(z_dim, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.LeakyReLU(SLOPE),
            nn.Linear(hidden, filters[0] * side * side, bias=False),
            nn.Unflatten(1, (filters[0], side, side)),
        ]
        for before, after in zip(filters, [*filters[1:], shape[0]], strict=True):
            layers += [nn.BatchNorm2d(before), nn.LeakyReLU(SLOPE)]
            layers.append(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=before == width))
        self.layers = nn.Sequential(*layers, nn.Tanh())
        init_he_leaky(self, SLOPE)

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = self.layers(z)
        return images


class Discriminator(DiscriminatorBase):
    """``[N, C, S, S]`` -> logits ``[N]``; features are the dense hidden layer ``[N, hidden]``."""

    def __init__(self, shape: Shape, hidden: int = 512, width: int = 24) -> None:
        super().__init__()
        n, side = halvings("conv", shape)
        filters = [shape[0], *(width * 2**i for i in range(n))]
        layers: list[nn.Module] = []
        for before, after in pairwise(filters):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        self.features = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(filters[-1] * side * side, hidden), nn.LeakyReLU(SLOPE)
        )
        self.head = nn.Linear(hidden, 1)
        init_he_leaky(self, SLOPE)
