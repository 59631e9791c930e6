"""The players of Salimans et al. 2016, section 6.1, for MNIST, as in the authors' published code.

G z-500-500-image with softplus and BatchNorm without gains, its last layer with weight norm and a sigmoid. D with
weight norm and ReLU, image-1000-500-250-250-250, normal noise on its input and on each hidden layer in training. The
lengths of D's weights are not trained but in the last layer: they, and the biases, start from samples, so that each
unit's outputs have mean 0 and variance 1 (Salimans & Kingma 2016, section 3). Their images lie in [0, 1]: G's sigmoid
is mapped to [-1, 1] and D maps back.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import is_parametrized

from gan_lightning.core.play import Discriminator as DiscriminatorBase
from gan_lightning.core.play import DrawsAnew, Shape
from gan_lightning.networks.layers import UnitRange, size_of


class NormalNoise(DrawsAnew):
    """x + sigma e in training, e ~ N(0, I); x in eval mode."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sigma * torch.randn_like(x) if self.training and self.sigma > 0 else x


def normed(layer: nn.Linear, trained: bool) -> nn.Linear:
    """``layer`` with weights of length 1, a length that is ``trained`` or is not, and zero biases."""
    nn.init.zeros_(layer.bias)
    weight_norm(layer)
    length_of(layer).data.fill_(1.0)
    length_of(layer).requires_grad_(trained)
    return layer


def length_of(layer: nn.Module) -> Tensor:
    """g ``[outputs, 1]`` of w = g v / |v|."""
    return layer.get_parameter("parametrizations.weight.original0")


def normed_dense(inputs: int, outputs: int, trained: bool = False) -> nn.Linear:
    """A layer of D: v ~ N(0, 0.1^2)."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, 0.0, 0.1)
    return normed(layer, trained)


class Generator(nn.Module):
    """``[N, z_dim]`` -> ``[N, *shape]`` in [-1, 1]."""

    def __init__(self, z_dim: int, shape: Shape, hidden: Sequence[int] = (500, 500)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = z_dim
        for units in hidden:
            norm = nn.BatchNorm1d(units, eps=1e-6)
            norm.weight.requires_grad_(False)  # 1: no gain
            layers += [nn.Linear(width, units, bias=False), norm, nn.Softplus()]
            width = units
        self.hidden, self.output, self.shape = nn.Sequential(*layers), nn.Linear(width, size_of(shape)), tuple(shape)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
        normed(self.output, trained=True)

    def forward(self, z: Tensor) -> Tensor:
        logits: Tensor = self.output(self.hidden(z))
        return (2 * logits.sigmoid() - 1).view(-1, *self.shape)


class Discriminator(DiscriminatorBase):
    """``[N, *shape]`` -> logits ``[N]``; features are the last hidden layer before its noise, which the head adds."""

    def __init__(
        self,
        shape: Shape,
        hidden: Sequence[int] = (1000, 500, 250, 250, 250),
        input_noise: float = 0.3,
        noise: float = 0.5,
    ) -> None:
        super().__init__()
        self.noise = noise
        layers: list[nn.Module] = [nn.Flatten(), UnitRange(), NormalNoise(input_noise)]
        width = size_of(shape)
        for units in hidden:
            layers += [normed_dense(width, units), nn.ReLU(), NormalNoise(noise)]
            width = units
        self.features, self.head = nn.Sequential(*layers[:-1]), self.new_head(width, 1)

    def new_head(self, features: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(NormalNoise(self.noise), normed_dense(features, outputs, trained=True))

    @torch.no_grad()
    def start_from(self, samples: Tensor) -> None:
        """Scale and shift each layer, from the first on: over ``samples`` its units then have mean 0 and variance 1."""
        x = samples
        for layer in (*self.features.children(), *self.head.children()):
            x = layer(x)
            if isinstance(layer, nn.Linear) and is_parametrized(layer):
                mean, deviation = x.mean(0), x.std(0, correction=0)
                length_of(layer).div_(deviation[:, None])
                layer.bias.copy_(-mean / deviation)
                x = (x - mean) / deviation
