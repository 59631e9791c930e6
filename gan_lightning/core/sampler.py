"""Drawing from G in the middle of a game: with noise of its own, in eval mode, and with all modes restored."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gan_lightning.core.play import Prior
from gan_lightning.core.rng import Stream


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
    """``[n, *shape]`` samples in [-1, 1] on the CPU; a function of G's weights, ``seed`` and labels ``y`` alone."""
    z = prior(n, Stream(seed, name="sample")).to(device)
    with evaluating(G):
        return in_batches(G, z, None if y is None else y.to(device)).float().cpu()
