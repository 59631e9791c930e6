"""Do samples differ from one another? Mean Euclidean distances between pairs."""

import torch
from torch import Tensor

from gan_lightning.metrics.features import squared_distances


def mean_distance(x: Tensor, labels: Tensor | None = None) -> float:
    """Mean distance over all pairs of rows of ``x`` ``[N, ...]``; of the pairs with one label, where there are labels.

    nan where there is no pair. 0 where all rows are the same.
    """
    flat = x.flatten(1).double()
    distances = squared_distances(flat, flat).sqrt()
    pairs = ~torch.eye(len(flat), dtype=torch.bool)
    if labels is not None:
        pairs &= labels[:, None] == labels[None]
    return distances[pairs].mean().item()
