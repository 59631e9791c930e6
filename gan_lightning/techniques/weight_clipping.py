"""Weight clipping (Arjovsky et al. 2017, algorithm 1): D's weights are clamped after each of its steps."""

import torch
from torch import nn

from gan_lightning.core.play import Player
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.knobs import above


class WeightClipping(Technique):
    """Every parameter of D is clamped to [-limit, limit].

    Args:
        limit: c of the paper.
    """

    recordable = True
    lipschitz = True

    def __init__(self, limit: float = 0.01) -> None:
        above("weight_clipping", "limit", limit, 0, "The paper uses 0.01.")
        self.limit = limit

    @torch.no_grad()
    def after_update(self, G: nn.Module, D: nn.Module, player: Player) -> None:
        if player == "D":
            for p in D.parameters():
                p.clamp_(-self.limit, self.limit)
