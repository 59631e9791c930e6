"""Layers and initialisations that several networks share."""

import math

import torch
from torch import Tensor, nn


class Maxout(nn.Module):
    """max over ``pieces`` affine maps per unit (Goodfellow et al. 2013): ``[N, in]`` -> ``[N, units]``."""

    def __init__(self, in_features: int, units: int, pieces: int) -> None:
        super().__init__()
        self.affine = nn.Linear(in_features, units * pieces)
        self.units, self.pieces = units, pieces

    def forward(self, x: Tensor) -> Tensor:
        pieces: Tensor = self.affine(x)
        return pieces.view(-1, self.units, self.pieces).amax(2)


class UnitRange(nn.Module):
    """From [-1, 1] to [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + 1) / 2


def init_uniform(module: nn.Module, irange: float) -> None:
    """Weights U(-irange, irange) and zero biases in every linear layer of ``module``."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.uniform_(layer.weight, -irange, irange)
            nn.init.zeros_(layer.bias)


def init_dcgan(module: nn.Module) -> None:
    """Weights N(0, 0.02), zero biases, BatchNorm gains N(1, 0.02) (Radford et al. 2015, section 4)."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)


def init_he(module: nn.Module) -> None:
    """For linear layers with ReLU between them: keeps the mean square of the values (He et al. 2015, section 2.2).

    Weights N(0, 2 / fan_in), in the last layer, which no ReLU follows, N(0, 1 / fan_in); zero biases.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    for i, layer in enumerate(layers, 1):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu" if i < len(layers) else "linear")
        nn.init.zeros_(layer.bias)


def size_of(shape: tuple[int, ...]) -> int:
    """Number of values in one sample of ``shape``."""
    return math.prod(shape)


def to_logit(p: Tensor, eps: float = 1e-7) -> Tensor:
    """log(p / (1 - p)) with p kept inside (eps, 1 - eps)."""
    return torch.logit(p, eps)


def init_he_leaky(module: nn.Module, slope: float) -> None:
    """He et al. 2015 for convolutions and LeakyReLU: weights N(0, 2 / ((1 + slope^2) fan_in)), zero biases.

    fan_in counts the inputs that one output sees: of a transposed convolution with stride s the filters times the
    kernel's area divided by s^2. The last layer, which no LeakyReLU follows, has N(0, 1 / fan_in).
    """
    layers = [m for m in module.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    for layer in layers:
        if isinstance(layer, nn.ConvTranspose2d):
            fan_in = layer.in_channels * layer.weight[0, 0].numel() // math.prod(layer.stride)
        else:
            fan_in = layer.weight[0].numel()
        gain = 1.0 if layer is layers[-1] else 2 / (1 + slope**2)
        nn.init.normal_(layer.weight, 0.0, math.sqrt(gain / fan_in))
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def halvings(network: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """How often ``network`` halves the side of square images ``(C, S, S)``, and the side of the smallest map.

    It is halved while it is even and above 7: 28 -> 14 -> 7 gives (2, 7).

    Raises:
        ValueError: ``shape`` is another, or its side is odd or below 8.
    """
    if len(shape) == 1:
        raise ValueError(
            f"network={network} needs square images (C, S, S), got points {shape}. Write network=points "
            f"prior.dim={shape[0]}, or experiment=ring8 or experiment=grid25, which have all the settings for theirs."
        )
    if len(shape) != 3 or shape[1] != shape[2]:
        raise ValueError(f"network={network} needs square images (C, S, S), got {shape}. Write experiment=mlp.")
    side, n = shape[1], 0
    while side % 2 == 0 and side > 7:
        side, n = side // 2, n + 1
    if n == 0:
        raise ValueError(
            f"network={network} needs an even image side of at least 8, got {shape[1]}. Write data.size=28 or 32, or "
            "experiment=mlp, which plays any size."
        )
    return n, side
