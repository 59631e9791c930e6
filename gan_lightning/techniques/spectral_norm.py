"""Spectral norm (Miyato et al. 2018, section 2.1): each weight matrix of D divided by its largest singular value."""

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_lightning.core.play import Discriminator
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.knobs import count
from gan_lightning.techniques.weight_norm import weighted_layers


class SpectralNorm(Technique):
    """PyTorch's parametrization on every linear and convolutional layer of D, whose singular vectors are buffers of D.

    Args:
        iterations: power iterations per forward pass of D in training (the paper: 1).
    """

    recordable = True
    lipschitz = True
    rescales_weights = True

    def __init__(self, iterations: int = 1) -> None:
        count("spectral_norm", "iterations", iterations, 1, "The paper uses 1 per pass.")
        self.iterations = iterations

    def transform_d(self, D: Discriminator) -> Discriminator:
        for layer in weighted_layers("spectral_norm", D):
            spectral_norm(layer, n_power_iterations=self.iterations)
        return D


def largest_singular_value(layer: nn.Module) -> float:
    """The largest singular value of a layer's normalised weight as a matrix ``[out, everything else]``."""
    weight: nn.Parameter = layer.weight  # type: ignore[assignment]
    return float(torch.linalg.matrix_norm(weight.detach().flatten(1).double(), 2))
