"""Values that change with the number of G steps done: learning rates, momentum.

A schedule is a function of the number of G steps done and counts nothing itself. So a checkpoint holds nothing of it,
a resumed run follows the formula, and a value changed on resume applies. (torch's own schedulers count; in manual
optimization Lightning never steps them.)
"""

import math


def check_hold(hold: float) -> float:
    """``hold`` itself. Raises ValueError where it is outside [0, 1)."""
    if not 0 <= hold < 1:
        raise ValueError(f"a schedule's hold must be a share of the run in [0, 1), got {hold}. 0.5 is half of it.")
    return hold


class Linear:
    """In a straight line from ``start`` to ``end`` over ``steps`` G steps, then ``end``.

    So rises the momentum in the published code of Goodfellow et al. 2014 (pylearn2's MomentumAdjustor).

    Args:
        start, end, steps: the value before the first step, from ``steps`` on, and G steps of the whole schedule.
        hold: share of ``steps``, in [0, 1), during which the value stays at ``start``.

    Raises:
        ValueError: ``hold`` is outside [0, 1).
    """

    def __init__(self, start: float, end: float, steps: int, hold: float = 0.0) -> None:
        self.start, self.end, self.steps, self.hold = start, end, steps, check_hold(hold)

    def __call__(self, step: int) -> float:
        done = min(step / self.steps, 1.0)
        return self.start + (self.end - self.start) * max(done - self.hold, 0.0) / (1 - self.hold)


class Cosine:
    """Half a cosine from ``start`` down to ``end`` (one cycle of Loshchilov & Hutter 2017, equation 5).

    Args:
        start: the value before the first step.
        end: the value from ``steps`` on.
        steps: G steps of the whole schedule.
        hold: share of ``steps``, in [0, 1), during which the value stays at ``start``.

    Raises:
        ValueError: ``hold`` is outside [0, 1).
    """

    def __init__(self, start: float, end: float, steps: int, hold: float = 0.0) -> None:
        self.start, self.end, self.steps, self.hold = start, end, steps, check_hold(hold)

    def __call__(self, step: int) -> float:
        done = min(step / self.steps, 1.0)
        phase = math.pi * max(done - self.hold, 0.0) / (1 - self.hold)
        return self.end + (self.start - self.end) * (1 + math.cos(phase)) / 2


class Exponential:
    """``start / rate ** step`` after ``step`` G steps, not below ``floor``.

    So falls the learning rate in the published code of Goodfellow et al. 2014 (pylearn2's ExponentialDecay, with rate
    1.000004).
    """

    def __init__(self, start: float, rate: float, floor: float = 0.0) -> None:
        self.start, self.rate, self.floor = start, rate, floor

    def __call__(self, step: int) -> float:
        return max(self.start * math.exp(-step * math.log(self.rate)), self.floor)
