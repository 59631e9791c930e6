"""Schedules against their formulas, and in a real run."""

import math

import pytest
from conftest import EachStep

from gan_lightning.config.build import build_gan
from gan_lightning.core.schedules import Cosine, Exponential, Linear


def test_formulas():
    assert [Linear(1.0, 0.0, 4)(s) for s in (0, 1, 4, 9)] == [1.0, 0.75, 0.0, 0.0]
    assert [round(Cosine(2.0, 0.0, 4)(s), 12) for s in (0, 1, 2, 4, 9)] == [2.0, 1.707106781187, 1.0, 0.0, 0.0]
    late = Linear(1.0, 0.0, 12, hold=2 / 3)
    assert [round(late(s), 12) for s in (0, 8, 9, 11, 12, 20)] == [1.0, 1.0, 0.75, 0.25, 0.0, 0.0]
    with pytest.raises(ValueError, match=r"hold must be a share of the run in \[0, 1\), got 1"):
        Linear(2.0, 0.0, 8, hold=1)
    held = Cosine(2.0, 0.0, 8, hold=0.5)
    assert [round(held(s), 12) for s in (0, 4, 5, 6, 8, 20)] == [2.0, 2.0, 1.707106781187, 1.0, 0.0, 0.0]
    with pytest.raises(ValueError, match=r"hold must be a share of the run in \[0, 1\), got 1"):
        Cosine(2.0, 0.0, 8, hold=1)
    decay = Exponential(0.1, 1.000004, floor=1e-6)
    assert decay(125_000) == pytest.approx(0.1 * math.exp(-125_000 * math.log(1.000004)), rel=1e-12)
    assert decay(10**9) == 1e-6
    assert Exponential(2.0, 2.0)(3) == pytest.approx(0.25, rel=1e-12), "without a floor"


def test_learning_rates_really_follow(play):
    trace = EachStep(lambda gan: [opt.param_groups[0]["lr"] for opt in gan.players().values()])
    play("schedule=linear", "optimizer.lr=0.1", "optimizer.g.lr=0.2", "steps=4", callbacks=(trace,))
    assert trace.seen == [
        pytest.approx([0.1, 0.2]),
        pytest.approx([0.075, 0.15]),
        pytest.approx([0.05, 0.1]),
        pytest.approx([0.025, 0.05]),
    ]


def test_an_option_that_the_optimizer_has_not_is_refused_before_a_run_begins(tiny):
    with pytest.raises(ValueError, match=r"schedule.d.momentum needs an optimizer with that option, got Adam. Use opt"):
        build_gan(tiny("schedule=goodfellow2014", "optimizer=adam"), (1, 8, 8))


def test_momentum_follows_and_k_does_not_hurry_it(play):
    trace = EachStep(lambda gan: gan.players()["D"].param_groups[0]["momentum"])
    play(
        "schedule=goodfellow2014",
        "optimizer=sgd",
        "schedule.d.momentum.steps=4",
        "d_steps=2",
        "steps=3",
        callbacks=(trace,),
    )
    assert trace.seen == pytest.approx([0.5, 0.5, 0.55, 0.55, 0.6, 0.6])
