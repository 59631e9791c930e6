"""Drawing from G in the middle of a game: with noise of its own, in eval mode, and with all modes restored."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.play import Prior
from gan_lightning.core.rng import Stream

ROWS = 100  # of a sheet: the first classes, where there are more


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients; each sub-module gets its own mode back, buffers stay as they were."""
    modes = [(m, m.training) for m in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for m, mode in modes:
            m.training = mode


def in_batches(G: nn.Module, z: Tensor, y: Tensor | None = None, batch_size: int = 500) -> Tensor:
    """``[N, *shape]`` samples ``G(z)`` on G's device, ``batch_size`` at a time; ``G(z, y)`` for a G that takes labels.

    Args:
        z: noise ``[N, dim]``.
        y: labels ``[N]``.

    Raises:
        ValueError: ``y`` and ``z`` differ in length.
    """
    if y is None:
        return torch.cat([G(part) for part in z.split(batch_size)])
    if len(y) != len(z):
        raise ValueError(f"y must have one label for each of the {len(z)} samples, got shape {list(y.shape)}.")
    return torch.cat([G(*part) for part in zip(z.split(batch_size), y.split(batch_size), strict=True)])


def draw(G: nn.Module, prior: Prior, n: int, seed: int, device: torch.device, y: Tensor | None = None) -> Tensor:
    """``[n, *shape]`` samples in [-1, 1] on the CPU; a function of G's weights, ``seed`` and labels ``y`` alone.

    A conditional G that is given no labels gets some by the frequency of the classes.
    """
    z = prior(n, Stream(seed, name="sample")).to(device)
    if y is None and isinstance(G, ConditionalGenerator):
        y = G.labels(n, seed)
    with evaluating(G):
        return in_batches(G, z, None if y is None else y.to(device)).float().cpu()


def of_each_class(z: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Every class, up to ROWS of them, with every ``z`` ``[n, dim]``: a row of a sheet after the other, and labels."""
    rows = min(classes, ROWS)
    return z.repeat(rows, 1), torch.arange(rows).repeat_interleave(len(z))


def draw_sheet(G: ConditionalGenerator, prior: Prior, columns: int, seed: int, device: torch.device) -> Tensor:
    """Samples in [-1, 1] on the CPU, ``columns`` of each class, from the same z in each: a row of a sheet a class."""
    z, y = of_each_class(prior(columns, Stream(seed, name="sample")), G.classes)
    with evaluating(G):
        return in_batches(G, z.to(device), y.to(device)).float().cpu()


def columns_for(n: int, classes: int) -> int:
    """How many columns a sheet of about ``n`` samples has: 8 at least."""
    return max(8, -(-n // classes))
