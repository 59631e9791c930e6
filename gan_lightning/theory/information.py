"""Entropies and divergences of discrete laws: probabilities ``[K]`` that sum to 1. In nats, or bits for ``base=2``.

0 log 0 is 0; where q is 0 and p is not, cross-entropy and KL(p || q) are infinite.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, rel_entr

Law = NDArray[np.float64]


def law(p: ArrayLike, name: str = "p") -> Law:
    """``p`` as float64.

    Raises:
        ValueError: it is no vector, has a negative entry, or its sum is not 1. The text calls it ``name``.
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} must be a vector of probabilities, got shape {values.shape}.")
    if not (values >= 0).all():
        raise ValueError(f"{name} must hold no negative probability, got {values.min():g}.")
    if abs(values.sum() - 1) > 1e-9:
        raise ValueError(f"{name} must sum to 1, got {values.sum():.12g}. Divide it by its sum.")
    return values


def laws(p: ArrayLike, q: ArrayLike) -> tuple[Law, Law]:
    """Two laws on the same points. Raises ValueError where their lengths differ."""
    one, other = law(p, "p"), law(q, "q")
    if one.shape != other.shape:
        raise ValueError(f"p and q must be on the same points, got {len(one)} and {len(other)} of them.")
    return one, other


def per_nat(base: float | None) -> float:
    """Units of ``base`` in one nat; None is nats."""
    return 1.0 if base is None else 1 / float(np.log(base))


def self_information(p: float, base: float | None = None) -> float:
    """-log p, of one event of probability ``p`` in (0, 1]."""
    if not 0 < p <= 1:
        raise ValueError(f"an event's probability must be in (0, 1], got {p}.")
    return -float(np.log(p)) * per_nat(base) + 0.0


def entropy(p: ArrayLike, base: float | None = None) -> float:
    """H(p) = -sum p log p: the mean self-information."""
    return float(entr(law(p)).sum()) * per_nat(base)


def kl(p: ArrayLike, q: ArrayLike, base: float | None = None) -> float:
    """KL(p || q) = sum p log(p / q)."""
    one, other = laws(p, q)
    return float(rel_entr(one, other).sum()) * per_nat(base)


def cross_entropy(p: ArrayLike, q: ArrayLike, base: float | None = None) -> float:
    """H(p, q) = -sum p log q = H(p) + KL(p || q)."""
    return entropy(p, base) + kl(p, q, base)


def js(p: ArrayLike, q: ArrayLike, base: float | None = None) -> float:
    """JSD(p, q) = KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2; at most log 2."""
    one, other = laws(p, q)
    middle = (one + other) / 2
    return (kl(one, middle, base) + kl(other, middle, base)) / 2


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """sup over events of |p(A) - q(A)| = sum |p - q| / 2."""
    one, other = laws(p, q)
    return float(np.abs(one - other).sum() / 2)


def huffman_length(p: ArrayLike) -> float:
    """Bits per symbol of Huffman's code, the shortest with whole bits per symbol: from H(p) to below H(p) + 1."""
    import heapq

    heap = law(p).tolist()
    heapq.heapify(heap)
    total = 0.0
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    return total


def histogram(samples: ArrayLike, edges: Sequence[float]) -> Law:
    """Shares of ``samples`` in the bins between ``edges``: a discrete law.

    Raises:
        ValueError: a sample lies in no bin.
    """
    values = np.asarray(samples, dtype=np.float64)
    counts, _ = np.histogram(values, edges)
    if counts.sum() != values.size:
        raise ValueError(f"all samples must lie in [{edges[0]}, {edges[-1]}], {values.size - counts.sum()} do not.")
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares
