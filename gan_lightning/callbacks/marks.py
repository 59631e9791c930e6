"""The states of a game at given times: what ``study=speedrun`` measures."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer

from gan_lightning.callbacks.checkpoints import link, save_whole
from gan_lightning.callbacks.overhead import FewHooks
from gan_lightning.game.module import GAN
from gan_lightning.io.files import write_json

NAME = "marks.json"


def mark_name(mark: float) -> str:
    """Of the checkpoint at ``mark`` seconds, without its ending."""
    return f"mark-{mark:g}s"


class Marks(FewHooks):
    """Keep the state after the first G step that ends at or after each mark, as ``checkpoints/mark-<seconds>s.ckpt``.

    marks.json says when each was reached. The clock runs on while a state is kept. A run whose steps end before a mark
    has its last state there, with the time at which it was reached. A run that goes on from a checkpoint keeps none:
    how long it took is not known.

    Args:
        seconds: the marks, on the wall clock.
        begun: when the clock began, in seconds since 1970 as ``time.time()`` has them; None: when this was built, so
            that the imports before it do not count.
    """

    clock: Callable[[], float] = staticmethod(time.time)

    def __init__(self, seconds: Sequence[float], begun: float | None = None) -> None:
        self.left = sorted(float(mark) for mark in seconds)
        self.begun = self.clock() if begun is None else begun
        self.reached: list[dict[str, Any]] = []

    def setup(self, trainer: Trainer, module: GAN, stage: str) -> None:
        if trainer.world_size > 1:
            raise ValueError(
                "callbacks=speedrun keeps states by the clock of one process, got a game of "
                f"{trainer.world_size} processes. Write devices=1."
            )

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        if module.g_steps_done:
            self.left = []

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if module.g_just_moved and self.left and self.clock() - self.begun >= self.left[0]:
            if module.device.type == "cuda":
                torch.cuda.synchronize()  # the steps that were asked for have been played
            now = self.clock() - self.begun
            self.keep(trainer, module, now, [mark for mark in self.left if mark <= now])

    def on_train_end(self, trainer: Trainer, module: GAN) -> None:
        self.keep(trainer, module, self.clock() - self.begun, self.left)

    def keep(self, trainer: Trainer, module: GAN, now: float, marks: Sequence[float]) -> None:
        """The state now, reached after ``now`` seconds, is that at ``marks``."""
        run = Path(trainer.default_root_dir)
        paths = [run / "checkpoints" / f"{mark_name(mark)}.ckpt" for mark in marks]
        for path, mark in zip(paths, marks, strict=True):
            if path is paths[0]:
                save_whole(trainer, path)
            else:
                link(paths[0], path)
            counts = {"g_steps": module.g_steps_done, "images": module.images_seen}
            self.reached.append({"mark": mark, "seconds": round(now, 3), **counts})
        self.left = self.left[len(marks) :]
        if marks:
            write_json(run / NAME, {"begun": self.begun, "marks": self.reached})
