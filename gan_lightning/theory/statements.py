"""What the papers say, as numbers, each beside what is measured here.

A tolerance is the error that the way of measuring may have, or what was published may have by rounding; ``why`` says
which.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from gan_lightning.theory import densities, information, toys, transport, value_function
from gan_lightning.theory.densities import Gaussian, Line

LOG2 = math.log(2)
QUADRATURE = "adaptive quadrature, relative error below 1e-9"
ROUNDING = "closed form, rounding only"
DIFFERENCES = "central differences of width 1e-6"


@dataclass(frozen=True)
class Statement:
    """``measure()`` must be within ``tolerance`` of ``expected``; ``why`` is the reason for the tolerance."""

    source: str
    text: str
    expected: float
    measure: Callable[[], float]
    tolerance: float
    why: str

    def check(self) -> tuple[float, float, bool]:
        """(measured, error, pass)."""
        measured = self.measure()
        error = 0.0 if measured == self.expected else abs(measured - self.expected)  # inf equals inf
        return measured, error, error <= self.tolerance


WIDE = Line(-14.0, 24.0, (0.0, 1.0, 3.0, 6.0, 9.0))
LETTERS = [0.1, 0.15, 0.5, 0.1, 0.1, 0.05]


def gaussians(m: float) -> tuple[Gaussian, Gaussian]:
    """p_r = N(0, 1) and p_g = N(m, 1)."""
    return Gaussian(), Gaussian(m)


@lru_cache
def slope_at_optimum(term: Callable[[Any], Any], m: float = 1.3, h: float = 1e-5) -> float:
    """d/dm of E_{x ~ N(m, 1)} term(D*(x)), D* fixed at the optimum for p_r = N(0, 1), p_g = N(m, 1)."""
    p, q = gaussians(m)

    def mean(shift: float) -> float:
        moved = Gaussian(m + shift)
        return WIDE.integral(lambda x: moved.pdf(x) * term(1 / (1 + math.exp(min(700.0, q.logpdf(x) - p.logpdf(x))))))

    return (mean(h) - mean(-h)) / (2 * h)


def derivative(f: Callable[[float], float], at: float, h: float = 1e-4) -> float:
    """f'(at), by central differences over five points."""
    return (f(at - 2 * h) - 8 * f(at - h) + 8 * f(at + h) - f(at + 2 * h)) / (12 * h)


def kl_of_shift(m: float) -> float:
    """KL(p_g || p_r)."""
    p, q = gaussians(m)
    return densities.kl(q.pdf, p.pdf, WIDE)


def jsd_of_shift(m: float) -> float:
    """JSD(p_r, p_g)."""
    p, q = gaussians(m)
    return densities.js(p.pdf, q.pdf, WIDE)


def best_constant(alpha: float, beta: float) -> float:
    """The probability that minimises D's smoothed cross-entropy where p_r = 0.2, p_g = 0.6, found numerically."""
    from scipy.optimize import minimize_scalar

    def loss(logit: float) -> float:
        softplus = math.log1p(math.exp(-abs(logit))) + max(logit, 0)
        return 0.2 * (softplus - alpha * logit) + 0.6 * (softplus - beta * logit)

    return toys.sigmoid(float(minimize_scalar(loss, bounds=(-20, 20), method="bounded", options={"xatol": 1e-10}).x))


def parallel_lines(t: float, what: str, n: int = 8) -> float:
    """W1 ("w"), JSD ("js"), KL ("kl") or total variation ("tv") of two parallel segments at distance ``t``.

    Each is made of ``n`` points (Arjovsky et al. 2017, example 1).
    """
    height = np.arange(n) / n
    p, q = np.r_[np.ones(n), np.zeros(n)] / n, np.r_[np.zeros(n), np.ones(n)] / n
    if what == "w":
        cost = np.hypot(height[:, None] - height[None], t)
        return transport.between(p[:n], q[n:], cost)
    return {"js": information.js, "kl": information.kl, "tv": information.total_variation}[what](p, q)


