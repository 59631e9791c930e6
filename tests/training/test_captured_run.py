"""A run with step=captured, its CUDA graphs replaced by tapes: counts, curves, checkpoints, resumption, the guard."""

import pytest
import torch
from conftest import TINY
from lightning.pytorch import Callback
from recorded import Tape
from stopping import checkpoint, lines, played, straight_and_stopped

from gan_lightning.callbacks.finite import FiniteGuard, NotFinite
from gan_lightning.config.compose import compose
from gan_lightning.io.plain import read_json
from gan_lightning.runs.resume import check_same_game
from gan_lightning.training import capturing
from gan_lightning.training.setup import settle, train

GAME = ["technique=[r1,ema]", "schedule=linear", "optimizer=sgd", "optimizer.lr=0.05",
        "steps=16", "checkpoint_every=8", "log_every=5", "trainer=cpu"]  # fmt: skip


def config(*overrides):
    return compose("train", [*TINY, *GAME, *overrides])


@pytest.fixture
def tapes(monkeypatch):
    """The tapes of the runs that are played from now on, on a CPU that counts as a GPU."""
    made = []
    real = capturing.Captured
    monkeypatch.setattr(capturing, "device_of", lambda cfg: torch.device("cuda"))
    monkeypatch.setattr(
        capturing, "Captured", lambda *a, **k: real(*a, **k, recording=lambda: made.append(Tape()) or made[-1])
    )
    monkeypatch.setattr(FiniteGuard, "can_wait", lambda *args: True)  # as on a GPU: no look at every step
    return made


def assert_alike(one, other) -> None:
    """The checkpoints and curves of two runs: counts and options equal, weights within rounding."""
    mine, yours = checkpoint(one), checkpoint(other)
    assert all(torch.allclose(mine["state_dict"][k], v, atol=1e-5) for k, v in yours["state_dict"].items())
    groups = [[state["param_groups"] for state in of["optimizer_states"]] for of in (mine, yours)]
    for group, own in zip(*([g for [g] in player] for player in groups), strict=True):
        assert isinstance(group["lr"], float)
        assert {**group, "lr": None} == {**own, "lr": None}
        assert group["lr"] == pytest.approx(own["lr"])
    assert [mine[k] for k in ("global_step", "counters")] == [yours[k] for k in ("global_step", "counters")]
    assert [line.keys() for line in lines(one)] == [line.keys() for line in lines(other)]
    for a, b in zip(lines(one), lines(other), strict=True):
        assert a == pytest.approx(b, abs=1e-4, nan_ok=True)


def test_the_run_is_that_of_step_eager(tapes, tmp_path):
    eager = played(tmp_path, config(), "eager")
    captured = played(tmp_path, config("step=captured"), "captured")
    # of 16 steps, 5, 10, 15 and 16 are logged, and 3 + 1 others make the recording
    assert [tape.replays for tape in tapes] == [8, 8]
    status = read_json(captured / "status.json")
    assert (status["status"], status["g_steps"]) == ("done", 16)
    assert_alike(captured, eager)


class Looks(Callback):
    """A callback of Lightning's own kind that looks at gradients."""

    seen = 0

    def on_before_optimizer_step(self, *args) -> None:
        self.seen += 1


def test_a_callback_that_looks_at_gradients_sees_every_step(tapes, tmp_path):
    looks = Looks()
    played(tmp_path, config("step=captured"), "looked-into", extra_callbacks=[looks])
    assert (looks.seen, tapes) == (32, [])


def test_the_guard_alone_keeps_no_step_from_being_replayed(tapes, tmp_path):
    played(tmp_path, config("step=captured", "callbacks.finite.every=1"), "guarded")
    assert [tape.replays for tape in tapes] == [8, 8]


def test_it_goes_on_where_it_stopped(tapes, tmp_path):
    straight, stopped = straight_and_stopped(tmp_path, config("step=captured"), 9)
    assert len(tapes) == 6  # the resumed run records its own
    assert_alike(stopped, straight)


def test_a_run_may_go_on_with_another_step():
    was, now = config(), config("step=captured")
    settle(was)
    settle(now)
    check_same_game(was, now)


def test_what_diverges_ends_the_run_and_says_at_which_step(tapes, tmp_path):
    """Losses begin at log 2 each and pass the limit in a replay; the host reads the flag some steps later."""
    diverging = ["callbacks.finite.limit=1.5", "callbacks.finite.every=16", "technique=[]", "optimizer.lr=0.3"]
    said = []
    for step in ("eager", "captured"):
        with pytest.raises(NotFinite) as error:
            train(config(*diverging, f"step={step}"), tmp_path / step, [])
        said.append(str(error.value))
    assert said[0] == said[1]
    assert "loss has diverged, in its term adversarial" in said[0]
