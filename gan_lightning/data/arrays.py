"""Datasets that fit in memory, and the one DataModule that serves them.

Images stay uint8 on the host; a batch is gathered with one indexing and normalised on the device. The order is
an endless stream, a pure function of (seed, batch number): there is no epoch boundary to lose, no position to
save, and processes take disjoint rows of the same global batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from gan_lightning.core.layout import laid_out
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.play import Shape
from gan_lightning.core.rng import mix
from gan_lightning.data.labelled import HIDDEN, balanced


class DataUnavailable(ValueError):
    """The files of a dataset are missing and could not be fetched."""


@dataclass(frozen=True)
class Arrays(Dataset[tuple[Tensor, Tensor]]):
    """A whole dataset: ``images`` uint8 ``[N, C, H, W]`` (or points, float32 ``[N, d]``), ``labels`` int64 ``[N]``."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.images[rows], self.labels[rows]


class Source(ABC):
    """One dataset.

    Attributes:
        name: as in ``data=name``.
        shape: of one sample; known before anything is read.
        licence: of the data, in words, for the card of a generator that learnt from them.
    """

    name: str
    shape: Shape
    licence: str = "that of your own pictures"

    def prepare(self) -> None:  # noqa: B027 (most have nothing to fetch)
        """Fetch what is missing. Raises DataUnavailable."""

    @abstractmethod
    def train(self) -> Arrays:
        """The images that the GAN trains on."""

    @abstractmethod
    def validation(self) -> Arrays:
        """Images that choose between checkpoints, none of them in the test set; some datasets train on them too.

        Raises ValueError where a dataset has no test images.
        """

    @abstractmethod
    def test(self) -> Arrays:
        """Images that no GAN has seen. Raises ValueError where a dataset has none."""

    def held_out(self) -> Arrays:
        """Images that the GAN does not train on, to see whether D knows its training images by heart.

        They choose nothing. The test images, unless others are held out. Raises ValueError where there are none.
        """
        return self.test()

    def is_complete(self) -> bool:
        """Can it be read where it lies, with nothing fetched?"""
        return True

    def judge_settings(self) -> dict[str, Any]:
        """Arguments of its judge that depend on its own settings, such as the means of a mixture."""
        return {}


class Shuffle(Sampler[Tensor]):
    """Rows of this process for batch ``start``, ``start + 1``, ... without end.

    Each pass over the ``n`` samples has its own permutation, a function of (seed, pass); the last short batch
    of a pass is dropped, since BatchNorm, compilation and capture want one batch size.
    """

    def __init__(self, n: int, batch_size: int, seed: int, start: int = 0, rank: int = 0, world: int = 1) -> None:
        self.n, self.batch_size, self.seed, self.start = n, batch_size, seed, start
        self.rank, self.local = rank, batch_size // world

    def __iter__(self) -> Iterator[Tensor]:
        per_pass = self.n // self.batch_size
        epoch, batch = divmod(self.start, per_pass)
        while True:
            generator = torch.Generator().manual_seed(mix(self.seed, epoch))
            order = torch.randperm(self.n, generator=generator)
            for i in range(batch, per_pass):
                first = i * self.batch_size + self.rank * self.local
                yield order[first : first + self.local]
            epoch, batch = epoch + 1, 0


@dataclass(frozen=True)
class Batches:
    """The batches of ``arrays`` in ``order``. A DataLoader would add a profiler record and a fetcher to each batch."""

    arrays: Arrays
    order: Shuffle

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return map(self.arrays.__getitem__, self.order)


@dataclass(frozen=True)
class MultiBatches:
    """Lists of ``batches``: after so many D steps as many as ``ahead`` says of that number."""

    batches: Batches
    ahead: Callable[[int], int]

    def __iter__(self) -> Iterator[list[tuple[Tensor, Tensor]]]:
        batches, done = iter(self.batches), self.batches.order.start
        while True:
            several = list(islice(batches, self.ahead(done)))
            done += len(several)
            yield several


def one(done: int) -> int:
    """One batch, whatever was played before."""
    return 1


