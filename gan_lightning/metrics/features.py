"""Checks of the features that metrics are given, and distances between them."""

import torch
from torch import Tensor


def check_features(real: Tensor, fake: Tensor, at_least: int) -> tuple[Tensor, Tensor]:
    """``real`` ``[N, d]`` and ``fake`` ``[M, d]`` as float64.

    Raises:
        ValueError: not two matrices of one width, too few rows, or values that are not finite.
    """
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"features must be [N, d] and [M, d] with one d, got {list(real.shape)} and {list(fake.shape)}. "
            "Take both from the same judge."
        )
    if min(len(real), len(fake)) < at_least:
        raise ValueError(
            f"this metric needs at least {at_least} samples of each kind, got {len(real)} real and {len(fake)} fake. "
            f"Write n={at_least} or more, or leave n out."
        )
    for name, x in (("real", real), ("fake", fake)):
        if not torch.isfinite(x).all():
            raise ValueError(f"{name} features must be finite, got nan or inf. Look at the samples: has G diverged?")
    return real.double(), fake.double()


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """``[N, M]`` squared Euclidean distances of ``x`` ``[N, d]`` to ``y`` ``[M, d]``, not below 0."""
    return (x.square().sum(1, keepdim=True) + y.square().sum(1) - 2 * x @ y.T).clamp_min_(0)
