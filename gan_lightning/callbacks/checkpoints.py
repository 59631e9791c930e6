"""checkpoints/last.ckpt, the one before it, and how to build the game again: the configuration travels inside.

Counted in G steps. Lightning's ModelCheckpoint counts optimizer steps and tests for equality once per batch,
which k D steps per G step seldom meet; in manual optimization it also ignores its time interval.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from lightning.pytorch import Trainer

from gan_lightning.callbacks.overhead import FewHooks, steps_within
from gan_lightning.game.module import GAN


def save_whole(trainer: Trainer, path: Path, former: Path | None = None) -> None:
    """Save beside ``path``, then take its name: nobody ever sees half a checkpoint. Called by every process.

    What had that name before becomes ``former``. No plugin of Lightning's (CheckpointIO) does this: it is told one path
    and writes it, and ``former`` must get its name when the new bytes are on the disk and before they take ``path``.
    """
    part = path.with_name(path.name + ".part")
    try:
        trainer.save_checkpoint(part)
        if trainer.is_global_zero:
            with part.open("rb") as file:
                os.fsync(file.fileno())  # its bytes before its name, should the power go
            if former is not None and path.is_file():
                link(path, former)
            part.replace(path)
    except OSError:
        if trainer.is_global_zero:
            part.unlink(missing_ok=True)  # a full disk gets its space back
        raise


def link(old: Path, new: Path) -> None:
    """``new`` becomes a second name of the file ``old``, whatever it named before."""
    part = new.with_name(new.name + ".part")
    part.unlink(missing_ok=True)
    part.hardlink_to(old)
    part.replace(new)
    part.unlink(missing_ok=True)  # it stays where both named one file before


class Checkpoints(FewHooks):
    """Save ``last.ckpt`` every ``every`` G steps, after ``seconds`` at the latest, and at the end.

    What had its name before becomes ``previous.ckpt``.

    A run thus holds last, previous, best (the evaluation's) and at most ``keep`` numbered checkpoints.

    Args:
        every: G steps between two checkpoints; 0: they are not counted.
        keep: so many of the newest that ``every`` and the end ask for are kept as ``<G steps>.ckpt`` too; -1: all.
        seconds: between two checkpoints at most, but for one G step; 0: no clock. The first process's clock decides.
    """

    def __init__(self, every: int = 1000, keep: int = 0, seconds: float = 120) -> None:
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < -1:
            raise ValueError(
                f"callbacks.checkpoints.keep must be a number of checkpoints, or -1 for all, got {keep!r}. "
                "0 keeps the last, the one before and the best."
            )
        self.every, self.keep, self.seconds = every, keep, seconds
        self.identity: Mapping[str, Any] = {}
        self.last = -1
        self.since, self.next_look = (0.0, 0), 0  # when and after which G step the clock was set; when to look at it

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        self.set_clock(module.g_steps_done)

    def set_clock(self, step: int) -> None:
        self.since, self.next_look = (monotonic(), step), step + 1

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if not module.g_just_moved:
            return
        if self.every and module.g_steps_done % self.every == 0:
            self.save(trainer, module)
        elif self.seconds and self.time_is_up(trainer, module.g_steps_done):
            self.save(trainer, module, numbered=False)

    def time_is_up(self, trainer: Trainer, step: int) -> bool:
        """Has it been ``seconds``? Asked by all processes after the same G steps.

        To look together costs a broadcast. So they look again when, at the pace of this stretch, half of what is left
        has passed.
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
