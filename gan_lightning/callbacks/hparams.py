"""TensorBoard's hparams tab: the configuration beside the last logged numbers."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from gan_lightning.callbacks.overhead import FewHooks, next_multiple
from gan_lightning.game.module import GAN


class HParams(FewHooks):
    """Written once, at the end: a record at the start would show a first point of 0 for every value."""

    def __init__(self) -> None:
        self.config: Mapping[str, Any] = {}  # dotted key -> value, set in training/setup.py

    def next_due(self, step: int) -> int:
        return next_multiple(0, step)

    def on_train_end(self, trainer: Trainer, module: GAN) -> None:
        values = {f"final/{name}": value for name, value in module.numbers.items() if "/" in name}
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.log_hyperparams(dict(self.config), values)
            else:  # others show no numbers beside the knobs
                logger.log_hyperparams(dict(self.config))
