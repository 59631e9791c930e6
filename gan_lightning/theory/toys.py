"""Two games whose players have one parameter each, with exact answers.

**Dirac-GAN** (Mescheder et al. 2018, definition 2.1): the data are the point 0, G makes the point theta, D's logit is
psi x. A field gives the direction (theta', psi') in which both players move; ``mmgan`` and those below it are the
fields of the losses of that name.

**The historical-averaging game** (Salimans et al. 2016, section 3.3).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

Field = Callable[[float, float], tuple[float, float]]


def sigmoid(t: float) -> float:
    """1 / (1 + exp(-t)), without overflow."""
    return 1 / (1 + math.exp(-t)) if t >= 0 else math.exp(t) / (1 + math.exp(t))


def mmgan(theta: float, psi: float) -> tuple[float, float]:
    s = sigmoid(psi * theta)
    return psi * s, -theta * s


def nsgan(theta: float, psi: float) -> tuple[float, float]:
    return psi * sigmoid(-psi * theta), -theta * sigmoid(psi * theta)


def wgan(theta: float, psi: float) -> tuple[float, float]:
    return psi, -theta


def lsgan(theta: float, psi: float) -> tuple[float, float]:
    return -psi * (psi * theta - 1), -psi * theta * theta


def hinge(theta: float, psi: float) -> tuple[float, float]:
    return psi, -theta if psi * theta > -1 else 0.0


rpgan = nsgan  # D(x) = 0 at the data, so pairing changes nothing: the same directions

FIELDS: dict[str, Field] = {
    "mmgan": mmgan,
    "nsgan": nsgan,
    "wgan": wgan,
    "lsgan": lsgan,
    "hinge": hinge,
    "rpgan": rpgan,
}


def with_r1(field: Field, gamma: float) -> Field:
    """The penalty gamma / 2 |grad D|^2 = gamma / 2 psi^2; at the data (R1) and at the samples (R2) it is the same."""

    def regularised(theta: float, psi: float) -> tuple[float, float]:
        a, b = field(theta, psi)
        return a, b - gamma * psi

    return regularised


def with_gradient_penalty(field: Field, weight: float, target: float = 1.0) -> Field:
    """The penalty weight / 2 (|psi| - target)^2."""

    def regularised(theta: float, psi: float) -> tuple[float, float]:
        a, b = field(theta, psi)
        return a, b - weight * (abs(psi) - target) * (1.0 if psi >= 0 else -1.0)

    return regularised


def with_instance_noise(sigma: float, nodes: int = 40) -> Field:
    """Minimax with noise of standard deviation ``sigma`` on data and samples, its mean by Gauss-Hermite quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()

    def field(theta: float, psi: float) -> tuple[float, float]:
        real, fake = sigma * points, theta + sigma * points
        s_real = 1 / (1 + np.exp(psi * real))  # slope of log sigmoid
        s_fake = 1 / (1 + np.exp(-psi * fake))
        return float(psi * (weights * s_fake).sum()), float((weights * (real * s_real - fake * s_fake)).sum())

    return field


def with_consensus(field: Field, gamma: float, eps: float = 1e-5) -> Field:
    """Consensus optimisation of the field v: v - gamma grad |v|^2 / 2 (Mescheder et al. 2017)."""

    def regularised(theta: float, psi: float) -> tuple[float, float]:
        v = np.array(field(theta, psi))
        J = jacobian(field, theta, psi, eps)
        along_theta, along_psi = (v - gamma * J.T @ v).tolist()
        return along_theta, along_psi

    return regularised


def jacobian(field: Field, theta: float = 0.0, psi: float = 0.0, eps: float = 1e-6) -> NDArray[np.float64]:
    """``[2, 2]``: derivative of the field at (theta, psi), by central differences."""
    columns = []
    for d_theta, d_psi in ((eps, 0.0), (0.0, eps)):
        ahead, behind = field(theta + d_theta, psi + d_psi), field(theta - d_theta, psi - d_psi)
        columns.append((np.array(ahead) - np.array(behind)) / (2 * eps))
    return np.array(columns).T


