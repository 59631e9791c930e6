"""SIGTERM and Ctrl-C end a run as its last step would: after the batch that is being played, with a checkpoint.

Lightning's own handler raises in the middle of the loop instead. A second signal ends the run at once.
"""

import functools
import multiprocessing
import os
import signal
import threading
import time
from typing import Any

import torch
from lightning.pytorch import Trainer

from gan_lightning.callbacks.overhead import FewHooks
from gan_lightning.game.module import GAN


@functools.cache  # once a process
def end_with_parent() -> None:
    """A process that was started to play for another, a rank of DDP or joblib's worker, is killed when that one dies.

    The parent holds the run's lock: what plays on after its death would play beside the next player.
    """
    me, parent = multiprocessing.current_process(), os.getppid()
    by, joblib = multiprocessing.parent_process(), me.name.startswith("Loky")

    def watch() -> None:
        if by is not None and not joblib:
            by.join()
        while os.getppid() == parent and joblib:  # its workers have nothing to wait for
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)

    if by is not None or joblib:
        threading.Thread(target=watch, daemon=True, name="end-with-parent").start()


class Signals(FewHooks):
    """``came`` names the signal that ended the run, if one did.

    A signal reaches the processes of one game at different batches, or one of them only. So they ask one another after
    each batch, and the same batch is the last of all: whoever played another would wait for ever.
    """

    def __init__(self) -> None:
        self.came: str | None = None
        self.received = 0  # the signal's number, in this process

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        end_with_parent()
        if threading.current_thread() is not threading.main_thread():
            return  # only there may handlers be set; Lightning puts the former ones back in the end

        def stop(number: int, frame: Any) -> None:
            if self.received:
                signal.default_int_handler(number, frame)
            self.received = number
            if trainer.world_size == 1:
                self.stop(trainer, number)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.world_size > 1 and not self.came:
            received = torch.tensor(self.received, device=module.device)
            if number := int(trainer.strategy.reduce(received, reduce_op="max")):
                self.stop(trainer, number)

    def stop(self, trainer: Trainer, number: int) -> None:
        self.came = signal.Signals(number).name
        trainer.should_stop = True
