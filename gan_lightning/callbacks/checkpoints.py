"""checkpoints/last.ckpt, and how to build the game again: the configuration travels inside.

Counted in G steps. Lightning's ModelCheckpoint counts optimizer steps and tests for equality once per batch,
which k D steps per G step seldom meet; in manual optimization it also ignores its time interval.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from gan_lightning.callbacks.quiet import Quiet
from gan_lightning.gan import GAN


def save_whole(trainer: Trainer, path: Path) -> None:
    """Save beside ``path``, then take its name: nobody ever sees half a checkpoint. Called by every process."""
    part = path.with_name(path.name + ".part")
    trainer.save_checkpoint(part)
    if trainer.is_global_zero:
        part.replace(path)


class Checkpoints(Quiet):
    """Save every ``every`` G steps (0: never) and at the end, beside the old file, then take its name.

    Args:
        every: G steps between two checkpoints.
        keep: keep each of them as ``<G steps>.ckpt`` too.
    """

    def __init__(self, every: int = 1000, keep: bool = False) -> None:
        self.every, self.keep = every, keep
        self.identity: Mapping[str, Any] = {}
        self.last = -1

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.every and module.g_steps_done and module.g_steps_done % self.every == 0:
            self.save(trainer, module)

    def on_train_end(self, trainer: Trainer, module: GAN) -> None:
        self.save(trainer, module)

    def save(self, trainer: Trainer, module: GAN) -> None:
        step = module.g_steps_done
        if step == self.last:
            return
        self.last = step
        folder = Path(trainer.default_root_dir) / "checkpoints"
        save_whole(trainer, folder / "last.ckpt")
        if self.keep and trainer.is_global_zero:
            kept = folder / f"{step:07d}.ckpt"
            kept.unlink(missing_ok=True)
            kept.hardlink_to(folder / "last.ckpt")

    def on_save_checkpoint(self, trainer: Trainer, module: GAN, checkpoint: dict[str, Any]) -> None:
        checkpoint.update(self.identity)
