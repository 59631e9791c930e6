"""Dropout's masks are drawn afresh in every half of every step."""

import pytest
import torch
from torch import nn

from gan_lightning.config.build import build_gan
from gan_lightning.game.loop import Loop


@pytest.mark.parametrize("k", [1, 2])
def test_no_two_halves_share_a_mask(tiny, k):
    """The key of G's half must not be that of the next half of D."""
    torch.manual_seed(0)
    gan = build_gan(tiny(f"d_steps={k}", "network.D.dropout=0.5"), (1, 8, 8))
    loop = Loop(gan)
    masks = []
    first = next(layer for layer in gan.D.modules() if isinstance(layer, nn.Dropout))
    first.register_forward_hook(lambda *_: masks.append(torch.rand(4).tolist()))
    for _ in range(4):
        loop.step(torch.zeros(16, 1, 8, 8), torch.zeros(16).long())
    assert len(masks) == 2 * 4 + 4 // k
    assert len({tuple(mask) for mask in masks}) == len(masks)
