"""A progress bar for the whole run, in G steps, with the numbers that matter."""

import logging
import sys
import time
from typing import Any

from lightning.pytorch import Trainer
from tqdm import tqdm

from gan_lightning.callbacks.libraries import silence_libraries
from gan_lightning.callbacks.overhead import FewHooks, next_multiple
from gan_lightning.game.module import GAN

log = logging.getLogger(__name__)


BAR = "{n_fmt}/{total_fmt} {bar} {remaining} left{postfix}"  # with numbers_line 80 columns or fewer


class Progress(FewHooks):
    """A bar on a terminal; elsewhere (a log file, CI) a line every ``line_seconds``.

    Lightning's bars count batches, but take max_steps, which counts the steps of both optimizers, for their end: with
    k = 1 a run ends at half of the bar. Into a pipe rich's bar prints nothing before the end, tqdm's 52 kB in 12 s.
    """

    def __init__(self, line_seconds: float = 30.0) -> None:
        self.line_seconds = line_seconds
        self.bar: tqdm[Any] | None = None
        self.start = self.last_line = 0.0  # seconds
        self.first = 0  # G steps done at the start

    def setup(self, trainer: Trainer, module: GAN, stage: str) -> None:
        silence_libraries()

    def __setstate__(self, state: dict[str, Any]) -> None:
        silence_libraries()  # a spawned process gets this callback by pickle, and has not silenced anything yet
        self.__dict__.update(state)

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        self.start = self.last_line = time.monotonic()
        self.first = module.g_steps_done
        if trainer.is_global_zero and sys.stderr.isatty():
            self.bar = tqdm(total=module.steps, initial=self.first, dynamic_ncols=True, bar_format=BAR)

    def next_due(self, step: int) -> int:
        return next_multiple(0, step)

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.bar is not None:
            self.bar.update(module.g_steps_done - self.bar.n)
            if module.numbers:
                self.bar.set_postfix_str(numbers_line(module.numbers, short=True), refresh=False)
        elif trainer.is_global_zero and time.monotonic() - self.last_line > self.line_seconds:
            self.last_line = time.monotonic()
            done = module.g_steps_done
            left = (self.last_line - self.start) * (module.steps - done) / max(done - self.first, 1)
            log.info("%d of %d steps, %.0f s left  %s", done, module.steps, left, numbers_line(module.numbers))

    def on_train_end(self, trainer: Trainer, module: GAN) -> None:
        self.close()

    def on_exception(self, trainer: Trainer, module: GAN, exception: BaseException) -> None:
        self.close()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def numbers_line(numbers: dict[str, float], short: bool = False) -> str:
    """Both losses, the means of D(x) and D(G(z)), and the speed, in one line; ``short``: fewer digits, no speed."""
    shown = {"loss/d": "d", "loss/g": "g", "d/real_prob": "D(x)", "d/fake_prob": "D(G(z))",
             "d/real_score": "D(x)", "d/fake_score": "D(G(z))"}  # fmt: skip
    parts = [f"{label} {numbers[key]:.{2 if short else 3}f}" for key, label in shown.items() if key in numbers]
    if "speed/images_per_s" in numbers and not short:
        parts.append(f"{numbers['speed/images_per_s']:,.0f} images/s")
    return " ".join(parts) if short else "  ".join(parts)
