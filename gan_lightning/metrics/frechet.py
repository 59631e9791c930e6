"""Frechet distance between Gaussians fitted to features (Heusel et al. 2017, equation 6), in singular-value form."""

import torch
from torch import Tensor

from gan_lightning.metrics.features import check_features


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """|m_r - m_f|^2 + Tr(C_r + C_f - 2 (C_r C_f)^(1/2)) of features ``[N, d]`` and ``[M, d]``.

    With C = R'R, Tr (C_r C_f)^(1/2) is the sum of the singular values of R_r R_f'. A matrix square root of C_r C_f
    would lose digits where C_r or C_f is singular, since rounding makes the product indefinite.

    Raises:
        ValueError: fewer than two rows, different d, or values that are not finite.
    """
    real, fake = check_features(real, fake, at_least=2)
    mean_r, root_r = mean_and_root(real)
    mean_f, root_f = mean_and_root(fake)
    cross = torch.linalg.svdvals(root_r @ root_f.T).sum()
    distance = (mean_r - mean_f).square().sum() + root_r.square().sum() + root_f.square().sum() - 2 * cross
    return max(float(distance), 0.0)


def mean_and_root(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``[d]`` of ``x`` ``[N, d]``, and R ``[min(N, d), d]`` with R'R the covariance (n - 1 in the denominator)."""
    mean = x.mean(0)
    return mean, torch.linalg.qr(x - mean, mode="r").R / (len(x) - 1) ** 0.5
