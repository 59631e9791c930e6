"""Lines between two z: the one that a prior asks for.

A normal z of d values lies near the sphere of radius sqrt(d), and the middle of a straight line between two of them at
1 / sqrt(2) of it, where hardly any z of the prior is. So a normal prior's line is the great circle's, with lengths in
between (White 2016, equation 1); in the box of a uniform prior every point of a straight line is as likely as its ends.
"""

import math

import torch
from torch import Tensor


def straight(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """(1 - t) a + t b for each t in ``share`` ``[n]``: ``[n, dim]``."""
    return a + share[:, None] * (b - a)


def spherical(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b, w the angle between a and b (White 2016): ``[n, dim]``.

    The straight line where a and b have one direction.
    """
    angle = math.acos(max(-1.0, min(1.0, float(a @ b / (a.norm() * b.norm())))))
    if math.sin(angle) < 1e-4:
        return straight(a, b, share)
    weights = torch.stack([torch.sin((1 - share) * angle), torch.sin(share * angle)], 1) / math.sin(angle)
    return weights @ torch.stack([a, b])
