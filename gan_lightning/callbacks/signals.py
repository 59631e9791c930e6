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
    """``came`` names the signal that ended the run, if one did."""

    def __init__(self) -> None:
        self.came: str | None = None

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        end_with_parent()
        if threading.current_thread() is not threading.main_thread():
            return  # only there may handlers be set; Lightning puts the former ones back in the end

        def stop(number: int, frame: Any) -> None:
            if self.came:
                signal.default_int_handler(number, frame)
            self.came = signal.Signals(number).name
            trainer.should_stop = True

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
