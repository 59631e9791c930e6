"""Historical averaging (Salimans et al. 2016, section 3.3): parameters are drawn to the mean of their past values."""

from typing import Any

import torch
from torch import Tensor, nn

from gan_lightning.core.play import Play, Player
from gan_lightning.core.rng import Stream
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.knobs import at_least


class HistoricalAveraging(Technique, nn.Module):
    """weight * |theta - (1/t) sum_{i=1..t} theta[i]|^2 in both players' losses.

    theta[1] are the initial parameters of a player, theta[i + 1] those after its i-th step. Their running mean is kept
    in buffers, so that checkpoints have it.

    Args:
        weight: factor of the term.
    """

    recordable = True

    def __init__(self, weight: float = 0.01) -> None:
        super().__init__()
        at_least("historical_averaging", "weight", weight, 0, "0 switches the term off.")
        self.weight = weight

    def join(self, gan: Any) -> None:
        for player in ("D", "G"):
            self.register_buffer(f"t_{player}", torch.ones(()))
            for i, p in enumerate(getattr(gan, player).parameters()):
                self.register_buffer(f"mean_{player}_{i}", p.detach().clone())

    def pairs(self, player: Player, module: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """(parameter, mean of its past) for each parameter of ``player``'s ``module``."""
        return [(p, getattr(self, f"mean_{player}_{i}")) for i, p in enumerate(module.parameters())]

    def term(self, play: Play) -> Tensor:
        if self.weight == 0:
            return play.fake_logits.new_zeros(())
        squares = [(p - mean).square().sum() for p, mean in self.pairs(play.player, play.mover)]
        return self.weight * torch.stack(squares).sum()

    def d_term(self, play: Play, rng: Stream) -> Tensor:
        return self.term(play)

    def g_term(self, play: Play, rng: Stream) -> Tensor:
        return self.term(play)

    @torch.no_grad()
    def after_update(self, G: nn.Module, D: nn.Module, player: Player) -> None:
        t = getattr(self, f"t_{player}")
        t += 1
        for p, mean in self.pairs(player, D if player == "D" else G):
            mean.lerp_(p, 1 / t)
