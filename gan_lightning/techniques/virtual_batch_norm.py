"""Virtual batch normalization (Salimans et al. 2016, section 3.5): G's statistics come from a fixed reference batch.

Each sample is normalised by the statistics of the reference batch with the sample itself mixed in, so its picture does
not depend on the others of its batch; training and sampling compute the same function.
"""

import torch
from torch import Tensor, nn

from gan_lightning.core.play import Prior
from gan_lightning.core.rng import Stream
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.knobs import count

BATCH_NORMS = nn.BatchNorm1d | nn.BatchNorm2d


class VirtualNorm(nn.Module):
    """The first ``reference`` rows of a batch are the reference batch; each other row joins it alone.

    mean = (n mean_ref + mean_x) / (n + 1), and the same for the mean of squares; mean_x is over the sample's own
    positions (its value, in a dense layer).
    """

    def __init__(self, norm: BATCH_NORMS, reference: int) -> None:
        super().__init__()
        self.reference, self.eps = reference, norm.eps
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, x: Tensor) -> Tensor:
        values = x.float()  # half precision has too few digits for a difference of squares
        own = tuple(range(2, x.ndim))
        means = [v.mean(own, keepdim=True) if own else v for v in (values, values.square())]
        mixed = []
        for mean in means:
            reference = mean[: self.reference].mean(0, keepdim=True)
            rest = (self.reference * reference + mean[self.reference :]) / (self.reference + 1)
            mixed.append(torch.cat([reference.expand(self.reference, *reference.shape[1:]), rest]))
        mean, square = mixed
        scale = (square - mean.square()).clamp_min(0).add(self.eps).rsqrt()
        shape = (1, -1, *[1] * len(own))
        return ((values - mean) * scale * self.weight.view(shape) + self.bias.view(shape)).to(x.dtype)


class WithReference(nn.Module):
    """G that runs the reference batch ahead of every batch."""

    reference: Tensor

    def __init__(self, G: nn.Module, reference: Tensor) -> None:
        super().__init__()
        self.G = G
        self.register_buffer("reference", reference)

    def forward(self, z: Tensor) -> Tensor:
        samples: Tensor = self.G(torch.cat([self.reference.to(z), z]))
        return samples[len(self.reference) :]


class VirtualBatchNorm(Technique):
    """Every BatchNorm of G becomes a ``VirtualNorm``.

    Args:
        prior: the law of the z that the reference batch is made from.
        size: samples of the reference batch.
        seed: of these z, which are drawn once and saved with G.
    """

    recordable = True
    refuses_labels = "its reference batch is of noise alone, and G then needs labels too"

    def __init__(self, prior: Prior, size: int = 64, seed: int = 0) -> None:
        count("virtual_batch_norm", "size", size, 2, "It is the size of the reference batch.")
        self.prior, self.size, self.seed = prior, size, seed

    def transform_g(self, G: nn.Module) -> nn.Module:
        found = [(m, name, c) for m in G.modules() for name, c in m.named_children() if isinstance(c, BATCH_NORMS)]
        if not found:
            raise ValueError(
                "technique=virtual_batch_norm replaces the BatchNorm of G, got a G without any. "
                "Use network=mlp or network=dcgan, or leave the technique out."
            )
        for parent, name, norm in found:
            setattr(parent, name, VirtualNorm(norm, self.size))
        return WithReference(G, self.prior(self.size, Stream(self.seed, name="virtual_batch_norm")))
