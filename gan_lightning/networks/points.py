"""Small players for points ``[N, d]``: D is smooth, as the optimal D for smooth densities is; G has no bound."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gan_lightning.core.play import Discriminator as DiscriminatorBase
from gan_lightning.core.play import Shape
from gan_lightning.networks.layers import init_he, size_of


class Waves(nn.Module):
    """``[N, d]`` -> ``[N, d + 2 n]``: x, sin(B x) and cos(B x) for a fixed random B (Tancik et al. 2020).

    Each of the n columns of B ``[d, n]`` is normal; their standard deviations go from 1 to ``finest`` radians per unit
    of x, evenly spaced in the logarithm. A small network on x alone learns late or never what varies over less than a
    tenth of its input's range.
    """

    B: Tensor

    def __init__(self, d: int, n: int, finest: float) -> None:
        super().__init__()
        self.register_buffer("B", torch.randn(d, n) * finest ** torch.linspace(0, 1, n))

    def forward(self, x: Tensor) -> Tensor:
        angle = x @ self.B
        return torch.cat([x, angle.sin(), angle.cos()], 1)


def dense(
    width: int, hidden: Sequence[int], activation: type[nn.Module], waves: int, finest: float
) -> tuple[list[nn.Module], int]:
    """Hidden layers for an input ``[N, width]``, behind ``Waves`` where there are any, and the width of the last."""
    layers: list[nn.Module] = []
    if waves:
        layers.append(Waves(width, waves, finest))
        width += 2 * waves
    for units in hidden:
        layers += [nn.Linear(width, units), activation()]
        width = units
    return layers, width


class Generator(nn.Module):
    """``[N, z_dim]`` -> ``[N, *shape]``, without a bound.

    Args:
        z_dim, shape, hidden: numbers of z, shape of a sample, units of the hidden layers.
        waves: sines and cosines of so many random projections of z join its input (``Waves``; 0: none). With them G
            learns to pass quickly from one mode to the next, so that fewer samples lie between.
        finest: the angle, in radians, by which the fastest wave turns over a distance of 1 in z.
        init: with "default", PyTorch's, the first samples are nearly one point, which may move from mode to mode as a
            whole; with "he" they are spread out.
    """

    def __init__(
        self,
        z_dim: int,
        shape: Shape,
        hidden: Sequence[int] = (128, 128),
        waves: int = 0,
        finest: float = 10.0,
        init: str = "default",
    ) -> None:
        super().__init__()
        if init not in ("default", "he"):
            raise ValueError(f"network.G.init must be default or he, got {init!r}. Choose one of the two.")
        layers, width = dense(z_dim, hidden, nn.ReLU, waves, finest)
        self.layers = nn.Sequential(*layers, nn.Linear(width, size_of(shape)))
        self.shape = tuple(shape)
        if init == "he":
            init_he(self)

    def forward(self, z: Tensor) -> Tensor:
        samples: Tensor = self.layers(z)
        return samples.view(-1, *self.shape)


class Discriminator(DiscriminatorBase):
    """``[N, *shape]`` -> logits ``[N]``; features are the last hidden layer.

    Args:
        shape, hidden: shape of a sample, units of the hidden layers.
        waves: sines and cosines of so many random projections of x join its input (``Waves``; 0: none).
        finest: the angle, in radians, by which the fastest wave turns over a distance of 1: about the inverse of the
            smallest distance that matters.
    """

    def __init__(self, shape: Shape, hidden: Sequence[int] = (128, 128), waves: int = 0, finest: float = 10.0) -> None:
        super().__init__()
        layers, width = dense(size_of(shape), hidden, nn.SiLU, waves, finest)
        self.features = nn.Sequential(nn.Flatten(), *layers)
        self.head = nn.Linear(width, 1)
