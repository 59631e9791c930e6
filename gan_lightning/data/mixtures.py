"""Mixtures of normals in the plane: the classic tests of mode coverage.

Eight means on the unit circle with sd 0.01, 25 on the grid {-4, -2, 0, 2, 4}^2 with sd 0.05 (Srivastava et al. 2017;
sizes and standard deviations as in the code of Lin et al. 2018).
"""

import math
from typing import Any

import torch
from torch import Tensor

from gan_lightning.data.arrays import Arrays, Source


def ring_means(modes: int = 8, radius: float = 1.0) -> Tensor:
    """``[modes, 2]``, at equal angles. (linspace(0, 2 pi, 8), seen elsewhere, places only seven.)"""
    angle = 2 * math.pi * torch.arange(modes, dtype=torch.float64) / modes
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


def grid_means(side: int = 5, step: float = 2.0) -> Tensor:
    """``[side^2, 2]``, around 0."""
    at = step * (torch.arange(side, dtype=torch.float64) - (side - 1) / 2)
    return torch.cartesian_prod(at, at)


class Mixture(Source):
    """``n`` points ``[2]`` float32 of equally likely normals; validation and test are other draws.

    Args:
        means: ``[K, 2]``.
        sd: of each normal, in both directions.
        n, n_test: points to train on, and to compare with (the published tables use 2,500).
    """

    shape = (2,)

    def __init__(self, name: str, means: Tensor, sd: float, n: int = 100_000, n_test: int = 2500) -> None:
        self.name, self.means, self.sd, self.n, self.n_test = name, means, sd, n, n_test

    def judge_settings(self) -> dict[str, Any]:
        return {"means": self.means, "sd": self.sd}

    def train(self) -> Arrays:
        return self.draw(self.n, 0)

    def validation(self) -> Arrays:
        return self.draw(self.n_test, 1)

    def held_out(self) -> Arrays:
        return self.validation()

    def test(self) -> Arrays:
        return self.draw(self.n_test, 2)

    def draw(self, n: int, seed: int) -> Arrays:
        generator = torch.Generator().manual_seed(seed)
        which = torch.randint(len(self.means), (n,), generator=generator)
        points = self.means[which] + self.sd * torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return Arrays(points.float(), which)


def ring8(sd: float = 0.01, n: int = 100_000, n_test: int = 2500) -> Mixture:
    return Mixture("ring8", ring_means(), sd, n, n_test)


def grid25(sd: float = 0.05, n: int = 100_000, n_test: int = 2500) -> Mixture:
    return Mixture("grid25", grid_means(), sd, n, n_test)
