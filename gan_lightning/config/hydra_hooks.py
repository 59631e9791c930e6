"""Classes that conf/ names for Hydra to call: before a multirun, and for each line on the console."""

import copy
import logging
import signal
import threading
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from gan_lightning.config.quoting import word
from gan_lightning.io.plain import printable


class Brief(logging.Formatter):
    """Messages without their tracebacks, for the console; the run's log file has them."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(record.getMessage())


class StopMultirun(Callback):
    """Lets SIGTERM end a multirun as Ctrl-C does, with any launcher, and keeps its directory for ``last_word``, and
    whether it has arms, as a search has not, and a page is wanted of it (``report=``).

    (While a run is played in this process, the handlers of callbacks/signals.py end it with a checkpoint.)
    """

    sweep: str | None = None  # the multirun's directory
    ends, wants_page = False, False  # is it a sweep that ends with a table, and with a page?
    before: Any = None  # the handler that SIGTERM had

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        StopMultirun.sweep = str(config.hydra.sweep.dir)
        StopMultirun.ends = "Basic" in str(config.hydra.sweeper.get("_target_"))
        StopMultirun.wants_page = StopMultirun.ends and bool(config.get("report"))
        if threading.current_thread() is threading.main_thread():
            StopMultirun.before = signal.signal(signal.SIGTERM, signal.default_int_handler)

    @classmethod
    def forget(cls) -> None:
        """Give SIGTERM its former handler."""
        if cls.before is not None:
            signal.signal(signal.SIGTERM, cls.before)
        cls.sweep, cls.ends, cls.wants_page, cls.before = None, False, False, None

    @classmethod
    def last_word(cls) -> str:
        """The line for a command that was stopped."""
        if cls.sweep is None:
            return "stopped"
        command = f"python -m gan_lightning.train -m {word('continue', cls.sweep)}"
        return f"the sweep was stopped; to go on: {command}"


class DecideDataOnce(Callback):
    """Chooses the dataset of ``data=auto`` before the jobs of a multirun start, for all of them."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.config.build import decide_data  # PyTorch, which not every command needs

        decide_data(copy.deepcopy(config))