def theorem_1(m: float) -> float:
    """C(G) - (2 JSD - log 4), which is 0."""
    p, q = gaussians(m)
    return value_function.criterion(p.pdf, q.pdf, WIDE) + math.log(4) - 2 * jsd_of_shift(m)


def growth(path: np.ndarray) -> float:
    """The radius at the end of ``path`` ``[T, 2]`` over that at its start."""
    r = toys.radius(path)
    return float(r[-1] / r[0])


def statements(losses: Mapping[str, Any]) -> list[Statement]:
    """All of them. ``losses``: this project's, by name; their directions in the Dirac-GAN are compared with formulas."""
    S = Statement
    shannon, g14, s16, ab17 = "Shannon 1948", "Goodfellow 2014", "Salimans 2016", "Arjovsky 2017"
    m18 = "Mescheder 2018"
    found: list[Statement] = [
        S(shannon, "a fair coin tells 1 bit", 1.0, lambda: information.self_information(0.5, 2), 1e-15, ROUNDING),
        S(shannon, "H of a coin with p = 0.9, bits", 0.4689955935892812, lambda: information.entropy([0.9, 0.1], 2), 1e-12, ROUNDING),
        S(shannon, "H of the notes' letter table, bits per letter", 2.1232196723355077, lambda: information.entropy(LETTERS, 2), 1e-12, ROUNDING),
        S("Huffman 1952", "its code for that table, bits per letter", 2.15, lambda: information.huffman_length(LETTERS), 1e-12, ROUNDING),
        S("notes", "H(p, q) = H(p) + KL(p || q): difference", 0.0, lambda: -float(np.dot([0.7, 0.3], np.log([0.2, 0.8]))) - information.cross_entropy([0.7, 0.3], [0.2, 0.8]), 1e-14, ROUNDING),
        S("notes", "KL is not symmetric: KL(p||q) - KL(q||p), p = (.9,.1), q = (.5,.5)", 0.9 * math.log(0.9) + 0.1 * math.log(0.1) + LOG2 + math.log(0.6), lambda: information.kl([0.9, 0.1], [0.5, 0.5]) - information.kl([0.5, 0.5], [0.9, 0.1]), 1e-12, ROUNDING),
        S("notes", "JSD of disjoint laws = log 2", LOG2, lambda: information.js([1, 0], [0, 1]), 1e-15, ROUNDING),
        S("notes", "KL of disjoint laws is infinite", math.inf, lambda: information.kl([1, 0], [0, 1]), 0.0, "no tolerance"),
        S("notes", "a law that misses a mode: KL of (0,1) from (.5,.5) is finite, log 2 (the other way it is not)", LOG2, lambda: information.kl([0, 1], [0.5, 0.5]), 1e-15, ROUNDING),
    ]  # fmt: skip
    for m, expected in ((0, 0.0), (1, 0.111421), (3, 0.526777), (6, 0.689298), (9, 0.693137)):
        found.append(
            S(g14, f"JSD of N(0,1) and N({m},1)", expected, partial(jsd_of_shift, m), 1e-6, "published to 6 digits")
        )
    for m in (1, 3):
        found.append(S(g14 + ", thm 1", f"C(G) = -log 4 + 2 JSD at m = {m}: difference", 0.0, partial(theorem_1, m), 1e-8, QUADRATURE))  # fmt: skip
    same = Gaussian()
    found += [
        S(g14 + ", thm 1", "C(G) = -log 4 where p_g = p_r", -math.log(4), lambda: value_function.criterion(same.pdf, same.pdf, WIDE), 1e-9, QUADRATURE),
        S(g14 + ", prop 1", "D minimising the loss at p_r = .2, p_g = .6: p_r/(p_r+p_g)", 0.25, lambda: best_constant(1, 0), 1e-6, "numerical minimum"),
        S(s16 + ", 3.4", "the same with targets .9 / 0: .9 p_r/(p_r+p_g)", 0.225, lambda: best_constant(0.9, 0), 1e-6, "numerical minimum"),
        S(s16 + ", 3.4", "with .9 / .1, p_g stays in the numerator: (.9 p_r + .1 p_g)/(p_r+p_g)", 0.3, lambda: best_constant(0.9, 0.1), 1e-6, "numerical minimum"),
        S(ab17 + ", thm 2.5", "slope of E[-log D*(G)] at m = 1.3", 0.850990, lambda: slope_at_optimum(lambda d: -math.log(d)), 1e-6, "published to 6 digits"),
        S(ab17 + ", thm 2.5", "... = slope of KL(p_g||p_r) - 2 JSD: difference", 0.0, lambda: slope_at_optimum(lambda d: -math.log(d)) - derivative(lambda m: kl_of_shift(m) - 2 * jsd_of_shift(m), 1.3), 1e-6, "differences of quadratures"),
        S(ab17, "slope of E log(1 - D*(G)) at m = 1.3", 0.449010, lambda: slope_at_optimum(lambda d: math.log1p(-d)), 1e-6, "published to 6 digits"),
        S(ab17, "... = slope of 2 JSD: difference", 0.0, lambda: slope_at_optimum(lambda d: math.log1p(-d)) - derivative(lambda m: 2 * jsd_of_shift(m), 1.3), 1e-6, "differences of quadratures"),
        S(ab17 + ", ex 1", "parallel lines at distance .7: W", 0.7, lambda: parallel_lines(0.7, "w"), 1e-9, "linear programme"),
        S(ab17 + ", ex 1", "... JSD", LOG2, lambda: parallel_lines(0.7, "js"), 1e-12, ROUNDING),
        S(ab17 + ", ex 1", "... KL", math.inf, lambda: parallel_lines(0.7, "kl"), 0.0, "no tolerance"),
        S(ab17 + ", ex 1", "... total variation", 1.0, lambda: parallel_lines(0.7, "tv"), 1e-12, ROUNDING),
        S("Villani 2009", "W of N(0,1) and N(3,1) by their distribution functions", 3.0, lambda: densities.wasserstein(Gaussian().cdf, Gaussian(3).cdf, WIDE), 1e-8, QUADRATURE),
    ]  # fmt: skip
    for name, loss in losses.items():
        if name in toys.FIELDS:
            found.append(S("this project", f"loss={name} moves the Dirac-GAN as its formula says: largest difference", 0.0, partial(difference, name, loss), 1e-12, "automatic differentiation against closed form"))  # fmt: skip
    gan, ns, w, far = toys.mmgan, toys.nsgan, toys.wgan, (1.0, -1.0)
    found += [
        S(m18, "Dirac-GAN, minimax: eigenvalues +- i/2; the imaginary one", 0.5, lambda: float(toys.eigenvalues(gan)[1].imag), 1e-8, DIFFERENCES),
        S(m18, "... its flow keeps theta^2 + psi^2: drift over t = 100", 0.0, lambda: growth(toys.flow(gan, 100, points=2)) - 1, 1e-6, "integrator, relative 1e-10 a step"),
        S(m18, "... one step of h multiplies the radius by sqrt(1 + h^2/4), near 0, h = .2", math.sqrt(1.01), lambda: growth(toys.simultaneous(gan, 0.2, 1, (1e-5, 0.0))), 1e-6, "terms of the order of the radius"),
        S(m18, "... from (1,-1) 500 steps of .2 multiply it by", 2.19, lambda: growth(toys.simultaneous(gan, 0.2, 500, far)), 0.005, "published to 3 digits"),
        S(m18, "... alternating, h = .2: bounded, largest radius in 5,000 steps", 1.4210, lambda: float(toys.radius(toys.alternating(gan, 0.2, 5000)).max()), 1e-3, "published as within 1.34 to 1.42"),
        S(m18, "... alternating, h = 4.1: larger eigenvalue of a step (4 is critical)", 1.5625, lambda: largest_alternating(4.1), 1e-6, DIFFERENCES),
        S(m18, "... alternating, h = 3.9: modulus", 1.0, lambda: largest_alternating(3.9), 1e-6, DIFFERENCES),
        S("derived", "non-saturating flow: 1/r^2 = 1/r0^2 + t/8; r at t = 20,000", 1 / math.sqrt(0.5 + 2500), lambda: float(toys.radius(toys.flow(ns, 20000))[-1]), 1e-6, "law for small r, begun at r = 1.4"),
        S("derived", "non-saturating, steps of h = .1: a cycle of mean radius sqrt(2h)", math.sqrt(0.2), lambda: cycle(0.1), 3e-4, "law to first order in h"),
        S("derived", "... h = .05", math.sqrt(0.1), lambda: cycle(0.05), 1e-4, "law to first order in h"),
        S(m18, "wgan: 500 steps of .2 multiply the radius by (1 + h^2)^250", 1.04**250, lambda: growth(toys.simultaneous(w, 0.2, 500)), 1e-6, ROUNDING),
        S(m18, "wgan with gradient penalty (.7, target 1): radius x after 500 steps, not 0", 1.27, lambda: growth(toys.simultaneous(toys.with_gradient_penalty(w, 0.7), 0.2, 500, far)), 0.005, "published to 3 digits"),
        S(m18 + ", thm 4.1", "R1, gamma = .3: radius after 500 steps", 0.0, lambda: float(toys.radius(toys.simultaneous(toys.with_r1(gan, 0.3), 0.2, 500))[-1]), 1e-5, "converges"),
        S(m18, "R1: critical damping at gamma = 1; imaginary part there", 0.0, lambda: critical(1.0), 2e-3, "square root of rounding"),
        S(m18, "... at gamma = .99 it still turns: sqrt(1/4 - gamma^2/4)", math.sqrt(1 - 0.99**2) / 2, lambda: critical(0.99), 1e-5, DIFFERENCES),
        S(m18, "instance noise 1: real part of the eigenvalues, f''(0) sigma^2", -0.25, lambda: float(toys.eigenvalues(toys.with_instance_noise(1.0))[0].real), 1e-6, "quadrature and differences"),
        S("Mescheder 2017", "consensus, gamma = .5: real part, -gamma f'(0)^2", -0.125, lambda: float(toys.eigenvalues(toys.with_consensus(gan, 0.5))[0].real), 1e-5, "differences of differences"),
        S(s16 + ", 3.3", "(f(x)-1)(y-1) by gradient descent leaves every bound at step", 23522, lambda: float(toys.averaging_game(0.0, 200_000)[1]), 0, "exact"),
        S(s16 + ", 3.3", "with historical averaging .1: distance from equilibrium after 200,000", 1.2e-4, lambda: toys.averaging_game(0.1, 200_000)[0], 5e-6, "published to 2 digits"),
        S(s16 + ", 3.3", "... .5", 2.5e-3, lambda: toys.averaging_game(0.5, 200_000)[0], 5e-5, "published to 2 digits"),
        S(s16 + ", 3.3", "... 5: too stiff", 0.97, lambda: toys.averaging_game(5.0, 200_000)[0], 5e-3, "published to 2 digits"),
    ]  # fmt: skip
    return found


