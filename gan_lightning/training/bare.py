"""What training is measured against: the game of a configuration as a loop in plain torch, with nothing else."""

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from omegaconf import DictConfig

from gan_lightning.config.build import build_data, build_gan
from gan_lightning.core.pixels import to_signed_range


def bare_loop(cfg: DictConfig, slice_: int) -> Iterator[None]:
    """The non-saturating game with k = 1 in plain torch: ``slice_`` G steps at each ``next``.

    Networks, batch size, optimizers and data are those of ``cfg``. Of its techniques R1 by differences, at a weight
    that stays, and an average of G are played too, in as few words as they need. z is normal, whatever the prior.
    """
    data = build_data(cfg)
    data.setup()
    assert data.arrays is not None
    torch.manual_seed(0)
    gan = build_gan(cfg, data.source.shape)
    G, D = gan.G, gan.D
    opt_d, opt_g = gan.configure_optimizers()
    images, order, at = data.arrays.images, torch.randperm(len(data.arrays)), 0
    r1, ema = cfg.technique.get("r1"), cfg.technique.get("ema")
    average = copy.deepcopy(G)
    pairs = [(mine.data, live.data) for mine, live in zip(average.parameters(), G.parameters(), strict=True)]
    pairs += [(m, x) for m, x in zip(average.buffers(), G.buffers(), strict=True) if m.is_floating_point()]
    averaged, live = map(list, zip(*pairs, strict=True))
    while True:
        for _ in range(slice_):
            if at + cfg.batch_size > len(order):
                order, at = torch.randperm(len(order)), 0
            real = to_signed_range(images[order[at : at + cfg.batch_size]])
            at += cfg.batch_size
            with torch.no_grad():
                fake = G(torch.randn(cfg.batch_size, gan.prior.dim))
            logits = D(real)
            loss = F.softplus(-logits).mean() + F.softplus(D(fake)).mean()
            if r1 is not None:
                other = D(real + r1.sigma * torch.randn_like(real))
                loss = loss + r1.weight / 2 * ((other - logits) / r1.sigma).square().mean()
            opt_d.zero_grad()
            loss.backward()
            opt_d.step()
            D.requires_grad_(False)
            loss = F.softplus(-D(G(torch.randn(cfg.batch_size, gan.prior.dim)))).mean()
            opt_g.zero_grad()
            loss.backward()
            opt_g.step()
            D.requires_grad_(True)
            if ema is not None:
                torch._foreach_lerp_(averaged, live, 1 - ema.decay)
        yield
