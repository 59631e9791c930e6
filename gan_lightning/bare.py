"""A game without a Trainer around it: for timing its parts and for trying them by hand, on one device."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from gan_lightning.gan import GAN


class Mover:
    """What the step needs of a Lightning optimizer."""

    def __init__(self, gan: GAN, optimizer: torch.optim.Optimizer) -> None:
        self.gan, self.optimizer, self.param_groups = gan, optimizer, optimizer.param_groups

    def step(self) -> None:
        self.gan.on_before_optimizer_step(self.optimizer)
        self.optimizer.step()


def without_trainer(gan: GAN) -> GAN:
    """The same ``gan``, whose ``training_step((real, labels), i)`` may now be called by anybody."""
    movers = [Mover(gan, optimizer) for optimizer in gan.configure_optimizers()]
    alone: Any = gan
    alone.players = lambda: movers
    alone.manual_backward = backward
    alone._trainer = SimpleNamespace(world_size=1, global_rank=0)
    return gan


def backward(loss: Tensor) -> None:
    loss.backward()
