"""Saving Lightning's own work between two steps: fewer hooks and no profiler; and looking at a clock less often."""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from lightning.pytorch import Callback
from lightning.pytorch.profilers import PassThroughProfiler


def steps_within(seconds: float, passed: float, done: int) -> int:
    """How many steps fit into ``seconds``, if ``done`` steps took ``passed`` seconds; at least one."""
    return max(1, int(seconds * done / max(passed, 1e-9)))


def next_multiple(every: int, step: int) -> int:
    """The first multiple of ``every`` after ``step``; for 0 none that will ever come."""
    return (step // every + 1) * every if every else sys.maxsize


class FewHooks(Callback):
    """A callback without the hooks that Lightning calls several times per batch.

    Lightning opens a profiler section around every hook of every callback, also where the hook does nothing, but skips
    a hook that is not callable, such as None. Eight callbacks would open some 50 needless sections per G step.
    """

    on_train_batch_start: Any = None
    on_before_zero_grad: Any = None
    on_before_backward: Any = None
    on_after_backward: Any = None
    on_before_optimizer_step: Any = None

    def next_due(self, step: int) -> int:
        """After which G step ``on_train_batch_end`` must be called next, when ``step`` are done: by default the next.

        Where all callbacks can wait, one call of ``training_step`` plays several batches (callbacks/calls.py).
        """
        return step + 1


class NoProfiler(PassThroughProfiler):
    """Lightning's default profiler, which does nothing, but makes a new context manager for each of 30 sections a step;
    this one has the same for all.
    """

    nothing = nullcontext()

    def profile(self, action_name: str) -> AbstractContextManager[None]:
        return self.nothing
