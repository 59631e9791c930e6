"""The ratio that ``make bench`` prints: by hand, and the loop in plain torch that it compares with."""

import copy
import logging

import pytest
import torch

from gan_lightning.config.build import build_data, build_gan
from gan_lightning.config.compose import compose
from gan_lightning.training import bare, speed
from gan_lightning.training.speed import Turn, in_turn, ratio_of

BATCH = ["data=synthetic", "data.n=96", "data.size=8", "prior.dim=5", "batch_size=16", "evaluate_every=0"]
TINY = [*BATCH, "experiment=mlp", "network.G.hidden=[8,12]", "network.D.hidden=[12,6]"]


def test_by_hand():
    """Slices of 10 steps, 0.2 s each in plain torch: 1.1, 1.2 and 1.3 of it, and 0.5 s more where something is due."""
    turns = [Turn(0.22, 0.2, False), Turn(0.26, 0.2, False), Turn(0.74, 0.2, True), Turn(0.24, 0.2, False)]
    ratio = ratio_of(turns, 10, 100)
    assert ratio.step == pytest.approx(0.02)
    assert ratio.quartiles == pytest.approx((1.1, 1.2, 1.3))
    assert ratio.due == pytest.approx(0.5)
    assert ratio.total == pytest.approx(1.2 + 0.5 / 100 / 0.02)


def test_the_loops_play_in_turn_and_the_first_evaluation_is_left_out(monkeypatch):
    turns_of_bare = []

    def counted(cfg, slice_):
        while True:
            turns_of_bare.append(slice_)
            yield

    monkeypatch.setattr(speed, "bare_loop", counted)
    turns = in_turn(TINY, 40, 5, 10)
    assert turns_of_bare == [5] * 8
    assert [turn.due for turn in turns] == [False, True] * 3
    assert all(turn.run > turn.bare > 0 for turn in turns)


def players(gan):
    return [p.detach().clone() for p in (*gan.D.parameters(), *gan.G.parameters())]


@pytest.mark.parametrize("name", ["mlp", "recipe"])
def test_the_bare_loop_moves_both_players_down_the_losses_of_the_game(tiny, monkeypatch, name):
    """One step, with the draws of z and of R1's noise taken from the game's own streams: the weights of the game."""
    r1 = ["technique=[r1,ema]", "technique.r1.sigma=0.1", "technique.ema.decay=0.9"]
    cfg = tiny(*([] if name == "mlp" else r1), "optimizer=sgd", "optimizer.lr=0.5")
    data = build_data(cfg)
    data.setup()
    torch.manual_seed(0)
    gan = build_gan(cfg, data.source.shape)
    monkeypatch.setattr(bare, "build_gan", lambda *args: gan)
    before, draws = players(gan), torch.random.get_rng_state()
    copies = copy.deepcopy((gan.G, gan.D))
    next(bare.bare_loop(cfg, 1))
    after = players(gan)
    assert not torch.equal(before[0], after[0])
    assert not torch.equal(before[-1], after[-1])

    torch.random.set_rng_state(draws)
    torch.manual_seed(0)
    G, D = copies
    real = speed.to_signed_range(data.arrays.images[torch.randperm(96)[:16]])
    fake = G(torch.randn(16, 5)).detach()
    logits = D(real)
    loss = -torch.log(torch.sigmoid(logits)).mean() - torch.log(1 - torch.sigmoid(D(fake))).mean()
    if name == "recipe":
        loss = loss + 10 / 2 * ((D(real + 0.1 * torch.randn(real.shape)) - logits) / 0.1).pow(2).mean()
    gradients = torch.autograd.grad(loss, list(D.parameters()))
    for p, old, g in zip(gan.D.parameters(), before, gradients, strict=False):
        torch.testing.assert_close(p.detach(), old - 0.5 * g, rtol=1e-4, atol=1e-5)


def test_the_watch_is_timed_with_the_shortest_slice_too(monkeypatch):
    """A fifth of a slice of 2 is no step at all."""
    asked = []
    cost = {"step_ms": 1.0, "look_ms": 1.0, "point_ms": 1.0, "share": 0.01}
    monkeypatch.setattr(speed, "watch_cost", lambda game, rounds, slice_: asked.append(slice_) or cost)
    speed.measure(compose("bench", ["watch=true", "slice=2"]))
    assert asked == [1, 1]


def test_a_benchmark_leaves_the_loggers_as_they_were(monkeypatch, caplog):
    """Whoever measures and then trains in one process read nothing of the training."""
    logger, said = logging.getLogger("gan_lightning"), []

    def broken(game, rounds, slice_):
        said.append(logger.isEnabledFor(logging.INFO))
        raise RuntimeError("planted")

    monkeypatch.setattr(speed, "watch_cost", broken)
    with caplog.at_level("INFO"):
        with pytest.raises(RuntimeError, match="planted"):
            speed.measure(compose("bench", ["watch=true"]))
        logger.info("after it")
    assert said == [False]
    assert "after it" in caplog.text