def difference(name: str, loss: Any) -> float:
    """The largest difference between the direction by ``loss`` and by its formula in toys.FIELDS, over four points."""
    points = [(0.3, 0.7), (-1.2, 0.4), (0.9, -0.8), (-0.5, -0.6)]
    pairs = [(toys.field_of(loss, *p), toys.FIELDS[name](*p)) for p in points]
    return max(abs(a - b) for mine, formula in pairs for a, b in zip(mine, formula, strict=True))


def largest_alternating(h: float) -> float:
    """Modulus of the larger eigenvalue of one alternating step of minimax near the equilibrium."""
    J = toys.jacobian(toys.mmgan)
    step = np.array([[1, h * J[0, 1]], [0, 1]]) @ np.array([[1, 0], [h * J[1, 0], 1]])
    return float(np.abs(np.linalg.eigvals(step)).max())


def cycle(h: float) -> float:
    """Mean radius of the non-saturating game's last 10,000 of 60,000 simultaneous steps of ``h``."""
    return float(toys.radius(toys.simultaneous(toys.nsgan, h, 60_000))[-10_000:].mean())


def critical(gamma: float) -> float:
    """Largest imaginary part of the eigenvalues of minimax with R1."""
    return float(np.abs(toys.eigenvalues(toys.with_r1(toys.mmgan, gamma)).imag).max())
