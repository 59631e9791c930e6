"""Minibatch discrimination (Salimans et al. 2016, section 3.2): D sees how close a sample is to its batch."""

import torch
from torch import Tensor, nn

from gan_lightning.core.play import Discriminator
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.batch_features import HeadWithBatchFeatures, feature_count
from gan_lightning.techniques.knobs import count


class Closeness(nn.Module):
    """o(x_i)_b = sum over j of exp(-|M_ib - M_jb|_1) with M_i = f(x_i) T: ``[N, A]`` -> ``[N, B]``.

    T is A x B x C. As in the paper the sum runs over the whole batch, the sample itself (which adds 1) included.
    """

    def __init__(self, in_features: int, kernels: int, dims: int) -> None:
        super().__init__()
        self.T = nn.Parameter(torch.empty(in_features, kernels, dims))
        nn.init.normal_(self.T, 0.0, 0.05)  # as the authors' code

    def forward(self, f: Tensor) -> Tensor:
        M = torch.einsum("na,abc->nbc", f, self.T)
        distance = (M.unsqueeze(0) - M.unsqueeze(1)).abs().sum(3)  # [N, N, B]; cdist has no second derivative
        return torch.exp(-distance).sum(0)


class MinibatchDiscrimination(Technique):
    """D's head also sees the closeness of each sample to the other samples of its process's batch.

    Args:
        kernels: B of the paper.
        dims: C of the paper.
    """

    recordable = True
    refuses_classes = "it adds one number to D's logit, and D then has an output for each class"

    def __init__(self, kernels: int = 100, dims: int = 5) -> None:
        count("minibatch_discrimination", "kernels", kernels, 1, "The authors' code uses 100.")
        count("minibatch_discrimination", "dims", dims, 1, "The authors' code uses 5.")
        self.kernels, self.dims = kernels, dims

    def transform_d(self, D: Discriminator) -> Discriminator:
        closeness = Closeness(feature_count(D.head), self.kernels, self.dims)
        D.head = HeadWithBatchFeatures(D.head, closeness, self.kernels)
        return D
