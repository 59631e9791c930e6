"""Which training samples count as labelled: as many of each class, drawn once; the labels of the others are hidden."""

import torch
from torch import Tensor

HIDDEN = -1  # stands in place of a label that nobody may know


def balanced(labels: Tensor, n: int, seed: int, name: str) -> Tensor:
    """``[n]`` row numbers: of each class the first n / K of a permutation of all rows, a class after the other.

    Args:
        labels: int64 ``[N]``, the classes 0 to K - 1.
        n: how many samples are labelled, a multiple of K.
        seed: of the permutation.
        name: of the dataset, for errors.

    Raises:
        ValueError: there are not so many samples, in all or of a class, or the classes cannot share ``n``.
    """
    if n > len(labels):
        raise ValueError(
            f"data.labelled must not exceed the {len(labels)} training samples of data={name}, got {n}. Write "
            "data.labelled=100"
        )
    if labels.is_floating_point() or int(labels.min()) < 0 or int(labels.max()) >= len(labels):
        raise ValueError(
            f"data.labelled needs data whose classes are numbered from 0, got labels from {labels.min().item()} to "
            f"{labels.max().item()} in data={name}. Number them, or leave data.labelled and technique=[supervised] out."
        )
    counts = torch.bincount(labels)
    classes = len(counts)
    if classes < 2 or n < classes or n % classes:
        raise ValueError(
            f"data.labelled must be a multiple of the {classes} classes of data={name} (two classes or more), as many "
            f"samples being drawn of each, got {n}. Write data.labelled={max(n // classes, 1) * classes}"
        )
    if int(counts.min()) < n // classes:
        raise ValueError(
            f"data.labelled must leave each class of data={name} enough samples, {n // classes} of each being drawn, "
            f"got {n}: class {int(counts.argmin())} has {int(counts.min())}. Write data.labelled="
            f"{int(counts.min()) * classes or classes}"
        )
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    mixed = labels[order]
    return torch.cat([order[mixed == label][: n // classes] for label in range(classes)])
