"""MNIST (LeCun et al. 1998): 60,000 training and 10,000 test images of handwritten digits, 28 x 28, grey."""

from collections.abc import Sequence
from pathlib import Path

import torchvision.datasets
from torch import Tensor

from gan_lightning.data.arrays import Arrays, Source
from gan_lightning.data.fetch import RemoteFile, ensure, faults

IMAGES, LABELS = (
    16 + 28 * 28 * 10_000,
    8 + 10_000,
)  # bytes of the test files; the training files hold six times as many


class MNIST(Source):
    """Read with torchvision from ``root/MNIST/raw``, fetched there once if it is missing or damaged.

    Args:
        root: the folder above ``MNIST/``.
        split: ``train60k``, or ``train50k`` which holds the last 10,000 training images out.
    """

    name = "mnist"
    licence = "CC BY-SA 3.0 (Yann LeCun and Corinna Cortes)"
    shape = (1, 28, 28)
    reader: type[torchvision.datasets.MNIST] = torchvision.datasets.MNIST
    mirrors: Sequence[str] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    md5: Sequence[tuple[str | None, str]] = (  # (unpacked, packed)
        ("6bbc9ace898e44ae57da46a324031adb", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("a25bea736e30d166cdddb491f175f624", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("2646ac647ad5339dbf082846283269ea", "9fb629c4189551a2d022fa330f9573f3"),
        ("27ae3e4e09519cfbb04c329615203637", "ec29112dd5afa0611ce80d1b7f02629c"),
    )

    def __init__(self, root: str = "data", split: str = "train60k") -> None:
        if split not in ("train60k", "train50k"):
            raise ValueError(f"data.split must be train60k or train50k, got {split!r}. Choose one of the two.")
        self.root, self.split = Path(root), split

    @property
    def folder(self) -> Path:
        return self.root / self.reader.__name__ / "raw"

    def files(self) -> list[RemoteFile]:
        sizes = (6 * (IMAGES - 16) + 16, 6 * (LABELS - 8) + 8, IMAGES, LABELS)
        names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
        return [
            RemoteFile(f"{name}-ubyte", size, raw, packed)
            for name, size, (raw, packed) in zip(names, sizes, self.md5, strict=True)
        ]

    def is_complete(self) -> bool:
        return not faults(self.files(), self.folder)

    def prepare(self) -> None:
        ensure(self.files(), self.folder, self.mirrors, self.name)

    def _read(self, train: bool) -> tuple[Tensor, Tensor]:
        data = self.reader(str(self.root), train=train, download=False)
        return data.data[:, None], data.targets

    def train(self) -> Arrays:
        images, labels = self._read(train=True)
        n = 50_000 if self.split == "train50k" else 60_000
        return Arrays(images[:n], labels[:n])

    def validation(self) -> Arrays:
        """The last 10,000 training images, whatever the split."""
        images, labels = self._read(train=True)
        return Arrays(images[50_000:], labels[50_000:])

    def held_out(self) -> Arrays:
        return self.validation() if self.split == "train50k" else self.test()

    def test(self) -> Arrays:
        return Arrays(*self._read(train=False))
