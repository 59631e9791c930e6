"""Layers that several families share."""

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
    """For linear layers with ReLU between them: the output's mean square is the input's (He et al. 2015, section 2.2).

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
