"""How many mini-batches one call of ``training_step`` plays."""

from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any

from lightning.pytorch import Trainer

from gan_lightning.callbacks.overhead import FewHooks, next_multiple
from gan_lightning.game.module import GAN

MOST = 16  # mini-batches: more would take memory and save nothing that is felt


class Calls(FewHooks):
    """As many as may be played before a callback is due, for ``seconds`` by the pace of the last call, 16 at most.

    Lightning's own work between two calls takes about half a millisecond. The game is the same, to the last bit. A
    callback that is not derived from ``FewHooks`` is due after each D step. So are all in a game of several processes:
    they ask one another after a batch, and DDP sends BatchNorm's statistics round once a call. A run that is told to
    stop, as by a signal, plays no further mini-batch. Autocast keeps no half-precision weights from one to the next:
    Lightning has it cache none.

    Args:
        seconds: how late what goes by the clock may come (a checkpoint, a line of progress); 0: a batch is a call.
    """

    def __init__(self, seconds: float = 0.2) -> None:
        self.seconds = seconds
        self.pace: float | None = None  # seconds per D step of the last call
        self.began = (0.0, 0)  # the call that is being played: when and after which D step

    def setup(self, trainer: Trainer, module: GAN, stage: str) -> None:
        callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if trainer.world_size == 1 and all(isinstance(callback, FewHooks) for callback in callbacks):
            data.ahead = partial(self.ahead, module, callbacks)

    def ahead(self, module: GAN, callbacks: Sequence[FewHooks], done: int) -> int:
        """Mini-batches of the call that begins after ``done`` D steps. It is asked a call ahead of that."""
        step = done // module.d_steps
        due = min(module.steps, *(callback.next_due(step) for callback in callbacks))
        within = int(self.seconds / self.pace) if self.pace else 1
        return max(1, min(due * module.d_steps - done, within, MOST))

    def next_due(self, step: int) -> int:
        return next_multiple(0, step)

    def on_train_batch_start(self, trainer: Trainer, module: GAN, batch: Any, batch_idx: int) -> None:
        self.began = (monotonic(), module.d_steps_done)

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        then, before = self.began
        self.pace = (monotonic() - then) / (module.d_steps_done - before)
