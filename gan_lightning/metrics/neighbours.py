"""Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020), by nearest neighbours."""

import torch
from torch import Tensor

from gan_lightning.metrics.features import check_features, squared_distances


def radii(x: Tensor, k: int, chunk: int) -> Tensor:
    """Squared distance of each row to its k-th nearest neighbour among the other rows."""
    return torch.cat([squared_distances(part, x).kthvalue(k + 1, dim=1).values for part in x.split(chunk)])


def precision_recall_density_coverage(real: Tensor, fake: Tensor, k: int = 5, chunk: int = 500) -> dict[str, float]:
    """Four numbers of features ``[N, d]`` and ``[M, d]``. A row's ball ends at its ``k``-th nearest row of its kind.

    precision: share of fakes inside some real's ball. recall: share of reals inside some fake's ball.
    density: how many reals' balls hold a fake, over k, on average (1 for equal laws, may exceed it).
    coverage: share of reals whose ball holds a fake.
    """
    real, fake = check_features(real, fake, at_least=k + 1)
    real_radii, fake_radii = radii(real, k, chunk), radii(fake, k, chunk)
    balls = torch.zeros(len(fake), dtype=torch.long)  # for each fake, how many reals' balls it lies in
    recalled = covered = 0
    for part, radius in zip(real.split(chunk), real_radii.split(chunk), strict=True):
        distances = squared_distances(part, fake)
        inside = distances < radius[:, None]
        balls += inside.sum(0)
        covered += int(inside.any(1).sum())
        recalled += int((distances < fake_radii).any(1).sum())
    return {
        "precision": (balls > 0).double().mean().item(),
        "recall": recalled / len(real),
        "density": balls.double().mean().item() / k,
        "coverage": covered / len(real),
    }


def coverage(real: Tensor, fake: Tensor, k: int = 5) -> float:
    """Share of reals whose ball holds a fake: the cheapest of the four numbers, and one that a collapse lowers."""
    real, fake = check_features(real, fake, at_least=k + 1)
    return (squared_distances(real, fake).min(1).values < radii(real, k, len(real))).double().mean().item()
