"""EMA of D: an average of D that names classes, measured beside the live D (Salimans et al. 2016, published code).

It changes nothing in the game. Their code has decay 0.9999, starts at 0 and has no warm-up, so that it means nothing
before some 20,000 steps; here the first update is a copy of D.
"""

from typing import ClassVar

from gan_lightning.core.play import Player
from gan_lightning.techniques.ema import EMA


class EMAD(EMA):
    """average <- d average + (1 - d) D after each D step, with d = min(decay, t / (t + warmup)) at the t-th, from 0.

    Args:
        decay: d in the long run; 0.999 remembers about 1,000 D steps.
        warmup: D steps after which d may reach 1/2; 0 for none.
    """

    of: ClassVar[Player] = "D"
    name: ClassVar[str] = "ema_d"
