"""What a call of ``training_step`` costs beside the game, and that it plays the same game."""

import itertools
import sys
from types import SimpleNamespace

import pytest
import torch
from conftest import EachStep
from stopping import checkpoint, lines, same

from gan_lightning.callbacks.calls import Calls
from gan_lightning.callbacks.overhead import next_multiple
from gan_lightning.game.module import GAN
from gan_lightning.runs.start import Start
from gan_lightning.training.setup import train


@pytest.fixture
def calls(monkeypatch):
    """D steps done before each call of ``training_step``, and how many mini-batches it was given."""
    seen, original = [], GAN.training_step

    def spy(self, batch, batch_idx):
        seen.append((self.d_steps_done, len(batch)))
        original(self, batch, batch_idx)

    monkeypatch.setattr(GAN, "training_step", spy)
    return seen


def test_a_step_sets_no_attribute_of_the_module_the_slow_way(play, monkeypatch):
    """``nn.Module`` looks for parameters, modules and buffers first, and Lightning sets one around each hook."""
    slow, original = [], torch.nn.Module.__setattr__

    def spy(self, name, value):
        if isinstance(self, GAN):
            slow.append(name)
        original(self, name, value)

    class Between(EachStep):
        def on_train_batch_start(self, trainer, module, batch, batch_idx):
            slow.clear()

    seen = Between(lambda gan: list(slow))
    monkeypatch.setattr(torch.nn.Module, "__setattr__", spy)
    play("steps=3", "d_steps=2", callbacks=(seen,))
    assert seen.seen == [[]] * 6


GAMES = {
    "plain": ["log_every=7"],
    "bf16": ["precision=bf16", "log_every=5"],
    "k = 3": ["d_steps=3", "log_every=3", "sample_every=4", "checkpoint_every=5", "schedule=linear"],
    "simultaneous": ["update=simultaneous", "network=maxout", "log_every=4"],
    "lazy": ["technique=[r1,ema]", "technique.r1.interval=4", "log_every=5"],
}


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_many_batches_in_a_call_are_the_same_game(tiny, tmp_path, calls, game):
    runs, counts = [], []
    for seconds in (0, 60):
        runs.append(tmp_path / str(seconds))
        runs[-1].mkdir()
        calls.clear()
        cfg = tiny(*game, "steps=23", "callbacks.checkpoints.keep=-1", f"callbacks.calls.seconds={seconds}")
        train(cfg, runs[-1])
        counts.append(len(calls))
        assert sum(n for _, n in calls) == 23 * cfg.d_steps
    assert counts[0] == 23 * cfg.d_steps
    assert counts[1] <= counts[0] / 2
    names = [
        sorted(p.relative_to(run) for kind in ("ckpt", "png", "gif") for p in run.rglob(f"*.{kind}")) for run in runs
    ]
    assert names[0] == names[1]
    for name in [p.name for p in names[0] if p.suffix == ".ckpt"]:
        one, other = (checkpoint(run, name) for run in runs)
        for part in ("counters", "state_dict", "optimizer_states", "callbacks"):
            assert same(one[part], other[part]), (name, part)
    assert lines(runs[0]) == lines(runs[1])
    assert all(line.get("loss/d_r1", 1) > 0 for line in lines(runs[1])), "as it was computed last, within a call too"


def test_a_call_ends_where_something_is_due(tiny, tmp_path, calls):
    often = ["log_every=5", "sample_every=8", "checkpoint_every=9", "callbacks.finite.every=1000"]
    train(tiny(*often, "steps=22", "d_steps=2", "callbacks.calls.seconds=60"), tmp_path)
    ends = [done + n for done, n in calls]
    assert ends[:2] == [1, 2], "before the first pace is known, and the one that was fetched meanwhile"
    assert ends[2:] == [2 * step for step in (5, 8, 9, 10, 15, 16, 18, 20, 22)]


def test_a_run_that_is_stopped_within_a_call_ends_there_and_goes_on(tiny, tmp_path, calls, monkeypatch):
    """As a signal does: the handler sets ``should_stop`` while the call plays on."""
    stopped, straight = tmp_path / "stopped", tmp_path / "straight"
    cfg = tiny("steps=20", "d_steps=2", "callbacks.calls.seconds=60")
    moved = GAN.d_has_moved
    for run, at in ((straight, -1), (stopped, 13)):
        run.mkdir()

        def d_has_moved(self, images, at=at):
            self.trainer.should_stop |= self.d_steps_done + 1 == at
            return moved(self, images)

        with monkeypatch.context() as patch:
            patch.setattr(GAN, "d_has_moved", d_has_moved)
            train(cfg, run)
    done, given = calls[-1]
    assert done < 13 < done + given
    assert checkpoint(stopped)["counters"] == {"d_steps_done": 13, "g_steps_done": 6, "images_seen": 13 * 16}
    train(cfg, stopped, start=Start(stopped / "checkpoints" / "last.ckpt"))
    for part in ("counters", "state_dict", "optimizer_states"):
        assert same(checkpoint(stopped)[part], checkpoint(straight)[part])


@pytest.mark.parametrize("own", [True, False])
def test_somebody_elses_callback_is_called_after_each_d_step(tiny, tmp_path, calls, own):
    seen = EachStep(lambda gan: gan.d_steps_done)
    train(tiny("steps=9", "d_steps=2"), tmp_path, extra_callbacks=[seen] if own else [])
    assert seen.seen == (list(range(1, 19)) if own else [])
    assert (max(n for _, n in calls) == 1) is own


def test_so_many_batches_as_fit_into_the_time(monkeypatch):
    """100 ms a D step, k = 2, 20 G steps in all, and a callback that waits for multiples of 9."""
    calls, clock = Calls(seconds=0.75), itertools.count(5.0, 0.4)
    gan = SimpleNamespace(d_steps=2, steps=20, d_steps_done=0)
    waits = [SimpleNamespace(next_due=lambda step: next_multiple(9, step)), calls]
    assert calls.ahead(gan, waits, 0) == 1, "how long a step takes is not known"
    monkeypatch.setattr("gan_lightning.callbacks.calls.monotonic", lambda: next(clock))
    calls.on_train_batch_start(None, gan, None, 0)
    gan.d_steps_done = 4
    calls.on_train_batch_end(None, gan, None, None, 0)
    assert [calls.ahead(gan, waits, done) for done in (0, 11, 12, 17, 18, 36, 39, 40)] == [7, 7, 6, 1, 7, 4, 1, 1]
    calls.seconds = 60
    assert [calls.ahead(gan, waits, done) for done in (0, 1, 2, 18)] == [16, 16, 16, 16]
    calls.seconds = 0
    assert calls.ahead(gan, waits, 0) == 1


def test_next_multiple():
    assert [next_multiple(50, step) for step in (0, 1, 49, 50, 99)] == [50, 50, 50, 100, 100]
    assert next_multiple(0, 7) == sys.maxsize
