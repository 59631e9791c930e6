"""The states at given times: the first G step that ends at or after each, by a clock that the test moves."""

import json
import time

import pytest
import torch
from conftest import TINY, EachStep

from gan_lightning.callbacks.marks import Marks, mark_name
from gan_lightning.config.compose import compose
from gan_lightning.io.plain import read_yaml
from gan_lightning.runs.directory import find
from gan_lightning.runs.load import load
from gan_lightning.runs.trust import checked
from gan_lightning.training.setup import train


class Clock(EachStep):
    """A clock that stands at 100 and goes on by ``by`` seconds with each batch, before the marks look at it."""

    def __init__(self, by: float) -> None:
        super().__init__(self.tick)
        self.now, self.by = 100.0, by

    def tick(self, gan) -> dict[str, torch.Tensor]:
        self.now += self.by
        return {name: value.clone() for name, value in gan.state_dict().items()}


def played(play, seconds, *overrides, by=1.0):
    """The states after each batch of a game whose batches take ``by`` seconds each."""
    clock, marks = Clock(by), Marks(seconds, begun=100.0)
    marks.clock = lambda: clock.now
    play(*overrides, callbacks=(clock, marks))
    return clock.seen


def marks_of(folder):
    found = json.loads((folder / "marks.json").read_text())
    assert found.keys() == {"begun", "marks"}
    assert found["begun"] == 100.0
    return found["marks"]


def kept_at(folder, mark):
    return torch.load(folder / "checkpoints" / f"{mark_name(mark)}.ckpt", weights_only=True)


def test_the_state_at_a_mark_is_the_first_g_step_that_ends_at_or_after_it(play, tmp_path):
    states = played(play, [2.0, 3.5], "steps=6")
    assert marks_of(tmp_path) == [
        {"mark": 2.0, "seconds": 2.0, "g_steps": 2, "images": 32},
        {"mark": 3.5, "seconds": 4.0, "g_steps": 4, "images": 64},
    ]
    for mark, step in ((2.0, 2), (3.5, 4)):
        kept = kept_at(tmp_path, mark)
        assert kept["counters"]["g_steps_done"] == step
        assert all(torch.equal(kept["state_dict"][k], v) for k, v in states[step - 1].items())


def test_a_step_of_d_alone_is_not_looked_at(play, tmp_path):
    """With k = 3 the mark at 4 seconds falls behind the fourth batch; G moves after the sixth."""
    played(play, [4.0], "steps=4", "d_steps=3")
    assert marks_of(tmp_path) == [{"mark": 4.0, "seconds": 6.0, "g_steps": 2, "images": 96}]


def test_marks_that_pass_in_one_step_have_one_state(play, tmp_path):
    played(play, [1.0, 7.0, 9.0], "steps=3", by=5.0)
    found = marks_of(tmp_path)
    assert [(m["mark"], m["seconds"], m["g_steps"]) for m in found] == [(1, 5, 1), (7, 10, 2), (9, 10, 2)]
    files = [tmp_path / "checkpoints" / f"mark-{s}s.ckpt" for s in (1, 7, 9)]
    assert files[1].samefile(files[2])
    assert not files[0].samefile(files[1])


def test_steps_that_end_before_a_mark_leave_their_last_state_and_their_time(play, tmp_path):
    played(play, [2.0, 60.0, 120.0], "steps=3")
    found = marks_of(tmp_path)
    assert [(m["mark"], m["seconds"], m["g_steps"]) for m in found] == [(2, 2, 2), (60, 3, 3), (120, 3, 3)]
    assert kept_at(tmp_path, 120.0)["counters"]["g_steps_done"] == 3


def test_without_a_beginning_the_clock_begins_when_the_callback_is_built(monkeypatch):
    monkeypatch.setattr(Marks, "clock", staticmethod(lambda: 7.0))
    assert Marks([1.0]).begun == 7.0
    assert Marks([1.0], begun=3.0).begun == 3.0


def test_a_run_that_goes_on_keeps_no_states(play, tmp_path):
    gan = play("steps=2")
    play("steps=4", callbacks=(Marks([1.0], begun=0.0),), gan=gan)
    assert not (tmp_path / "marks.json").exists()


def test_several_processes_are_refused():
    class Two:
        world_size = 2

    with pytest.raises(ValueError, match=r"the clock of one process, got a game of 2 processes\. Write devices=1"):
        Marks([1.0]).setup(Two(), None, "fit")


def test_a_run_with_marks_can_be_loaded_and_its_configuration_gone_on_with(tmp_path):
    words = ["callbacks=speedrun", "callbacks.marks.seconds=[0.5,9000.0]", f"callbacks.marks.begun={time.time() - 60}"]
    train(compose("train", [*TINY, "~logger.tensorboard", *words]), tmp_path)
    checked(read_yaml(tmp_path / "config.yaml"), tmp_path, whole=True)
    file = tmp_path / "checkpoints" / "mark-0.5s.ckpt"
    assert find(file) == (tmp_path, file)
    assert load(file).g_steps == 1, "the mark was long past"
    assert load(tmp_path / "checkpoints" / "mark-9000s.ckpt").g_steps == 6


@pytest.mark.parametrize("seconds", ["[0,60]", "[-1.0]", "[soon]"])
def test_a_mark_is_a_time_above_0(call, seconds):
    code, text = call("train", *TINY, "callbacks=speedrun", f"callbacks.marks.seconds={seconds}")
    assert code == 1
    assert "callbacks.marks.seconds" in text
    assert "'callbacks.marks.seconds=[60,120]'" in text or "a list of numbers" in text
