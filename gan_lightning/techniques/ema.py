"""EMA: an exponential moving average of G, drawn and measured beside the live G (Yazici et al. 2019).

It changes nothing in the game. Parameters and floating-point buffers (BatchNorm's statistics) are averaged, since
averaged weights do not fit the statistics of the live ones.
"""

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gan_lightning.core.play import Player
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.knobs import at_least, refuse


class EMA(Technique, nn.Module):
    """average <- d average + (1 - d) G after each G step, with d = min(decay, t / (t + warmup)) at the t-th, from 0.

    The first update is thus a plain copy, and the initialisation leaves no trace.

    Args:
        decay: d in the long run; 0.999 remembers about 1,000 G steps.
        warmup: G steps after which d may reach 1/2; 0 for none.
    """

    recordable = True
    of: ClassVar[Player] = "G"
    name: ClassVar[str] = "ema"
    average: nn.Module
    updates: Tensor

    def __init__(self, decay: float = 0.999, warmup: int = 10) -> None:
        super().__init__()
        if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 <= decay < 1:
            refuse(self.name, "decay", "a number from 0 up to, not including, 1", decay, "Try 0.999.")
        at_least(self.name, "warmup", warmup, 0, f"It counts {self.of} steps; 0 switches the warm-up off.")
        self.decay, self.warmup = decay, warmup

    def join(self, gan: Any) -> None:
        self.average = copy.deepcopy(gan.G if self.of == "G" else gan.D).requires_grad_(False).eval()
        self.register_buffer("updates", torch.zeros(()))

    def averaged(self) -> nn.Module | None:
        return self.average if self.of == "G" else None

    def averaged_d(self) -> nn.Module | None:
        return self.average if self.of == "D" else None

    def train(self, mode: bool = True) -> "EMA":
        return super().train(False)  # the average never trains

    @torch.no_grad()
    def after_update(self, G: nn.Module, D: nn.Module, player: Player) -> None:
        if player != self.of:
            return
        # d = 0 at the first update, whatever the warm-up
        d = torch.clamp(self.updates / (self.updates + max(self.warmup, 1e-6)), max=self.decay)
        self.updates += 1
        # torch's AveragedModel(use_buffers=True) computes the same bits in 0.34 ms, this loop in 0.14
        mine, live = (of.state_dict(keep_vars=True) for of in (self.average, G if player == "G" else D))
        for name, value in mine.items():
            if value.is_floating_point():
                value.lerp_(live[name].to(value), (1 - d).to(value))
            else:
                value.copy_(live[name])
