"""Divergences of densities on the line, by quadrature (``information.py`` has those of discrete laws).

A density is a function of x, such as a ``.pdf`` of scipy.stats.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.integrate import quad
from scipy.special import rel_entr

Density = Callable[[float], float]


@dataclass(frozen=True)
class Gaussian:
    """N(mean, sd^2). (``scipy.stats.norm`` gives the same numbers 100 times slower, one at a time.)"""

    mean: float = 0.0
    sd: float = 1.0

    def logpdf(self, x: float) -> float:
        return -(((x - self.mean) / self.sd) ** 2) / 2 - math.log(self.sd * math.sqrt(2 * math.pi))

    def pdf(self, x: float) -> float:
        return math.exp(self.logpdf(x))

    def cdf(self, x: float) -> float:
        return math.erfc((self.mean - x) / self.sd / math.sqrt(2)) / 2


@dataclass(frozen=True)
class Line:
    """The interval of integration, which must hold all of the densities that matters.

    Args:
        low, high: its ends.
        breaks: points where an integrand changes quickly; it is integrated between them.
    """

    low: float
    high: float
    breaks: tuple[float, ...] = ()

    def integral(self, f: Callable[[float], float]) -> float:
        points = [self.low, *sorted(b for b in self.breaks if self.low < b < self.high), self.high]
        pieces = pairwise(points)
        return float(sum(quad(f, a, b, epsabs=1e-13, epsrel=1e-11, limit=400)[0] for a, b in pieces))


def kl(p: Density, q: Density, line: Line) -> float:
    """KL(p || q) in nats; infinite if q is 0 and p is not at one of 2,001 points of ``line``."""
    inside = np.linspace(line.low, line.high, 2001)
    if any(p(x) > 0 and q(x) == 0 for x in inside):
        return float("inf")
    return line.integral(lambda x: float(rel_entr(p(x), q(x))))


def js(p: Density, q: Density, line: Line) -> float:
    """JSD(p, q) in nats; at most log 2."""

    def middle(x: float) -> float:
        return (p(x) + q(x)) / 2

    return (kl(p, middle, line) + kl(q, middle, line)) / 2


def total_variation(p: Density, q: Density, line: Line) -> float:
    """Half of the integral of |p - q|."""
    return line.integral(lambda x: abs(p(x) - q(x))) / 2


def wasserstein(cdf_p: Density, cdf_q: Density, line: Line) -> float:
    """W1(p, q) on the line: the integral of |P - Q| of the distribution functions."""
    return line.integral(lambda x: abs(cdf_p(x) - cdf_q(x)))
