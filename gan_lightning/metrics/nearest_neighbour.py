"""The 1-nearest-neighbour test of Radford et al. 2016, supplementary 8.1: samples with labels as the training set."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from gan_lightning.metrics.memorisation import nearest


def nearest_neighbour(
    test: Tensor,
    test_labels: Tensor,
    labelled: Callable[[int], Iterable[tuple[Tensor, Tensor]]],
    n: int = 50_000,
    chunk: int = 1000,
) -> dict[str, float]:
    """nn_error: share of test images ``[N, C, H, W]`` whose nearest of ``n`` samples has another label.

    Euclidean distance of pixels in [0, 1]; of samples equally near the first counts. nn_images: how many samples there
    were, below ``n`` where real images ran out. Memory does not grow with ``n``: ``labelled(n)`` gives blocks.
    """
    pixels = (test + 1) / 2
    best = torch.full((len(test),), torch.inf)
    seen = torch.full_like(test_labels, -1)
    count = 0
    for samples, labels in labelled(n):
        distance, row = nearest(pixels, (samples + 1) / 2, chunk)
        closer = distance < best
        best[closer], seen[closer] = distance[closer], labels[row[closer]]
        count += len(labels)
    return {"nn_error": (seen != test_labels).double().mean().item(), "nn_images": count}
