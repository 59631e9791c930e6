"""What is known of a generator's samples beside the samples: labels, further ones with labels, D's features."""

from collections.abc import Iterator

from torch import Tensor

from gan_lightning.core.rng import mix
from gan_lightning.report.observed import BLOCK, Known, as_pixels, features_of
from gan_lightning.report.rejection import calibrated, kept_samples, training_data
from gan_lightning.runs.load import LoadedGenerator


def known_of(G: LoadedGenerator, n: int, seed: int) -> Known:
    """What is known of ``G.sample(n, seed)``. Further samples of a G that takes labels have seeds of their own."""

    def labelled(n: int, truncation: float = 1.0, reject: float | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        if reject is not None:
            images, labels = training_data(G)
            ratio = calibrated(G, images, seed, truncation=truncation, labels=labels)
            samples, y = kept_samples(ratio, n, reject, seed)
            assert y is not None
            yield from ((as_pixels(x.cpu()), own) for x, own in zip(samples.split(BLOCK), y.split(BLOCK), strict=True))
            return
        for i, start in enumerate(range(0, n, BLOCK)):
            size, own = min(BLOCK, n - start), mix(seed, i)
            y = G.labels(size, own)
            assert y is not None
            yield as_pixels(G.sample(size, own, y=y, truncation=truncation).cpu()), y

    D = G.D
    return Known(G.labels(n, seed), labelled if G.classes else None, None if D is None else lambda x: features_of(D, x))
