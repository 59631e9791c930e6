"""Wasserstein-1 distances, exact."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

from gan_lightning.theory.information import law


def on_the_line(x: ArrayLike, y: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None) -> float:
    """W1 of samples ``x`` and ``y`` on the line, or of points with weights ``p`` and ``q``."""
    return float(wasserstein_distance(np.asarray(x), np.asarray(y), p, q))


def between(p: ArrayLike, q: ArrayLike, cost: ArrayLike) -> float:
    """The cheapest plan that carries ``p`` [K] to ``q`` [L] when a unit from i to j costs ``cost`` [K, L].

    A linear programme over joint laws with the marginals p and q.
    """
    one, other, costs = law(p, "p"), law(q, "q"), np.asarray(cost, dtype=np.float64)
    if costs.shape != (len(one), len(other)):
        raise ValueError(f"cost must have shape ({len(one)}, {len(other)}), got {costs.shape}.")
    rows = np.kron(np.eye(len(one)), np.ones(len(other)))
    columns = np.kron(np.ones(len(one)), np.eye(len(other)))
    plan = linprog(costs.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([one, other]))
    return float(plan.fun)
