"""Gradient clipping, each player's by itself (Pascanu et al. 2013, algorithm 1)."""

from torch import nn

from gan_lightning.core.play import Player
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.knobs import above


class GradientClipping(Technique):
    """Before a player moves, its whole gradient is shortened to a 2-norm of at most ``d`` or ``g``.

    It is called when fp16's loss scaling has been divided out, so the limits mean the same in every precision.

    Args:
        d, g: the limits; null leaves a player alone.
    """

    recordable = True

    def __init__(self, d: float | None = 1.0, g: float | None = 1.0) -> None:
        for knob, value in (("d", d), ("g", g)):
            if value is not None:
                above("gradient_clipping", knob, value, 0, "It is the longest gradient allowed; null for no limit.")
        self.limits: dict[Player, float | None] = {"D": d, "G": g}

    def before_update(self, mover: nn.Module, player: Player) -> None:
        limit = self.limits[player]
        if limit is not None:
            nn.utils.clip_grad_norm_(mover.parameters(), limit)
