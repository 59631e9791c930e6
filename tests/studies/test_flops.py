"""The operations of a step, counted by hand for linear players."""

import pytest
import torch
from conftest import TINY, composed
from torch import nn

from gan_lightning.core.play import Discriminator
from gan_lightning.core.prior import Normal
from gan_lightning.core.seats import Seats
from gan_lightning.game.module import GAN
from gan_lightning.losses.wgan import WGAN
from gan_lightning.studies.flops import flops_of, flops_per_g_step
from gan_lightning.techniques.gradient_penalty import GradientPenalty

Z, X, H, B = 3, 7, 5, 4


class LinearD(Discriminator):
    """``[N, X]`` -> ``[N]`` through H features, without biases."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.head = nn.Linear(X, H, bias=False), nn.Linear(H, 1, bias=False)


def game(d_steps=1, seats=None):
    G = nn.Linear(Z, X, bias=False)
    return GAN(
        G, LinearD(), Normal(Z), WGAN(), torch.optim.SGD, torch.optim.SGD, steps=100, d_steps=d_steps, seats=seats
    )


def by_hand(d_steps):
    """Two operations for each product. G: Z X weights; D: X H, then H."""
    G, first, head = Z * X, X * H, H
    d = G + 2 * (first + head) + 2 * (first + head + head)  # fakes; real and fake; gradients of weights, of features
    g = G + (first + head) + (head + first) + G  # forward; back to the images; gradients of G's weights
    return 2 * B * (d_steps * d + g)


@pytest.mark.parametrize("d_steps", [1, 3])
def test_a_step_of_linear_players(d_steps):
    assert flops_per_g_step(game(d_steps), B, (X,)) == by_hand(d_steps)


def test_a_penalty_at_every_16th_step_counts_a_16th_of_one_at_each():
    plain, each, seldom = (
        flops_per_g_step(game(seats=Seats(techniques)), B, (X,))
        for techniques in ({}, *({"gp": GradientPenalty(interval=n)} for n in (1, 16)))
    )
    assert seldom - plain == (each - plain) / 16 > 0


def test_the_game_of_a_configuration_is_counted_and_nothing_else_is_drawn(tiny):
    """[8, 12] and [12, 6] units, z of 5, 64 pixels, a batch of 16; each half as by_hand has it."""
    cfg = tiny()
    state = torch.random.get_rng_state()
    found = flops_of(cfg, (1, 8, 8))
    assert torch.equal(state, torch.random.get_rng_state())
    g, d = (5 * 8 + 8 * 12 + 12 * 64), (64 * 12 + 12 * 6 + 6)
    weights, back = 2 * d, 2 * (12 * 6 + 6)
    in_d = g + 2 * d + weights + back
    in_g = g + d + d + g + (8 * 12 + 12 * 64)
    assert found == 2 * 16 * (in_d + in_g)


def test_a_condition_is_counted_with_its_wider_first_layer():
    """Projection: 32 more values into 8 hidden ones, twice forward and once for the weights; then back to all 37."""
    plain, conditional = (composed((*TINY, f"condition={choice}")) for choice in ("none", "projection"))
    more = flops_of(conditional, (1, 8, 8), classes=10) - flops_of(plain, (1, 8, 8))
    assert more == 2 * 16 * 8 * (2 * 32 + 32 + 37)


def test_subclasses_are_counted_whatever_the_data():
    """G sees one value of z less, and the class head has an output for each subclass."""
    one, several = (composed((*TINY, "condition=auxiliary", f"condition.subclasses={n}")) for n in (1, 3))
    assert flops_of(several, (1, 8, 8), classes=10) > flops_of(one, (1, 8, 8), classes=10)


def test_features_of_samples_are_counted_whatever_the_data():
    """Two features in place of three values of z; W h in D, and the features of the real samples, once in each half."""
    one, other = (composed((*TINY, f"condition={words[0]}", *words[1:]))
                  for words in (["discriminative"], ["instance", "condition.features=2"]))  # fmt: skip
    more = flops_of(other, (1, 8, 8), classes=10) - flops_of(one, (1, 8, 8), classes=10)
    # G: one value less into 8 hidden ones, forward twice, for the weights, and back; W, 2 x 6: thrice forward, twice
    # for the weights in D's half, and h in both halves: 64 x 2
    assert more == 2 * 16 * (-8 * (2 + 1 + 1) + 2 * 6 * (3 + 2) + 2 * 64 * 2)
