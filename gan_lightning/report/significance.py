"""Is one arm better than another, or is it chance? Student's t over seeds, paired or Welch's; Holm's correction."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 3  # seeds of an arm below which nothing is said
LEVEL = 0.05

Values = Sequence[tuple[int, float]]  # (training seed, number)


@dataclass(frozen=True)
class Difference:
    """By how much ``other`` is larger than ``one``, over their seeds.

    Attributes:
        mean: of ``other`` minus that of ``one``.
        low, high: its 95 % interval; None where there are too few seeds.
        p: two-sided, of no difference; None where there are too few seeds.
        test: which, in words; where there is none, why.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    test: str


def difference_of_arms(one: Values, other: Values) -> Difference:
    """Both arms' numbers by training seed, each of at least one seed. Paired where both have the same seeds, once each,
    since a seed fixes data order and noise of both; else Welch's test, which takes no equal spread for granted."""
    a, b = [value for _, value in one], [value for _, value in other]
    mean = statistics.fmean(b) - statistics.fmean(a)
    least = min(len(a), len(b))
    if least < LEAST:
        each = {1: "one seed", 2: "two seeds"}[least]
        return Difference(mean, None, None, None, f"{each} of an arm: no statement")
    if is_paired(one, other):
        pairs = dict(one)
        steps = [value - pairs[seed] for seed, value in other]
        error, freedom = statistics.stdev(steps) / math.sqrt(len(steps)), len(steps) - 1.0
        test = f"paired t-test over {len(steps)} seeds"
    else:
        va, vb = statistics.variance(a) / len(a), statistics.variance(b) / len(b)
        error = math.sqrt(va + vb)
        below = va**2 / (len(a) - 1) + vb**2 / (len(b) - 1)
        freedom = (va + vb) ** 2 / below if below else float(least - 1)
        test = f"Welch's t-test, {len(a)} and {len(b)} seeds"
    return of_student(mean, error, freedom, test)


def is_paired(one: Values, other: Values) -> bool:
    """Do both arms have the same seeds, each once?"""
    seeds = [seed for seed, _ in one], [seed for seed, _ in other]
    return sorted(seeds[0]) == sorted(seeds[1]) and len(set(seeds[0])) == len(seeds[0])


def of_student(mean: float, error: float, freedom: float, test: str) -> Difference:
    """Interval and p of a ``mean`` with its standard ``error`` under Student's law."""
    from scipy.stats import t

    if error == 0:
        return Difference(mean, mean, mean, float(mean == 0), test)
    half = float(t.ppf(1 - LEVEL / 2, freedom)) * error
    return Difference(mean, mean - half, mean + half, 2 * float(t.sf(abs(mean) / error, freedom)), test)


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values corrected for their number (Holm 1979): the k-th smallest of m times m - k + 1, none below the one
    before it, at most 1."""
    corrected, so_far = [0.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        so_far = max(so_far, min(1.0, (len(ps) - rank) * ps[at]))
        corrected[at] = so_far
    return corrected
