"""What keeps Lightning's own work between two steps small."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from lightning.pytorch import Callback
from lightning.pytorch.profilers import PassThroughProfiler


def steps_within(seconds: float, passed: float, done: int) -> int:
    """As many steps as fit into ``seconds`` at the pace of ``done`` steps in the ``passed`` ones; at least one."""
    return max(1, int(seconds * done / max(passed, 1e-9)))


class FewHooks(Callback):
    """A callback without the hooks that Lightning calls several times per batch.

    Lightning opens a profiler section around every hook of every callback, empty ones too, but passes over what is
    not callable. Eight callbacks would open some 50 needless sections per G step.
    """

    on_train_batch_start: Any = None
    on_before_zero_grad: Any = None
    on_before_backward: Any = None
    on_after_backward: Any = None
    on_before_optimizer_step: Any = None


class NoProfiler(PassThroughProfiler):
    """Lightning's default profiler, which does nothing, without a new generator for each of 30 sections per step."""

    nothing = nullcontext()

    def profile(self, action_name: str) -> AbstractContextManager[None]:
        return self.nothing