def eigenvalues(field: Field) -> NDArray[np.complex128]:
    """``[2]``: of the field's Jacobian at the equilibrium (0, 0), sorted.

    Where a real part is positive the flow moves away, where an imaginary part is not 0 it turns.
    """
    return np.sort_complex(np.linalg.eigvals(jacobian(field)).astype(complex))


def simultaneous(field: Field, h: float, steps: int, start: Sequence[float] = (1.0, 1.0)) -> NDArray[np.float64]:
    """``[steps + 1, 2]``: both players move at once, by ``h`` times their direction."""
    theta, psi = start
    path = [(theta, psi)]
    for _ in range(steps):
        a, b = field(theta, psi)
        theta, psi = theta + h * a, psi + h * b
        path.append((theta, psi))
    return np.array(path)


def alternating(field: Field, h: float, steps: int, start: Sequence[float] = (1.0, 1.0)) -> NDArray[np.float64]:
    """``[steps + 1, 2]``: D moves, then G answers the new D, as in Algorithm 1."""
    theta, psi = start
    path = [(theta, psi)]
    for _ in range(steps):
        psi += h * field(theta, psi)[1]
        theta += h * field(theta, psi)[0]
        path.append((theta, psi))
    return np.array(path)


def flow(field: Field, time: float, start: Sequence[float] = (1.0, 1.0), points: int = 2) -> NDArray[np.float64]:
    """``[points, 2]``: (theta, psi) as they follow the field in continuous time, at equal times from 0 to ``time``."""
    at = np.linspace(0, time, points)
    solved = solve_ivp(
        lambda t, y: field(*y), (0, time), list(start), t_eval=at, rtol=1e-10, atol=1e-12, method="DOP853"
    )
    path: NDArray[np.float64] = solved.y.T
    return path


def radius(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from the equilibrium along a path."""
    return np.hypot(path[:, 0], path[:, 1])


def field_of(loss: Any, theta: float, psi: float) -> tuple[float, float]:
    """The direction (theta', psi') that a ``Loss`` of this project gives, by automatic differentiation."""
    import torch

    t, p = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (theta, psi))
    real, fake = (p * 0.0).reshape(1), (p * t).reshape(1)
    (d_psi,) = torch.autograd.grad(loss.discriminator(real, fake), p, retain_graph=True)
    (d_theta,) = torch.autograd.grad(loss.generator(real, fake), t)
    return -d_theta.item(), -d_psi.item()


def averaging_game(
    weight: float, steps: int, h: float = 0.01, start: Sequence[float] = (2.0, 2.0)
) -> tuple[float, int]:
    """V = (f(x) - 1)(y - 1), f(x) = x below 0 and x^2 above; x descends V, y ascends it, simultaneously.

    Historical averaging draws each to the mean of its past.

    Args:
        weight: of the penalty ``weight`` (x - mean of x)^2, and the same of y; 0 for none.
        steps, h: number and size of the steps.

    Returns:
        The distance from the equilibrium (1, 1) at the end, and the step at which the game left every bound (|x| or |y|
        above 1e6), or ``steps`` if it never did.
    """
    x, y = start
    mean_x, mean_y = x, y
    for t in range(1, steps + 1):
        f, slope = (x * x, 2 * x) if x >= 0 else (x, 1.0)
        x, y = (
            x - h * (slope * (y - 1) + 2 * weight * (x - mean_x)),
            y + h * ((f - 1) - 2 * weight * (y - mean_y)),
        )
        if not (abs(x) < 1e6 and abs(y) < 1e6):
            return float("inf"), t
        mean_x += (x - mean_x) / (t + 1)
        mean_y += (y - mean_y) / (t + 1)
    return math.hypot(x - 1, y - 1), steps
