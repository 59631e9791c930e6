"""How well D tells real from fake, by its logits alone; and what that says of the two laws."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def pairs_in_order(real: Tensor, fake: Tensor) -> float:
    """Share of pairs of a real and a fake sample, logits ``[N]`` and ``[M]``, that D puts in order; ties count half.

    1: D(x) > D(G(z)) for each pair. 0.5: a coin. It needs no threshold, so it means the same for every loss (it is the
    area under the ROC curve).
    """
    differences = real.double()[:, None] - fake.double()[None]
    return (differences.sign() + 1).mean().item() / 2


def jensen_shannon_bound(real: Tensor, fake: Tensor) -> float:
    """A lower bound of the Jensen-Shannon divergence of both laws, in nats, from log-odds ``[N]`` and ``[M]``.

    log 2 + (E log D(x) + E log(1 - D(G(z)))) / 2 with D = sigmoid(logit), which no D makes larger than the divergence
    (Goodfellow et al. 2014, theorem 1 and its proof). At most log 2 = 0.693; below 0 where D does worse than a coin
    would. It bounds only by samples that D has not learned from, and up to the error of their means.
    """
    return math.log(2) - (F.softplus(-real.double()).mean() + F.softplus(fake.double()).mean()).item() / 2


def slope(loss_value: Tensor, logits: Tensor) -> Tensor:
    """Scalar: sum of the absolute slopes of a mean ``loss_value`` in ``logits`` ``[N]``, 1 where each has slope 1."""
    (gradient,) = torch.autograd.grad(loss_value, logits)
    return gradient.abs().sum()
