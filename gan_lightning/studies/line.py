"""Games on the line, where every density is known: shared by density_game and optimal_discriminator."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gan_lightning.core.play import Discriminator, Loss, Prior
from gan_lightning.core.prior import Normal
from gan_lightning.game.loop import Loop
from gan_lightning.game.module import GAN
from gan_lightning.networks.points import Discriminator as Points
from gan_lightning.theory.densities import Gaussian

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LineMixture:
    """A mixture of normals on the line."""

    means: Sequence[float]
    sds: Sequence[float]
    weights: Sequence[float]

    def pdf(self, x: Array) -> Array:
        parts = zip(self.means, self.sds, self.weights, strict=True)
        return sum(
            (w * np.exp(-(((x - m) / s) ** 2) / 2) / (s * np.sqrt(2 * np.pi)) for m, s, w in parts), np.zeros_like(x)
        )

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``[n, 1]``."""
        which = torch.multinomial(
            torch.tensor(self.weights, dtype=torch.float), n, replacement=True, generator=generator
        )
        means, sds = torch.tensor(self.means)[which], torch.tensor(self.sds)[which]
        return (means + sds * torch.randn(n, generator=generator))[:, None]


class Affine(nn.Module):
    """G(z) = shift + scale z: for normal z its density is N(shift, scale^2) exactly."""

    def __init__(self, shift: float, scale: float) -> None:
        super().__init__()
        self.shift, self.scale = nn.Parameter(torch.tensor(shift)), nn.Parameter(torch.tensor(scale))

    def forward(self, z: Tensor) -> Tensor:
        return self.shift + self.scale * z


def play_on_the_line(
    data: LineMixture,
    G: nn.Module,
    D: Discriminator,
    prior: Prior,
    loss: Loss,
    *,
    steps: int,
    d_steps: int,
    batch_size: int,
    lr: float,
    seed: int,
    after: Callable[[GAN, int], None],
) -> GAN:
    """Play ``steps`` batches with fresh draws of ``data``; ``after(gan, batches)`` is called after every batch.

    The learning rates fall to a hundredth over the last half, so that the players come to rest. With ``d_steps`` above
    ``steps`` G never moves.
    """

    def adam(parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr, betas=(0.5, 0.99))

    gan = GAN(G, D, prior, loss, adam, adam, steps=max(1, steps // d_steps), d_steps=d_steps, seed=seed)
    loop = Loop(gan)
    draws = torch.Generator().manual_seed(seed)
    labels = torch.zeros(batch_size, dtype=torch.long)
    for i in range(steps):
        share = min(1.0, 2 * (1 - i / steps))
        for optimizer in loop.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = lr * max(0.01, share)
        loop.step(data.sample(batch_size, draws), labels)
        after(gan, i + 1)
    return gan


def best_discriminator(
    data: LineMixture, fake: Gaussian, loss: Loss, bar: Any, steps: int, batch_size: int, seed: int
) -> Discriminator:
    """D trained alone, for ``steps`` batches, against a fixed G whose density is ``fake``'s."""
    torch.manual_seed(seed)
    gan = play_on_the_line(
        data,
        Affine(fake.mean, fake.sd),
        Points((1,)),
        Normal(1),
        loss,
        steps=steps,
        d_steps=steps + 1,
        batch_size=batch_size,
        lr=3e-3,
        seed=seed,
        after=lambda gan, i: bar.update(),
    )
    return gan.D


@torch.no_grad()
def probability(D: Discriminator, x: Array) -> Array:
    """sigmoid(D(x)) at the points ``x`` ``[N]`` of the line."""
    logits: Tensor = D(torch.tensor(x, dtype=torch.float32)[:, None])
    return logits.sigmoid().double().numpy()


def value_on_grid(p_r: Array, p_g: Array, d: Array, x: Array) -> float:
    """V(D, G) by the trapezoid rule on ``x``."""
    d = d.clip(1e-12, 1 - 1e-12)
    return float(np.trapezoid(p_r * np.log(d) + p_g * np.log1p(-d), x))


def jsd_on_grid(p: Array, q: Array, x: Array) -> float:
    """JSD of two densities on ``x`` by the trapezoid rule."""
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / middle), 0) + np.where(q > 0, q * np.log(q / middle), 0)
    return float(np.trapezoid(terms, x) / 2)
