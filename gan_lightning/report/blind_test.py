"""The blind test of the page: which of 40 pictures are real? (Salimans et al. 2016, section 6.2, asked people.)"""

import math
from typing import Any

import torch

from gan_lightning.core.pixels import to_pixels
from gan_lightning.data.arrays import Source
from gan_lightning.report.page_pictures import png_of
from gan_lightning.runs.load import LoadedGenerator

EACH = 20  # pictures of either kind; fewer of large ones
MOST = 2**19  # values of pixels of all of them


def blind_test(G: LoadedGenerator, source: Source | None, seed: int) -> list[dict[str, Any]]:
    """EACH samples and EACH test images in random order, a function of ``seed``: ``real`` and ``src``.

    Empty where the samples are points, or there are no test images (``source`` is None where the data are not on this
    machine).
    """
    if source is None or len(G.shape) != 3:
        return []
    generator = torch.Generator().manual_seed(seed)
    try:
        test = source.test().images
    except ValueError:
        return []
    each = min(EACH, max(1, MOST // (2 * math.prod(G.shape))))
    rows = torch.randperm(len(test), generator=generator)[:each]
    real = test[rows] if test.dtype == torch.uint8 else to_pixels(test[rows])
    pictures = torch.cat([real, to_pixels(G.sample(len(rows), seed + 1))]).float() / 255
    order = torch.randperm(len(pictures), generator=generator).tolist()
    return [{"real": row < len(rows), "src": png_of(pictures[row])} for row in order]
