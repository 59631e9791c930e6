"""Pictures of the run: grids of samples from one fixed z, a grid of real images, an animation at the end."""

import logging
import math
import re
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from torch import Tensor, nn

from gan_lightning.callbacks.overhead import FewHooks, next_multiple
from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.sampler import columns_for, draw, draw_sheet
from gan_lightning.game.module import GAN
from gan_lightning.report.drawing import save_animation
from gan_lightning.report.pictures import POINTS, framed, grid, save_picture

log = logging.getLogger(__name__)

PIXELS = 2**28  # limit for all frames of an animation together
SHADES = 16  # of a frame: with 256 the file is several times as large


def by_steps(folder: Path) -> list[Path]:
    """The pictures in ``folder`` that are named by G steps, in their order."""
    named = [path for path in folder.glob("*.png") if re.fullmatch("[0-9]{7,18}", path.stem)]
    return sorted(named, key=lambda path: int(path.stem))


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) of a PNG, without reading its pixels; (0, 0) for anything else."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # it is no PNG
        return 0, 0


def frames_of(paths: list[Path]) -> list[Image.Image]:
    """The frames of an animation: the last of ``paths``, and evenly spaced ones before it, within PIXELS.

    Those that cannot be read, or have another size than the last, are left out with a warning.
    """
    size = picture_size(paths[-1]) if paths else (0, 0)
    every = math.ceil(len(paths) / max(2, PIXELS // max(1, math.prod(size))))
    frames = []
    for path in [*paths[:-1:every], *paths[-1:]] if every else []:
        try:
            if picture_size(path) != size:
                raise ValueError(f"{path.name} is no picture of {size[0]} x {size[1]}")
            with Image.open(path, formats=["PNG"]) as picture:
                frames.append(picture.quantize(SHADES))
        except (OSError, ValueError, SyntaxError) as error:
            log.warning("the animation goes on without %s: %s", path, error)
    return frames


class Samples(FewHooks):
    """``samples/<G steps>.png`` every ``every`` G steps, and the same picture in TensorBoard.

    It says of which G, after how many steps and of which seed it is, and has a row of real images below. Pictures of an
    average of G are in a folder of its name, such as ``samples/ema/``. In a game with a condition each picture of
    images is a sheet: a class a row, all rows from the same z, so that the label alone tells them apart.

    Args:
        every: G steps between two grids; 0 for none at all.
        n: images per grid, and about as many per sheet; of points there are always 2,500.
        seed: of the fixed z.
        frame_ms: how long the animation shows each grid.
    """

    def __init__(self, every: int = 1000, n: int = 64, seed: int = 0, frame_ms: int = 150) -> None:
        self.every, self.n, self.seed, self.frame_ms = every, n, seed, frame_ms
        self.last = -1  # G step of the last grid
        self.limit: float | None = None  # for points: pictures show the plane from -limit to limit
        self.reference: Tensor | None = None  # real images
        self.data = ""  # name of the dataset

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        if not self.every or not trainer.is_global_zero:
            return
        self.folder(trainer).mkdir(parents=True, exist_ok=True)
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        reference = data.reference(self.n if len(data.source.shape) == 3 else POINTS)
        if reference.ndim == 2:
            self.n, self.limit = POINTS, 1.3 * reference.abs().max().item()
        self.reference, self.data = reference, data.source.name
        if module.d_steps_done:  # resumed: what was drawn after the checkpoint will be drawn again
            for name in module.generators:
                for path in by_steps(self.folder(trainer, name)):
                    if int(path.stem) > module.g_steps_done:
                        path.unlink()
            return
        real = framed(grid(reference, self.limit), f"{self.data}: the first {len(reference):,} training samples")
        save_picture(real, self.folder(trainer) / "real.png")
        self.show(trainer, "images/real", real, 0)
        self.snapshot(trainer, module)

    def next_due(self, step: int) -> int:
        return next_multiple(self.every, step)

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.every and module.g_just_moved and module.g_steps_done % self.every == 0:
            self.snapshot(trainer, module)

    def on_train_end(self, trainer: Trainer, module: GAN) -> None:
        if not self.every:
            return
        if module.g_steps_done >= module.steps:  # a run that is stopped shall not leave more files than one that is not
            self.snapshot(trainer, module)
        if trainer.is_global_zero:
            for name in module.generators:
                self.animate(self.folder(trainer, name))

    def folder(self, trainer: Trainer, generator: str = "G") -> Path:
        return Path(trainer.default_root_dir) / "samples" / ("" if generator == "G" else generator)

    def snapshot(self, trainer: Trainer, module: GAN) -> None:
        step = module.g_steps_done
        if step == self.last or not trainer.is_global_zero:
            return
        self.last = step
        for name, G in module.generators.items():
            whose = "G" if name == "G" else f"the average {name} of G"
            words = f"{self.data}, {whose} after {step:,} steps, z of seed {self.seed}"
            picture = self.beside_real(self.picture(G, module), words)
            self.folder(trainer, name).mkdir(exist_ok=True)
            save_picture(picture, self.folder(trainer, name) / f"{step:07d}.png")
            self.show(trainer, "images/fake" if name == "G" else f"images/{name}", picture, step)

    def picture(self, G: nn.Module, module: GAN) -> Tensor:
        """The grid of the fixed z; of images of classes a sheet, a class a row."""
        if isinstance(G, ConditionalGenerator) and self.limit is None:
            columns = columns_for(self.n, G.classes)
            return grid(draw_sheet(G, module.prior, columns, self.seed, module.device), columns=columns)
        return grid(draw(G, module.prior, self.n, self.seed, module.device), self.limit)

    def beside_real(self, picture: Tensor, words: str) -> Tensor:
        """``picture`` below ``words``; real images in a row below it, or real points in a map to the right."""
        assert self.reference is not None
        if self.limit is not None:
            gap = torch.ones(1, picture.shape[1], 4, device=picture.device)
            both = torch.cat([picture, gap, grid(self.reference, self.limit).to(picture.device)], 2)
            return framed(both, f"{words}; right: real points")
        columns = (picture.shape[2] - 2) // (self.reference.shape[-1] + 2)
        row = self.reference[:columns]
        return framed(picture, words, grid(row, columns=columns) if len(row) == columns else None)

    def show(self, trainer: Trainer, tag: str, picture: Tensor, step: int) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(tag, picture, step)

    def animate(self, folder: Path) -> None:
        frames = frames_of(by_steps(folder))
        if len(frames) > 1:
            save_animation(frames, folder / "training.gif", self.frame_ms)
