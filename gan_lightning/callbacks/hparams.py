"""TensorBoard's hparams tab: the choices and knobs of a run, from its first step on."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from gan_lightning.callbacks.overhead import FewHooks, next_multiple
from gan_lightning.game.module import GAN


class HParams(FewHooks):
    """Written when the run begins, so that a run that is stopped or killed is in the tab too.

    The tab shows the last value of each curve beside them, so no numbers are written here. Nor is there a summary of
    all runs: TensorBoard makes one of the runs that it sees, with the knobs in which they differ first.
    """

    def __init__(self) -> None:
        self.config: Mapping[str, Any] = {}  # group or dotted key -> word or value, set in training/setup.py

    def next_due(self, step: int) -> int:
        return next_multiple(0, step)

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                self.write(trainer, logger, ended=False)
            else:
                logger.log_hyperparams(dict(self.config))

    def on_train_end(self, trainer: Trainer, module: GAN) -> None:
        if module.g_steps_done >= module.steps:
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    self.write(trainer, logger, ended=True)

    def write(self, trainer: Trainer, logger: TensorBoardLogger, ended: bool) -> None:
        """The begin of a session, or that it ended well."""
        from torch.utils.tensorboard.summary import hparams

        if trainer.is_global_zero:
            _, begin, end = hparams(dict(self.config), {})
            logger.experiment.file_writer.add_summary(end if ended else begin)
