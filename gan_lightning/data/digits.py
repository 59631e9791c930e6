"""The 1,797 real handwritten digits that scikit-learn ships (UCI optdigits test set): no download at all."""

import torch
import torch.nn.functional as F

from gan_lightning.data.arrays import Arrays


class Digits:
    """8 x 8 images with values 0..16, resized bicubically to ``size`` x ``size`` and stretched to 0..255."""

    name = "digits"

    def __init__(self, size: int = 28) -> None:
        self.size = size
        self.shape = (1, size, size)

    def prepare(self) -> None:
        pass

    def train(self) -> Arrays:
        from sklearn.datasets import load_digits

        raw = load_digits()
        small = torch.from_numpy(raw.images).float()[:, None] / 16
        large = F.interpolate(small, size=(self.size, self.size), mode="bicubic", align_corners=False)
        images = (large.clamp(0, 1) * 255).round().to(torch.uint8)
        return Arrays(images, torch.from_numpy(raw.target).long())
