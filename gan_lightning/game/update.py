"""How a player moves: its optimizer, and what of it follows a schedule."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch

from gan_lightning.core.play import Player

MakeOptimizer = Callable[..., torch.optim.Optimizer]
Schedules = Mapping[str, Callable[[int], float]]  # name of an optimizer's option -> its value after so many G steps


class HasGroups(Protocol):
    """An optimizer, or Lightning's around one."""

    param_groups: Any


def apply_schedules(schedules: Mapping[str, Schedules], optimizers: Mapping[Player, HasGroups], g_steps: int) -> None:
    """Set what the schedules of each player say after ``g_steps`` G steps."""
    for player, optimizer in optimizers.items():
        for option, schedule in schedules.get(player, {}).items():
            for group in optimizer.param_groups:
                group[option] = schedule(g_steps)
