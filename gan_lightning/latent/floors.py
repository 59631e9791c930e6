"""What is reached without a GAN, from the training images alone: the floors beside which a G has to stand."""

import torch
from torch import Tensor

from gan_lightning.latent.glimpses import Glimpse, Shrunk
from gan_lightning.metrics.memorisation import nearest

RESIDUE = 1e-3  # the least variance of a pixel that principal components leave


class Components:
    """Principal components of training images, and the most likely image for what is known of one.

    x = mean + V a + noise with a ~ N(0, diag(variances)): probabilistic principal components (Tipping & Bishop 1999).

    Args:
        train: ``[N, C, S, S]``.
        k: number of components.
    """

    def __init__(self, train: Tensor, k: int) -> None:
        x = train.flatten(1).double()
        self.shape, self.mean = train.shape[1:], x.mean(0)
        covariance = (x - self.mean).T @ (x - self.mean) / (len(x) - 1)
        values, vectors = torch.linalg.eigh(covariance)
        k = min(k, len(values) - 1)
        self.variances, self.vectors = values.flip(0)[:k].clamp_min(1e-12), vectors.flip(1)[:, :k]
        self.residue = max(float(values.flip(0)[k:].mean()), RESIDUE)

    def complete(self, glimpse: Glimpse, known: Tensor) -> Tensor:
        """``[N, C, S, S]``: mean + V a with the a of the greatest posterior density for ``known`` ``[N, K]``."""
        zero = glimpse.known(torch.zeros(1, *self.shape).double())
        seen = glimpse.known(self.vectors.T.reshape(-1, *self.shape)) - zero  # [k, K]
        rest = known.double() - glimpse.known(self.mean.view(1, *self.shape))
        precision = seen @ seen.T + self.residue * torch.diag(1 / self.variances)
        a = torch.linalg.solve(precision, seen @ rest.T).T
        likely: Tensor = self.mean + a @ self.vectors.T
        return likely.view(-1, *self.shape).float().clamp(-1, 1)


def floors(train: Tensor, glimpse: Glimpse, known: Tensor, k: int) -> dict[str, Tensor]:
    """Name -> images ``[N, C, S, S]`` for what is known of each.

    The training image that is nearest in what is known, the most likely one by as many principal components as z has,
    the mean of all, and for a small image its enlargement; before what is known is put back.

    Args:
        train: training images ``[M, C, S, S]``.
        k: dim of z.
    """
    _, row = nearest(known, torch.cat([glimpse.known(part) for part in train.split(5000)]))
    found = {
        "nearest training image": train[row],
        f"{k} principal components": Components(train, k).complete(glimpse, known),
        "mean image": train.mean(0, keepdim=True).expand(len(known), -1, -1, -1),
    }
    if isinstance(glimpse, Shrunk):
        found["bicubic"] = glimpse.bicubic(known)
    return found
