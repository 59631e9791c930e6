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


def draw(G: nn.Module, prior: Prior, n: int, seed: int, device: torch.device) -> Tensor:
    """``[n, *shape]`` samples in [-1, 1] on the CPU; a function of G's weights and ``seed`` alone."""
    z = prior(n, Stream(seed, name="sample")).to(device)
    with evaluating(G):
        return torch.cat([G(part) for part in z.split(500)]).float().cpu()
