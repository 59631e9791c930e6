"""Weight norm (Salimans & Kingma 2016, equation 2): w = g v / |v| for each unit of D."""

from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import is_parametrized

from gan_lightning.core.play import Discriminator
from gan_lightning.core.seats import Technique


def weighted_layers(name: str, D: nn.Module) -> list[nn.Module]:
    """The linear and convolutional layers of D, and its embedding of the classes, for the technique ``name``.

    Raises:
        ValueError: one of them is parametrized already.
    """
    layers: list[nn.Module] = [
        m for m in D.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d | nn.Embedding)
    ]
    if any(is_parametrized(layer) for layer in layers):
        raise ValueError(
            f"technique={name} rescales D's weights, which another technique or the network rescales already. "
            "Choose one of spectral_norm and weight_norm, and neither with network=salimans2016."
        )
    return layers


class WeightNorm(Technique):
    """PyTorch's parametrization on every linear and convolutional layer of D: g and v are its parameters."""

    recordable = True
    rescales_weights = True

    def transform_d(self, D: Discriminator) -> Discriminator:
        for layer in weighted_layers("weight_norm", D):
            weight_norm(layer)
        return D
