"""How a player moves: its optimizer, and what of it follows a schedule."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from gan_lightning.core.play import Player

MakeOptimizer = Callable[..., torch.optim.Optimizer]
Schedules = Mapping[str, Callable[[int], float]]  # name of an optimizer's option -> G steps done -> its value


class HasGroups(Protocol):
    """An optimizer, or Lightning's around one."""

    param_groups: Any


def apply_schedules(schedules: Mapping[str, Schedules], optimizers: Mapping[Player, HasGroups], g_steps: int) -> None:
    """Give each player's optimizer the values that its schedules have after ``g_steps`` G steps.

    Args:
        schedules: of each player, by the name of the optimizer's option (lr, momentum, ...); others keep their value.
        optimizers: of both players; every parameter group gets the same value.
        g_steps: G steps done, 0 before the first.
    """
    for player, optimizer in optimizers.items():
        for option, schedule in schedules.get(player, {}).items():
            for group in optimizer.param_groups:
                if isinstance(group[option], Tensor):  # a recorded step reads it there
                    group[option].fill_(schedule(g_steps))
                else:
                    group[option] = schedule(g_steps)
