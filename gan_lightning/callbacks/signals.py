"""SIGTERM and Ctrl-C end a run as its last step would: after the batch that is being played, with a checkpoint.

Lightning's own handler raises in the middle of the loop instead. A second signal ends the run at once.
"""

import signal
import threading
from typing import Any

from lightning.pytorch import Trainer

from gan_lightning.callbacks.quiet import Quiet
from gan_lightning.gan import GAN


class Signals(Quiet):
    """``came`` names the signal that ended the run, if one did."""

    def __init__(self) -> None:
        self.came: str | None = None

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # only there may handlers be set; Lightning puts the former ones back in the end

        def stop(number: int, frame: Any) -> None:
            if self.came:
                signal.default_int_handler(number, frame)
            self.came = signal.Signals(number).name
            trainer.should_stop = True

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
