"""D's verdict on images beside the game, which plays on as if nobody had asked."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gan_lightning.core.layout import laid_out
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.rng import Streams
from gan_lightning.core.sampler import evaluating
from gan_lightning.game.module import GAN


@contextmanager
def judging(module: GAN) -> Iterator[None]:
    """D as it judges a batch of the game, without dropout; modes, buffers and random numbers are as before afterwards.

    BatchNorm takes the statistics of the batch, as in the game: its averages mix real and fake.
    """
    norms = [m for m in module.D.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    kept = [(b, b.clone()) for m in norms for b in m.buffers()]
    rng = module.rng
    with evaluating(module.D):
        for norm in norms:
            norm.train()
        module.rng = Streams(module.seed, module.d_steps_done, module.device)
        try:
            yield
        finally:
            module.rng = rng
            for buffer, before in kept:
                buffer.copy_(before)


def judged(module: GAN, images: Tensor, labels: Tensor | None, batch: int) -> Tensor:
    """D's logits ``[M]``, float64 on the CPU, of whole batches of ``images`` ``[N, *shape]`` of ``labels`` ``[N]``."""
    found = []
    for start in range(0, len(images) - batch + 1, batch):
        x = to_signed_range(images[start : start + batch], next(module.parameters()).dtype).to(module.device)
        y = None if labels is None else labels[start : start + batch].to(module.device)
        found.append(module.discriminate(laid_out(x, module.memory_format), y, by="watch")[1].cpu().double())
    return torch.cat(found)
