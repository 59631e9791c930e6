"""Metrics of samples that were made for a class: does the judge see that class, and are they like its real images?"""

import math

from torch import Tensor

from gan_lightning.core.rng import fixed_rows
from gan_lightning.metrics.frechet import frechet_distance


def label_agreement(fake: Tensor, fake_labels: Tensor) -> float:
    """Share of samples whose most probable class, of probabilities ``[N, classes]``, is their label ``[N]``.

    Of real images it is the judge's accuracy.
    """
    return (fake.argmax(1) == fake_labels).double().mean().item()


def class_distances(real: Tensor, real_labels: Tensor, fake: Tensor, fake_labels: Tensor) -> dict[str, float]:
    """Frechet distance of each class, fd_class_0 and so on, and their mean (the intra-FID of Miyato & Koyama 2018).

    Features ``[N, d]`` and ``[M, d]`` with labels ``[N]`` and ``[M]``; of each class as many real as fake, drawn by a
    fixed permutation from the side that has more. nan where a side has fewer than two.
    """
    found: dict[str, float] = {}
    for c in range(int(max(real_labels.max(), fake_labels.max())) + 1):
        of_real, of_fake = real[real_labels == c], fake[fake_labels == c]
        n = min(len(of_real), len(of_fake))
        of_real, of_fake = (x[fixed_rows(len(x), n)] if len(x) > n else x for x in (of_real, of_fake))
        found[f"fd_class_{c}"] = frechet_distance(of_real, of_fake) if n >= 2 else math.nan
    return {**found, "fd_class_mean": sum(found.values()) / len(found)}
