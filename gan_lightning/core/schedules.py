"""Values that change with the number of G steps done: learning rates, momentum.

Pure functions of the step, not objects that count: there is no state to save or to restore, so a resumed run
follows the formula by construction, and a value changed on resume really applies. Manual optimization in
Lightning never steps torch's own schedulers.
"""

import math


class Linear:
    """From ``start`` to ``end`` over ``steps`` G steps, then ``end``."""

    def __init__(self, start: float, end: float, steps: int) -> None:
        self.start, self.end, self.steps = start, end, steps

    def __call__(self, step: int) -> float:
        return self.start + (self.end - self.start) * min(step / self.steps, 1.0)


class Cosine:
    """``start`` for a share ``hold`` of ``steps`` G steps, half a cosine to ``end`` for the rest, then ``end``."""

    def __init__(self, start: float, end: float, steps: int, hold: float = 0.0) -> None:
        if not 0 <= hold < 1:
            raise ValueError(f"a schedule's hold must be a share of the run in [0, 1), got {hold}. 0.5 is half of it.")
        self.start, self.end, self.steps, self.hold = start, end, steps, hold

    def __call__(self, step: int) -> float:
        done = min(step / self.steps, 1.0)
        phase = math.pi * max(done - self.hold, 0.0) / (1 - self.hold)
        return self.end + (self.start - self.end) * (1 + math.cos(phase)) / 2


class Exponential:
    """``start / rate ** step``, not below ``floor``."""

    def __init__(self, start: float, rate: float, floor: float = 0.0) -> None:
        self.start, self.rate, self.floor = start, rate, floor

    def __call__(self, step: int) -> float:
        return max(self.start * math.exp(-step * math.log(self.rate)), self.floor)
