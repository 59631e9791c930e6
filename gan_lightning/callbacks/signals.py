"""SIGTERM and Ctrl-C end a run as its last step would: after the present batch, with a checkpoint.

Lightning's own handler raises in the middle of a batch instead. A second signal ends the run at once.
"""

import functools
import multiprocessing
import os
import signal
import threading
from time import monotonic, sleep
from typing import Any

import torch
from lightning.pytorch import Trainer

from gan_lightning.callbacks.overhead import FewHooks, next_multiple, steps_within
from gan_lightning.game.module import GAN

SECONDS = 1.0  # about how often several processes ask one another for signals


@functools.cache  # once a process
def end_with_parent() -> None:
    """Let this process be killed when its parent dies, if it is a rank of DDP or a worker of joblib.

    The parent holds the run's lock: after its death another process could take the lock, and both would play the run.
    """
    me, parent = multiprocessing.current_process(), os.getppid()
    by, joblib = multiprocessing.parent_process(), me.name.startswith("Loky")

    def watch() -> None:
        if by is not None and not joblib:
            by.join()
        while os.getppid() == parent and joblib:  # a worker of joblib has no handle of its parent to wait for
            sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)

    if by is not None or joblib:
        threading.Thread(target=watch, daemon=True, name="end-with-parent").start()


class Signals(FewHooks):
    """Ends a run at SIGTERM or SIGINT.

    A signal may reach only some processes of a game, and during different batches. So they ask one another after the
    same batch, which is then the last for all: a process that began another one would wait for the others for ever.
    Reading the answer makes the device wait, so they ask only about every ``SECONDS``.

    Attributes:
        came: name of the signal that ended the run; None if none did.
    """

    def __init__(self) -> None:
        self.came: str | None = None
        self.received = 0  # the signal's number, in this process
        self.asked = (0.0, 0)  # (seconds, D step) when the processes last asked one another
        self.next_ask = 0  # D step after which they ask again

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        end_with_parent()
        self.asked, self.next_ask = (monotonic(), module.d_steps_done), module.d_steps_done + 1
        if threading.current_thread() is not threading.main_thread():
            return  # handlers can be set in the main thread only; Lightning restores the former ones at the end

        def stop(number: int, frame: Any) -> None:
            if self.received:
                signal.default_int_handler(number, frame)
            self.received = number
            if trainer.world_size == 1:
                self.stop(trainer, number)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    def next_due(self, step: int) -> int:
        return next_multiple(0, step)

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        step = module.d_steps_done
        if trainer.world_size == 1 or self.came or step < self.next_ask:
            return
        now, (then, first) = monotonic(), self.asked
        mine = torch.tensor([self.received, steps_within(SECONDS, now - then, step - first)], device=module.device)
        number, ahead = trainer.strategy.reduce(mine, reduce_op="max").tolist()
        self.asked, self.next_ask = (now, step), step + ahead
        if number:
            self.stop(trainer, number)

    def stop(self, trainer: Trainer, number: int) -> None:
        self.came = signal.Signals(number).name
        trainer.should_stop = True
