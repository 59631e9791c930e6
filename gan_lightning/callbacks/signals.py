"""SIGTERM and Ctrl-C end a run as its last step would: after the batch that is being played, with a checkpoint.

Lightning's own handler raises in the middle of the loop instead. A second signal ends the run at once.
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

from gan_lightning.callbacks.overhead import FewHooks, steps_within
from gan_lightning.game.module import GAN

SECONDS = 1.0  # between two questions of several processes


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
            sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)

    if by is not None or joblib:
        threading.Thread(target=watch, daemon=True, name="end-with-parent").start()


class Signals(FewHooks):
    """``came`` names the signal that ended the run, if one did.

    A signal reaches the processes of one game at different batches, or one of them only. So they ask one another, all
    after the same batch, which is then the last of all: whoever played another would wait for ever. What they answer is
    read from the device, which waits for it; so they ask about once in ``SECONDS``.
    """

    def __init__(self) -> None:
        self.came: str | None = None
        self.received = 0  # the signal's number, in this process
        self.asked, self.next_ask = (0.0, 0), 0  # when and after which D step; after which D step next

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        end_with_parent()
        self.asked, self.next_ask = (monotonic(), module.d_steps_done), module.d_steps_done + 1
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
