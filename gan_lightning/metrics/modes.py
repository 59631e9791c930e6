"""Metrics of samples from mixtures whose modes are known: how many they cover, how well, and how evenly."""

import hashlib

import torch
from torch import Tensor

from gan_lightning.metrics.judge import Judge


class ModeJudge(Judge):
    """The judge of a mixture of ``[K, 2]`` normals: a point's features are its coordinates, its class the nearest mean.

    Args:
        dataset: the mixture it judges.
        means: ``[K, 2]``.
        sd: of each normal.
    """

    knows_modes = True

    def __init__(self, dataset: str, means: Tensor, sd: float) -> None:
        self.dataset, self.means, self.sd, self.classes = dataset, torch.as_tensor(means).double(), sd, len(means)
        self.sha256 = hashlib.sha256(repr((dataset, self.means.tolist(), sd)).encode()).hexdigest()

    def __call__(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``[N, 2]`` and, as probabilities ``[N, K]``, one for the nearest mean; float64 on the CPU."""
        points = points.cpu().double()
        nearest = torch.cdist(points, self.means).argmin(1)
        return points, torch.nn.functional.one_hot(nearest, self.classes).double()

    def quick(self, points: Tensor) -> dict[str, float]:
        """Modes and high_quality of points ``[N, 2]`` (``mode_coverage``), for the curves of a run."""
        found = mode_coverage(self, points)
        return {"metric/modes": found["modes"], "metric/high_quality": found["high_quality"]}


def mode_coverage(judge: ModeJudge, fake: Tensor) -> dict[str, float]:
    """How points ``[N, 2]`` cover the modes, as in published tables (Srivastava et al. 2017; Lin et al. 2018).

    high_quality: share within 3 sd of the nearest mean (98.89 % of the real law).
    modes: means that some such point is nearest to.
    reverse_kl: KL of the high-quality points' shares of the modes from the uniform law, in nats; inf without any.
    spread: for each mode the root mean square deviation, per coordinate, of its high-quality points from its mean, over
    that of the real law cut at 3 sd; of these the mean over modes. 1 is right, 0 means that a mode's points coincide
    with its mean. nan where no mode has two points.
    narrowest, widest: the smallest and the largest of these ratios, among modes with at least 20 points.
    """
    distance, nearest = torch.cdist(fake.double(), judge.means).min(1)
    good = distance <= 3 * judge.sd
    counts = torch.bincount(nearest[good], minlength=judge.classes).double()
    share = counts / counts.sum()
    divergence = torch.special.xlogy(share, share * judge.classes).sum().item() if counts.sum() else float("inf")
    # of its variance per coordinate, a normal in the plane that is cut at radius 3 sd keeps this share
    kept = 1 - 4.5 * torch.tensor(-4.5).exp().item() / (1 - torch.tensor(-4.5).exp().item())
    spreads, of_many = [], []  # of modes with two points or more, with 20 or more
    for k in range(judge.classes):
        inside = fake[good & (nearest == k)].double() - judge.means[k]
        if len(inside) >= 2:
            spreads.append((inside.square().mean() / kept).sqrt().item() / judge.sd)
        if len(inside) >= 20:
            of_many.append(spreads[-1])
    return {
        "modes": int((counts > 0).sum()),
        "high_quality": good.double().mean().item(),
        "reverse_kl": divergence,
        "spread": sum(spreads) / len(spreads) if spreads else float("nan"),
        "narrowest": min(of_many, default=float("nan")),
        "widest": max(of_many, default=float("nan")),
    }
