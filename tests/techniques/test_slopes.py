"""Penalties on a linear critic in closed form, with a wrong version beside each that is not."""

import dataclasses
import math
from types import SimpleNamespace

import pytest
import torch
from critics import SHAPE, SLOPE, Linear, W, a_play
from torch.testing import assert_close

from gan_lightning.core.rng import Stream
from gan_lightning.networks.dcgan import Discriminator as ConvDiscriminator
from gan_lightning.networks.mlp import Discriminator as MLPDiscriminator
from gan_lightning.techniques.dragan import DRAGAN
from gan_lightning.techniques.gradient_penalty import GradientPenalty
from gan_lightning.techniques.minibatch_stddev import MinibatchStddev
from gan_lightning.techniques.packing import Packing
from gan_lightning.techniques.r1 import R1
from gan_lightning.techniques.r2 import R2
from gan_lightning.techniques.slopes import slopes

PENALTIES = [
    (GradientPenalty(10.0), 10 * (SLOPE - 1) ** 2),
    (DRAGAN(10.0), 10 * (SLOPE - 1) ** 2),
    (R1(10.0), 5 * SLOPE**2),
    (R2(10.0), 5 * SLOPE**2),
]


@pytest.mark.parametrize(("penalty", "expected"), PENALTIES, ids=lambda p: getattr(p, "name", ""))
def test_penalties_on_a_linear_critic_in_closed_form(penalty, expected):
    got = penalty.d_term(a_play(Linear(W)), Stream(0))
    assert_close(got.item(), expected, rtol=1e-5, atol=0)


def test_one_norm_over_the_whole_batch_is_told_apart():
    """As in torchgan: the norm of all gradients together, sqrt(N) times too long on a linear critic."""
    play = a_play(Linear(W))
    x = play.real.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(play.discriminate(x)[1].sum(), x)
    wrong = 10 * (gradient.norm() - 1) ** 2
    assert wrong.item() == pytest.approx(10 * (math.sqrt(8) * SLOPE - 1) ** 2, rel=1e-5)
    assert abs(wrong.item() - PENALTIES[0][1]) > 1


@pytest.mark.parametrize("penalty", [GradientPenalty(10.0), DRAGAN(10.0)], ids=lambda p: p.name)
def test_a_critic_of_unit_slope_pays_nothing(penalty):
    assert_close(penalty.d_term(a_play(Linear(W / W.norm())), Stream(0)).item(), 0.0, rtol=0, atol=1e-10)


def test_penalties_have_a_gradient_for_d():
    for penalty, _ in PENALTIES:
        D = Linear(W)
        penalty.d_term(a_play(D), Stream(0)).backward()
        # d/dw of weight * f(|w|) points along w
        g = D.head.weight.grad.flatten()
        assert abs(torch.cosine_similarity(g, W, dim=0).item()) == pytest.approx(1, abs=1e-5)


def test_a_lazy_penalty_costs_the_same_on_average():
    lazy, eager = GradientPenalty(2.0, interval=3), GradientPenalty(2.0)
    each = [lazy.d_term(a_play(Linear(W), step=s), Stream(0)).item() for s in range(6)]
    once = eager.d_term(a_play(Linear(W)), Stream(0)).item()
    assert each == pytest.approx([3 * once, 0, 0, 3 * once, 0, 0])


@pytest.mark.parametrize("penalty", [R1, R2])
def test_a_falling_weight_falls_in_equal_ratios(penalty):
    falling, steady = penalty(8.0, final_weight=0.5), penalty(8.0)
    once = steady.d_term(a_play(Linear(W)), Stream(0)).item()
    plays = [dataclasses.replace(a_play(Linear(W)), progress=p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert [falling.d_term(play, Stream(0)).item() / once for play in plays] == pytest.approx(
        [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16]
    )


def test_the_slope_of_a_pack_is_one_vector():
    """Two samples of slope s, packed: sqrt(2) s per input, one input per pack."""
    pack = Packing(2)
    play = a_play(Linear(torch.cat([W, W])), view=lambda x: pack.view(x, 0.0, Stream(0)))
    assert_close(slopes(play, play.real), torch.full((4,), math.sqrt(2) * SLOPE), rtol=1e-5, atol=0)


def test_penalties_stay_in_float32_under_autocast():
    D = Linear(W)
    with torch.autocast("cpu", torch.bfloat16):
        play = a_play(D)
        assert play.real_logits.dtype == torch.bfloat16
        got = slopes(play, play.real)
    assert got.dtype == torch.float32
    assert_close(got, torch.full((8,), SLOPE), rtol=1e-6, atol=0)
    assert abs(W.bfloat16().float().norm().item() - SLOPE) > 1e-5, "bfloat16 would be seen"


@pytest.mark.parametrize(
    ("technique", "D", "layer"),
    [
        ("gradient_penalty", ConvDiscriminator((1, 28, 28)), "BatchNorm2d"),
        ("dragan", ConvDiscriminator((1, 28, 28)), "BatchNorm2d"),
        ("gradient_penalty", MinibatchStddev().transform_d(MLPDiscriminator(SHAPE)), "Deviation over the batch"),
    ],
)
def test_slopes_at_single_samples_need_single_samples(technique, D, layer):
    penalty = GradientPenalty() if technique == "gradient_penalty" else DRAGAN()
    with pytest.raises(ValueError, match=f"technique={technique} needs a D that looks at each sample.*with {layer}"):
        penalty.join(SimpleNamespace(D=D))
