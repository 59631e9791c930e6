"""All parts of a run, after they have been built and before the game is played."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from omegaconf import DictConfig

from gan_lightning.data.arrays import GANData
from gan_lightning.game.module import GAN
from gan_lightning.runs.initial import Initial
from gan_lightning.runs.start import Start
from gan_lightning.training.ranks import Ranks


@dataclass
class Training:
    """A run that has been built and not begun: ``setup.play_run`` is the first to write anything."""

    cfg: DictConfig
    run: Path
    overrides: list[str]
    start: Start
    note: str | None  # why data=auto took another dataset
    begun: int  # G steps in the checkpoint from which it goes on; 0 without one
    data: GANData
    gan: GAN
    judge: Any
    callbacks: dict[str, Any]
    loggers: dict[str, Any] = field(default_factory=dict)
    trainer: Trainer = None  # type: ignore[assignment]
    initial: Initial | None = None  # weights of another game with which it begins (init=)
    ranks: Ranks | None = None  # where torchrun or srun started the processes of this game

    @property
    def shown(self) -> Path:
        """The run's directory as a person types it."""
        return Path(os.path.relpath(self.run)) if self.run.is_relative_to(Path.cwd()) else self.run
