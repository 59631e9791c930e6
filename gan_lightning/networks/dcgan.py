"""Convolutional players after Radford et al. 2015, section 3: strided convolutions, no hidden dense layers,
BatchNorm in G, ReLU in G with tanh at the end, LeakyReLU 0.2 in D, weights N(0, 0.02).

The image's side is halved while it is even and above 7 (28 -> 14 -> 7), so MNIST gets two strided layers.
Kernels are 4 x 4 with stride 2, where the paper has 5 x 5: a stride that divides the kernel leaves no
checkerboard (Odena et al. 2016).
"""

from torch import Tensor, nn

from gan_lightning.core.play import Discriminator as DiscriminatorBase
from gan_lightning.core.play import Shape
from gan_lightning.networks.layers import halvings, init_dcgan


class Generator(nn.Module):
    """``[N, z_dim]`` -> ``[N, *shape]`` in [-1, 1]. ``width`` counts the filters of the last hidden map."""

    def __init__(self, z_dim: int, shape: Shape, width: int = 32) -> None:
        super().__init__()
        n, side = halvings("dcgan", shape)
        channels = [width * 2**i for i in reversed(range(n))]
        first = width * 2**n
        layers: list[nn.Module] = [
            nn.Linear(z_dim, first * side * side, bias=False),
            nn.Unflatten(1, (first, side, side)),
            nn.BatchNorm2d(first),
            nn.ReLU(),
        ]
        for before, after in zip([first, *channels[:-1]], channels, strict=True):
            last = after == channels[-1]
            out = shape[0] if last else after
            layers.append(nn.ConvTranspose2d(before, out, 4, stride=2, padding=1, bias=last))
            layers += [nn.Tanh()] if last else [nn.BatchNorm2d(out), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        init_dcgan(self)

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = self.layers(z)
        return images


class Discriminator(DiscriminatorBase):
    """``[N, C, S, S]`` -> logits ``[N]``; features are the last map, flattened.

    ``d_norm``: 'batch' as in the paper (none on the first layer), or 'none', which gradient penalties need.
    """

    def __init__(self, shape: Shape, width: int = 32, d_norm: str = "batch") -> None:
        super().__init__()
        if d_norm not in ("batch", "none"):
            raise ValueError(f"network.D.d_norm must be batch or none, got {d_norm!r}. Choose one of the two.")
        n, side = halvings("dcgan", shape)
        layers: list[nn.Module] = []
        channels = shape[0]
        for i in range(n):
            out = width * 2**i
            normed = d_norm == "batch" and i > 0
            layers.append(nn.Conv2d(channels, out, 4, stride=2, padding=1, bias=not normed))
            if normed:
                layers.append(nn.BatchNorm2d(out))
            layers.append(nn.LeakyReLU(0.2))
            channels = out
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(channels * side * side, 1)
        init_dcgan(self)
