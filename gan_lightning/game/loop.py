"""Playing a game without a Trainer, on one device: for studies, for timing its parts and for trying them by hand."""

import torch
from torch import Tensor

from gan_lightning.core.play import Player
from gan_lightning.game.game import Terms
from gan_lightning.game.module import GAN
from gan_lightning.game.update import apply_schedules


class Loop:
    """Plays a game batch by batch: ``Loop(gan).step(real, labels)``.

    Attributes:
        gan: the game.
        optimizers: of D and of G.
        rank, world: random numbers are those of process ``rank`` of ``world``.
    """

    def __init__(self, gan: GAN, rank: int = 0, world: int = 1) -> None:
        self.gan, self.rank, self.world = gan, rank, world
        d, g = gan.configure_optimizers()
        self.optimizers: dict[Player, torch.optim.Optimizer] = {"D": d, "G": g}

    def step(self, real: Tensor, labels: Tensor) -> None:
        """What ``GAN.training_step`` does: D's half on ``real`` ``[N, *shape]``, then G's if it is due."""
        gan = self.gan
        gan.begin_step(real.device, self.rank, self.world)
        apply_schedules(gan.schedules, self.optimizers, gan.g_steps_done)
        if gan.simultaneous:
            with gan.turn_of("G"):
                terms, fake = gan.first_half(real, labels)
                self.move("G", terms)
            with gan.turn_of("D"):
                self.move("D", gan.second_half(real, fake, labels))
            gan.d_has_moved(len(real) * self.world)
            gan.g_has_moved()
            return
        gan.play_half("D", real, labels, self.move)
        if gan.d_has_moved(len(real) * self.world):
            gan.play_half("G", real, labels, self.move)
            gan.g_has_moved()

    def move(self, player: Player, terms: Terms) -> None:
        """One step of ``player`` down the sum of its ``terms``."""
        loss = self.gan.total(player, terms)
        loss.backward()
        self.gan.before_update(player)
        self.optimizers[player].step()
        self.gan.after_update(player, loss)
