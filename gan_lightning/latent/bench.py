"""What every task is given: the generator, its data and judge, a folder to write to, a seed."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from gan_lightning.config.build import build_source, judge_of
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.prior import Uniform
from gan_lightning.core.rng import Stream
from gan_lightning.data.arrays import Source
from gan_lightning.io.bar import Bar
from gan_lightning.io.written import Written
from gan_lightning.metrics.judge import Judge
from gan_lightning.report.measuring import check_same_shape
from gan_lightning.runs.load import LoadedGenerator, readable_root


@dataclass
class Bench:
    """Attributes:
    G: the generator; run: as it was typed.
    out: folder for files.
    root: folder of the data; None: the run's own, or this machine's.
    """

    G: LoadedGenerator
    run: str
    out: Path
    seed: int
    bar: Bar
    root: str | None = None
    written: Written = field(default_factory=Written)

    def file(self, name: str) -> Path:
        """``out/name``, noted as written."""
        return self.written.add(self.out / name)

    def stream(self, name: str) -> Stream:
        """Random numbers of this task's seed under a name of their own."""
        return Stream(self.seed, name=name)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The box in which z lies; None for a prior without bounds."""
        prior = self.G.prior
        return (prior.low, prior.high) if isinstance(prior, Uniform) else None

    def classes_of(self, n: int) -> Tensor | None:
        """``[n]`` labels, each class in turn, for a G that takes them."""
        return torch.arange(n) % self.G.classes if self.G.classes else None

    @cached_property
    def source(self) -> Source:
        """The run's dataset. Raises ValueError where it cannot be read, or has other samples than G."""
        data = self.G.config.data
        if "root" in data:
            data.root = self.root or readable_root(data)
        source = build_source(data)
        check_same_shape(self.G, source)
        source.prepare()
        return source

    @cached_property
    def train(self) -> tuple[Tensor, Tensor]:
        """Training images in [-1, 1] and their labels."""
        part = self.source.train()
        return to_signed_range(part.images), part.labels

    @cached_property
    def judge(self) -> Judge | None:
        """The judge of the run's dataset, which needs no data; None if there is none."""
        return judge_of(build_source(self.G.config.data))


def check_images(G: LoadedGenerator, task: str) -> None:
    """Raises ValueError unless samples of G are square images of 1 or 3 channels."""
    if len(G.shape) != 3 or G.shape[0] not in (1, 3) or G.shape[1] != G.shape[2]:
        raise ValueError(
            f"task={task} needs a G of square images with 1 or 3 channels, got samples of shape {G.shape}. Give a run "
            "on images, such as run=zoo:mnist."
        )
