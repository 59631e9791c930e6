"""The 1,797 real handwritten digits that scikit-learn ships (UCI optdigits test set): no download at all."""

import functools

import torch
import torch.nn.functional as F

from gan_lightning.data.arrays import Arrays, Source

TRAIN = 1500  # of 1,797; the other 297 are the test set


@functools.cache
def all_digits(size: int) -> Arrays:
    """All of them, resized, in the order of the parts. Read once: each part of a run is a copy of some rows."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    small = torch.from_numpy(raw.images).float()[:, None] / 16
    large = F.interpolate(small, size=(size, size), mode="bicubic", align_corners=False)
    images = (large.clamp(0, 1) * 255).round().to(torch.uint8)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return Arrays(images[order], torch.from_numpy(raw.target).long()[order])


class Digits(Source):
    """8 x 8 images with values 0..16, resized bicubically to ``size`` x ``size`` and stretched to 0..255.

    1,500 of them, drawn once and for all, are for training and 297 for testing.
    """

    name = "digits"
    licence = "CC BY 4.0 (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository)"

    def __init__(self, size: int = 28) -> None:
        self.size = size
        self.shape = (1, size, size)

    def train(self) -> Arrays:
        everything = all_digits(self.size)
        return Arrays(*everything[torch.arange(TRAIN)])

    def validation(self) -> Arrays:
        """The last 300 training images."""
        everything = all_digits(self.size)
        return Arrays(*everything[torch.arange(TRAIN - 300, TRAIN)])

    def test(self) -> Arrays:
        everything = all_digits(self.size)
        return Arrays(*everything[torch.arange(TRAIN, len(everything))])