class GANData(LightningDataModule):
    """Batches of (images float32 [-1, 1], labels) from one source; to a Trainer lists of them.

    Attributes:
        ahead: D steps done -> batches of the list that then follows.

    Args:
        source: the dataset.
        batch_size: images of a global batch, divided among the processes.
        seed: with the number of a batch it determines its images.
        labelled: how many training samples have labels, the same number of each class; all others' labels, and the
            labels of all batches, are then HIDDEN. None: all samples have labels.
        labelled_seed: it determines which they are.
    """

    def __init__(
        self, source: Source, batch_size: int, seed: int = 0, labelled: int | None = None, labelled_seed: int = 0
    ) -> None:
        super().__init__()
        self.source, self.batch_size, self.seed = source, batch_size, seed
        self.labelled, self.labelled_seed = labelled, labelled_seed
        self.arrays: Arrays | None = None
        self.ahead: Callable[[int], int] = one
        self.known: Arrays | None = None  # the labelled samples

    def prepare_data(self) -> None:
        if self.arrays is None:
            self.source.prepare()

    def setup(self, stage: str | None = None) -> None:
        if self.arrays is None:
            self.arrays = self.source.train()
            if self.labelled is not None:
                rows = balanced(self.arrays.labels, self.labelled, self.labelled_seed, self.source.name)
                self.known = Arrays(*self.arrays[rows])
                self.arrays = Arrays(self.arrays.images, torch.full_like(self.arrays.labels, HIDDEN))
        if self.batch_size > len(self.arrays):
            raise ValueError(
                f"batch_size must not exceed the {len(self.arrays)} images of data={self.source.name}, "
                f"got {self.batch_size}. Set batch_size={len(self.arrays)} or less."
            )

    def reference(self, n: int = 10_000) -> Tensor:
        """The first ``n`` training samples in file order, float32 in [-1, 1]."""
        assert self.arrays is not None, "setup() comes first"
        return to_signed_range(self.arrays.images[:n])

    def mean(self, rows: int = 10_000) -> Tensor:
        """The mean of all training samples, float32 ``[*shape]`` in [-1, 1]; ``rows`` are converted at a time."""
        assert self.arrays is not None, "setup() comes first"
        parts = self.arrays.images.split(rows)
        total = torch.stack([to_signed_range(part, torch.float64).sum(0) for part in parts]).sum(0)
        return (total / len(self.arrays)).float()

    def class_counts(self) -> Tensor:
        """How many training samples each class has, int64 ``[K]``; of the labelled ones, where not all are.

        Raises:
            ValueError: the labels are no numbers of classes.
        """
        assert self.arrays is not None, "setup() comes first"
        y = (self.known or self.arrays).labels
        if y.is_floating_point() or int(y.min()) < 0 or int(y.max()) >= len(y):
            raise ValueError(
                f"data={self.source.name} must number its classes from 0 for a game with a condition, got labels from "
                f"{y.min().item()} to {y.max().item()} for {len(y)} samples. Number them, or use condition=none."
            )
        return torch.bincount(y)

    def validation(self) -> Tensor:
        """The validation images, float32 in [-1, 1]."""
        return to_signed_range(self.source.validation().images)

    def batches(self) -> Batches:
        """All batches of one process, from the first on, as they lie on the host: without a Trainer."""
        assert self.arrays is not None, "setup() comes first"
        return Batches(self.arrays, Shuffle(len(self.arrays), self.batch_size, self.seed))

    def train_dataloader(self) -> MultiBatches:
        assert self.arrays is not None, "setup() comes first"
        trainer: Any = self.trainer
        done = trainer.lightning_module.d_steps_done  # one batch per D step: a resumed run goes on from there
        order = Shuffle(len(self.arrays), self.batch_size, self.seed, done, trainer.global_rank, trainer.world_size)
        return MultiBatches(Batches(self.arrays, order), self.ahead)

    def on_after_batch_transfer(
        self, batch: list[tuple[Tensor, Tensor]], dataloader_idx: int
    ) -> list[tuple[Tensor, Tensor]]:
        trainer: Any = self.trainer
        gan = trainer.lightning_module
        return [(laid_out(to_signed_range(x, gan.dtype), gan.memory_format), labels) for x, labels in batch]
