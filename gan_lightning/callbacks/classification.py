"""How many classes a semi-supervised D gets wrong, during the run."""

from typing import Any

from lightning.pytorch import Trainer

from gan_lightning.callbacks.overhead import FewHooks, next_multiple
from gan_lightning.core.classes import share_wrong
from gan_lightning.data.arrays import Arrays
from gan_lightning.game.module import GAN


class Classification(FewHooks):
    """Every ``every`` G steps, ``metric/validation_error``: the share of the validation images that D names wrong.

    Of MNIST these are the last 10,000 training images; D may have seen them, unlabelled and a few of them labelled,
    unless ``data.split=train50k``. An average of D has a curve with its name at the end, such as
    ``metric/validation_error_ema_d``. Nothing is chosen by these curves; ``evaluate`` counts errors on test images.

    Args:
        every: G steps between two points; 0 for none.
    """

    def __init__(self, every: int = 1000) -> None:
        self.every = every
        self.images: Arrays | None = None
        self.last = -1  # G step of the last point

    def next_due(self, step: int) -> int:
        return next_multiple(self.every, step)

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.every and module.g_just_moved and module.g_steps_done % self.every == 0:
            self.classify(trainer, module)

    def on_train_end(self, trainer: Trainer, module: GAN) -> None:
        if self.every and module.g_steps_done >= module.steps:
            self.classify(trainer, module)

    def classify(self, trainer: Trainer, module: GAN) -> None:
        step = module.g_steps_done
        if step == self.last or not module.classifiers or not trainer.is_global_zero:
            return
        self.last = step
        if self.images is None:
            data: Any = trainer.datamodule  # type: ignore[attr-defined]
            self.images = data.source.validation()
        images, labels = self.images.images, self.images.labels
        values = {
            "metric/validation_error" + ("" if name == "D" else f"_{name}"): share_wrong(D, images, labels)
            for name, D in module.classifiers.items()
        }
        module.numbers = {**module.numbers, **values}
        for logger in trainer.loggers:
            logger.log_metrics(values, step)
