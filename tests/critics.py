"""Play records and small games for tests of techniques."""

import copy

import torch
from conftest import composed, only_network
from torch import nn

from gan_lightning.config.build import build_data, build_gan
from gan_lightning.core.play import Discriminator, Play
from gan_lightning.core.prior import Normal
from gan_lightning.core.seats import Seats
from gan_lightning.game.module import GAN
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.networks.mlp import Discriminator as MLPDiscriminator
from gan_lightning.networks.mlp import Generator as MLPGenerator

SHAPE = (1, 8, 8)


class Linear(Discriminator):
    """A critic of slope |w| everywhere: D(x) = w . x."""

    def __init__(self, w: torch.Tensor) -> None:
        super().__init__()
        self.features = nn.Flatten()
        self.head = nn.Linear(len(w), 1, bias=False)
        self.head.weight.data.copy_(w[None])


def a_play(D: Discriminator, n: int = 8, step: int = 0, player="D", view=lambda x: x, shape=SHAPE) -> Play:
    """The record of D's pass over ``n`` real and ``n`` fake samples, all N(0, 1), behind ``view``."""
    torch.manual_seed(1)
    real, fake = torch.randn(n, *shape), torch.randn(n, *shape)
    observe = lambda x: D.observe(view(x))  # noqa: E731
    rf, rl = observe(real)
    ff, fl = observe(fake)
    return Play(player, D, real, fake, None, rl, fl, rf, ff, 0.0, step, observe)


W = torch.linspace(-0.5, 0.5, 64)  # weights of a Linear critic for samples of SHAPE
SLOPE = W.norm().item()  # and its slope


# Helpers --------------------------------------------------------------------------------------------------


def build_tiny(*overrides: str) -> GAN:
    """The tiny game of conftest.py with ``overrides``, before its first step."""
    cfg = copy.deepcopy(composed((*only_network(overrides), *overrides)))
    torch.manual_seed(cfg.seed)
    return build_gan(cfg, build_data(cfg).source.shape)


def with_techniques(techniques, d_steps=1) -> GAN:
    """A tiny game with the given technique objects, by name, and SGD."""
    torch.manual_seed(0)
    return GAN(
        G=MLPGenerator(5, SHAPE, hidden=(8, 12)),
        D=MLPDiscriminator(SHAPE, hidden=(12, 6)),
        prior=Normal(5),
        loss=NSGAN(),
        optimizer_d=lambda p: torch.optim.SGD(p, lr=0.1),
        optimizer_g=lambda p: torch.optim.SGD(p, lr=0.1),
        steps=8,
        d_steps=d_steps,
        seats=Seats(techniques),
    )
