"""Made-up images for tests and benchmarks: one bright square per image, its place given by the label."""

import torch

from gan_lightning.data.arrays import Arrays, Source


class Synthetic(Source):
    """``n`` images ``(channels, size, size)`` of ten classes, the same at every call."""

    name = "synthetic"
    licence = "none: they are made up"

    def __init__(self, n: int = 1000, size: int = 28, channels: int = 1) -> None:
        self.n, self.shape = n, (channels, size, size)

    def train(self) -> Arrays:
        return self._make(seed=0)

    def validation(self) -> Arrays:
        return self._make(seed=2)

    def test(self) -> Arrays:
        return self._make(seed=1)

    def _make(self, seed: int) -> Arrays:
        generator = torch.Generator().manual_seed(seed)
        labels = torch.arange(self.n) % 10
        images = torch.randint(0, 32, (self.n, *self.shape), generator=generator, dtype=torch.uint8)
        side = self.shape[1] // 4
        for digit in range(10):
            top, left = divmod(digit, 4)
            rows = labels == digit
            images[rows, :, top * side : (top + 1) * side, left * side : (left + 1) * side] += 200
        return Arrays(images, labels)
