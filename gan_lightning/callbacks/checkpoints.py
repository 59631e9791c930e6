"""checkpoints/last.ckpt and the one before it, each with the configuration from which its game can be built.

Counted in G steps. Lightning's ModelCheckpoint counts the steps of both optimizers and compares once per batch, so that
with k D steps per G step it misses most of its multiples; in manual optimization it also ignores its time interval.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from lightning.pytorch import Trainer

from gan_lightning.callbacks.overhead import FewHooks, next_multiple, steps_within
from gan_lightning.game.module import GAN


def save_whole(trainer: Trainer, path: Path, former: Path | None = None) -> None:
    """Save a checkpoint under another name, sync it to the disk, then rename it to ``path``. Called by every process.

    The file that was ``path`` before becomes ``former``, when the new bytes are on the disk and before they take the
    name. (A CheckpointIO plugin of Lightning's could not do this: it gets one path and writes it.)
    """
    part = path.with_name(path.name + ".part")
    try:
        trainer.save_checkpoint(part)
        if trainer.is_global_zero:
            with part.open("rb") as file:
                os.fsync(file.fileno())  # so that after a power failure the name does not have half a file
            if former is not None and path.is_file():
                link(path, former)
            part.replace(path)
    except OSError:
        if trainer.is_global_zero:
            part.unlink(missing_ok=True)  # a full disk gets its space back
        raise


def link(old: Path, new: Path) -> None:
    """Make ``new`` a second name (a hard link) of the file ``old``; a file that was ``new`` before loses that name."""
    part = new.with_name(new.name + ".part")
    part.unlink(missing_ok=True)
    part.hardlink_to(old)
    part.replace(new)
    part.unlink(missing_ok=True)  # where both were one file already, replace() has done nothing


class Checkpoints(FewHooks):
    """Save ``last.ckpt`` every ``every`` G steps, after ``seconds`` at the latest, and at the end.

    The file that was last.ckpt before becomes ``previous.ckpt``. So a run has last, previous, best (saved by the
    evaluation) and the checkpoints that ``keep`` asks for.

    Args:
        every: G steps between two checkpoints; 0: no checkpoints by counting.
        keep: how many of the newest checkpoints are kept as ``<G steps>.ckpt`` too; -1: all. Those that only the clock
            asked for are not.
        seconds: longest time between two checkpoints, to which a call (callbacks/calls.py) may be added; 0: no clock.
            With several processes the clock of the first counts.
    """

    def __init__(self, every: int = 1000, keep: int = 0, seconds: float = 120) -> None:
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < -1:
            raise ValueError(
                f"callbacks.checkpoints.keep must be a number of checkpoints, or -1 for all, got {keep!r}. "
                "0 keeps the last, the one before and the best."
            )
        self.every, self.keep, self.seconds = every, keep, seconds
        self.identity: Mapping[str, Any] = {}  # configuration and shape of a sample, which every checkpoint gets
        self.last = -1  # G step of the last checkpoint
        self.since = (0.0, 0)  # (seconds, G step) when the clock was set
        self.next_look = 0  # G step at which it is looked at again

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        self.set_clock(module.g_steps_done)

    def set_clock(self, step: int) -> None:
        self.since, self.next_look = (monotonic(), step), step + 1

    def next_due(self, step: int) -> int:
        return next_multiple(self.every, step)

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if not module.g_just_moved:
            return
        if self.every and module.g_steps_done % self.every == 0:
            self.save(trainer, module)
        elif self.seconds and self.time_is_up(trainer, module.g_steps_done):
            self.save(trainer, module, numbered=False)

    def time_is_up(self, trainer: Trainer, step: int) -> bool:
        """Have ``seconds`` passed since the clock was set? All processes ask after the same G steps.

        With several processes the first one's answer is broadcast. To save broadcasts, they ask again when half of the
        time that is left will have passed, by the pace of the steps since the clock was set.
        """
        if step < self.next_look:
            return False
        begun, first = self.since
        passed = monotonic() - begun
        up, ahead = passed >= self.seconds, 1
        if trainer.world_size > 1:
            ahead = steps_within((self.seconds - passed) / 2, passed, step - first)
            up, ahead = trainer.strategy.broadcast((up, ahead))
        self.next_look = step + ahead
        return up

    def on_train_end(self, trainer: Trainer, module: GAN) -> None:
        self.save(trainer, module)

    def save(self, trainer: Trainer, module: GAN, numbered: bool = True) -> None:
        step = module.g_steps_done
        folder = Path(trainer.default_root_dir) / "checkpoints"
        last = folder / "last.ckpt"
        if step != self.last:
            self.last = step
            save_whole(trainer, last, former=folder / "previous.ckpt")
            self.set_clock(step)
        if self.keep and numbered and trainer.is_global_zero:
            link(last, folder / f"{step:07d}.ckpt")
            if self.keep > 0:
                own = [path for path in folder.glob("*.ckpt") if re.fullmatch("[0-9]{7,18}", path.stem)]
                for old in sorted(own, key=lambda p: int(p.stem))[: -self.keep]:
                    old.unlink()

    def on_save_checkpoint(self, trainer: Trainer, module: GAN, checkpoint: dict[str, Any]) -> None:
        checkpoint.update(self.identity)
