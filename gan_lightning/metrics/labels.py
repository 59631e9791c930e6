"""Metrics of the judge's class probabilities: the classifier score, and how often G draws each class."""

import torch
from torch import Tensor


def classifier_score(real: Tensor, fake: Tensor) -> float:
    """exp(E_x KL(p(y|x) || p(y))) of the fakes' class probabilities ``[M, classes]``: the Inception score's formula
    (Salimans et al. 2016, section 4) on the judge. From 1 to the number of classes; the reals are not used."""
    p = fake.double()
    marginal = p.mean(0)
    divergence = torch.special.xlogy(p, p).sum(1) - torch.special.xlogy(p, marginal).sum(1)
    return float(divergence.mean().exp())


def label_statistics(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Two numbers of class probabilities ``[N, classes]`` and ``[M, classes]``; a label is the most probable class.

    label_distance: total variation between the two histograms of labels, 0 to 1.
    modes: number of classes that are the label of some fake.
    """
    classes = fake.shape[1]
    histogram_r = torch.bincount(real.argmax(1), minlength=classes).double() / len(real)
    histogram_f = torch.bincount(fake.argmax(1), minlength=classes).double() / len(fake)
    return {
        "label_distance": (histogram_r - histogram_f).abs().sum().item() / 2,
        "modes": int((histogram_f > 0).sum()),
    }
