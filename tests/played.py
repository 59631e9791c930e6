"""A few steps of a game, and whether two games went the same way."""

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from gan_lightning.game.loop import Loop
from gan_lightning.game.module import GAN

Played = tuple[list[float], dict[str, Any]]


def play(gan: GAN, batches: Iterable[tuple[Tensor, Tensor]]) -> Played:
    """(losses of D and of G at each step, final state) of ``gan`` on ``batches``."""
    loop, losses = Loop(gan), list[float]()
    for batch in batches:
        loop.step(*batch)
        losses += [gan.latest["loss/d"].item(), gan.latest["loss/g"].item()]
    return losses, copy.deepcopy(gan.state_dict())


def differs(one: Played, other: Played) -> bool:
    """Do two games differ in any bit of a loss or of their final states?"""
    (losses, state), (other_losses, other_state) = one, other
    if losses != other_losses or state.keys() != other_state.keys():
        return True
    return any(not torch.equal(state[name], other_state[name]) for name in state)
