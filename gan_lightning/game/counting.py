"""Where a game stands: D steps, G steps and images so far. They travel in its checkpoints."""

from collections.abc import Mapping
from typing import Any

COUNTERS = ("d_steps_done", "g_steps_done", "images_seen")


class Counting:
    """The counters of a game, all 0 before its first step.

    Attributes:
        steps: G steps of the whole run.
        d_steps: D steps per G step.
    """

    steps: int
    d_steps: int
    d_steps_done: int = 0
    g_steps_done: int = 0
    images_seen: int = 0
    share: Any = None  # in a recorded step, where a recording cannot count: ``progress``, a scalar on the device

    def d_has_moved(self, images: int) -> bool:
        """Count a step of D on a batch of ``images`` of all processes; is it G's turn?"""
        self.d_steps_done += 1
        self.images_seen += images
        return self.d_steps_done % self.d_steps == 0

    def g_has_moved(self) -> None:
        """Count a step of G."""
        self.g_steps_done += 1

    @property
    def progress(self) -> float:
        """Share of the G steps that is done, in [0, 1]."""
        share: float = min(self.g_steps_done / self.steps, 1.0) if self.share is None else self.share
        return share

    @property
    def g_just_moved(self) -> bool:
        """Was G's half part of the last batch? What is done every so many G steps is done then, once."""
        return self.g_steps_done > 0 and self.d_steps_done % self.d_steps == 0

    def counters(self) -> dict[str, int]:
        """D steps, G steps and images so far."""
        return dict(zip(COUNTERS, (self.d_steps_done, self.g_steps_done, self.images_seen), strict=True))

    def set_counters(self, counters: Mapping[str, int]) -> None:
        self.d_steps_done, self.g_steps_done, self.images_seen = (counters[name] for name in COUNTERS)
