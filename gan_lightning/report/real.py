"""Real images beside samples, where the data of a run lie on this disk."""

from contextlib import suppress

from torch import Tensor

from gan_lightning.config.build import build_source
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.runs.load import LoadedGenerator, readable_root


def real_samples(G: LoadedGenerator, n: int) -> Tensor | None:
    """The first ``n`` test images of the data that ``G`` learnt from, in [-1, 1], or points.

    None where they do not lie on this disk (nothing is fetched), are fewer, or are no images of G's shape.
    """
    data = G.config.data
    with suppress(ValueError, OSError):
        if "root" in data:
            data.root = readable_root(data)
        source = build_source(data)
        if source.is_complete() and list(source.shape) == G.shape:
            found = to_signed_range(source.test().images[:n])
            return found if len(found) == n else None
    return None
