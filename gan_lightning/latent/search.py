"""The z whose sample fits what is known of an image: Adam on many z at once, the worse of them dropped on the way.

min over z of  sum_k w_k (known(G(z))_k - known_k)^2 + prior |z|^2 + realism softplus(-D(G(z)))
(Bora et al. 2017, equation 4 with a normal prior; Yeh et al. 2017, equations 3 and 4, whose log(1 - D) is here in the
form that keeps its slope). In a box, z is put back into it after each step and the prior's term is 0.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gan_lightning.latent.bench import Bench
from gan_lightning.latent.glimpses import Glimpse

CHUNK = 600  # samples at a time


@dataclass(frozen=True)
class Effort:
    """How z is searched for.

    Attributes:
        restarts: z that each image begins with; half of them go on after a quarter of the steps, a quarter after half.
        likeliest: of how many classes they are, for a G that takes labels: those that the encoder finds likeliest.
        steps: of Adam.
        lr: its rate, which falls to 0 by a cosine.
        prior: weight of |z|^2.
        realism: weight of D's verdict; without effect where D is not known.
    """

    restarts: int = 8
    steps: int = 300
    lr: float = 0.1
    prior: float = 0.1
    realism: float = 0.0
    likeliest: int = 1


@dataclass
class Found:
    """Attributes:
    z: ``[N, dim]``; y: labels ``[N]`` or None; samples: ``G(z)`` ``[N, *shape]``; cost: ``[N]``.
    """

    z: Tensor
    y: Tensor | None
    samples: Tensor
    cost: Tensor


def search(
    bench: Bench, glimpse: Glimpse, known: Tensor, starts: Tensor, labels: Tensor | None, effort: Effort
) -> Found:
    """The best z of each image, for what is known of it ``[N, K]`` and the z to begin with ``[N, R, dim]``.

    ``labels`` ``[N, R]`` are for a G that takes them.
    """
    per = max(1, CHUNK // starts.shape[1])
    parts = []
    for begin in range(0, len(known), per):
        bench.bar.set_postfix_str(f"searching z of images {begin} to {min(begin + per, len(known))} of {len(known)}")
        part = slice(begin, begin + per)
        y = None if labels is None else labels[part]
        parts.append(descend(bench, glimpse, known[part], starts[part], y, effort))
    y = None if parts[0].y is None else torch.cat([p.y for p in parts if p.y is not None])
    return Found(
        torch.cat([p.z for p in parts]), y, torch.cat([p.samples for p in parts]), torch.cat([p.cost for p in parts])
    )


def descend(
    bench: Bench, glimpse: Glimpse, known: Tensor, starts: Tensor, labels: Tensor | None, effort: Effort
) -> Found:
    """As ``search``, all at once."""
    n, restarts, dim = starts.shape
    G, bounds = bench.G, bench.bounds
    rows = torch.arange(n).repeat_interleave(restarts)
    z = starts.reshape(-1, dim).clone()
    y = None if labels is None else labels.flatten()
    mean, square = torch.zeros_like(z), torch.zeros_like(z)

    def costs(z: Tensor) -> Tensor:
        samples = G(z, y)
        cost = glimpse.error(samples, known[rows])
        if bounds is None:
            cost = cost + effort.prior * z.square().sum(1)
        if effort.realism and G.D is not None:
            cost = cost + effort.realism * softplus(-G.D(samples, y))
        return cost

    for step in range(1, effort.steps + 1):
        z.requires_grad_(True)
        cost = costs(z)
        (slope,) = torch.autograd.grad(cost.sum(), z)
        z, cost = z.detach(), cost.detach()
        mean.lerp_(slope, 0.1)
        square.lerp_(slope.square(), 0.001)
        rate = effort.lr * (1 + math.cos(math.pi * (step - 1) / effort.steps)) / 2
        z -= rate * (mean / (1 - 0.9**step)) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
        if bounds is not None:
            z.clamp_(*bounds)
        if step in (effort.steps // 4, effort.steps // 2) and restarts > 1:
            kept = best_rows(cost.view(n, restarts), max(1, restarts // 2))
            restarts = kept.shape[1]
            flat = kept.flatten()
            z, mean, square, rows = z[flat], mean[flat], square[flat], rows[flat]
            y = None if y is None else y[flat]
    with torch.no_grad():
        cost = costs(z)
        best = best_rows(cost.view(n, restarts), 1).flatten()
        y = None if y is None else y[best]
        z = z[best]
        return Found(z, y, G(z, y), cost[best])


def best_rows(cost: Tensor, keep: int) -> Tensor:
    """``[N, keep]`` row numbers, in the flattened ``cost`` ``[N, R]``, of the smallest of each row."""
    return cost.topk(keep, largest=False).indices + torch.arange(len(cost))[:, None] * cost.shape[1]
