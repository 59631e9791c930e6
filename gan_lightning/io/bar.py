"""Progress of long work: a bar on a terminal; elsewhere (a log file, a pipe) a line every ``seconds``."""

import logging
import sys
import threading
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from gan_lightning.io.plain import printable

log = logging.getLogger(__name__)


class Bar:
    """Counts as tqdm does, and shows a tqdm on a terminal; a thread refreshes it, or logs the lines.

    tqdm and rich print when they are updated, so that nothing would appear during a single long computation; into a
    pipe tqdm prints every update, and rich nothing before the end.

    Args:
        what: what is being done, for the line.
        total: number of ``unit`` in all; None if it is unknown.
        seconds: from one line to the next.
    """

    def __init__(self, what: str, total: int | None = None, unit: str = "step", seconds: float = 15.0) -> None:
        self.what, self.total, self.unit, self.seconds = what, total, unit, seconds
        self.n, self.doing = 0, ""
        self.begun = time.monotonic()
        self.bar = tqdm(desc=what, total=total, unit=unit, dynamic_ncols=True) if sys.stderr.isatty() else None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.speak, daemon=True)
        self.thread.start()

    def reset(self, total: int | None = None) -> None:
        """Begin to count anew, up to ``total``."""
        self.n, self.total = 0, total
        if self.bar is not None:
            self.bar.reset(total)

    def update(self, n: int = 1) -> None:
        self.n += n
        if self.bar is not None:
            self.bar.update(n)

    def set_postfix_str(self, doing: str) -> None:
        """Set what is shown at the end of the bar or of the next line: what is being done at the moment."""
        self.doing = printable(doing)
        if self.bar is not None:
            self.bar.set_postfix_str(self.doing)

    def line(self) -> str:
        took = time.monotonic() - self.begun
        parts = [self.what]
        if self.total:
            left = f", {took * (self.total - self.n) / self.n:.0f} s left" if self.n else ""
            parts.append(f"{self.n} of {self.total} {self.unit}s{left}")
        elif self.n:
            parts.append(f"{self.n} {self.unit}s")
        return ": ".join(p for p in (*parts, self.doing) if p) + f" ({took:.0f} s so far)"

    def speak(self) -> None:
        while not self.over.wait(1.0 if self.bar is not None else self.seconds):
            if self.bar is not None:
                self.bar.refresh()  # the clock in it goes on
            else:
                log.info("%s", self.line())

    def close(self) -> None:
        self.over.set()
        self.thread.join()
        if self.bar is not None:
            self.bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
