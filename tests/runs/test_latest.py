"""Which run is meant: latest, one without a checkpoint yet; and how often a checkpoint is written by the clock."""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import TINY

from gan_lightning.callbacks import checkpoints as module
from gan_lightning.callbacks.checkpoints import Checkpoints
from gan_lightning.runs.directory import find
from gan_lightning.training.setup import train


def run_dir(text: str) -> str:
    return text.split(", in ")[1].splitlines()[0]


def test_a_run_without_a_checkpoint_begins_again(call, tmp_path):
    code, text = call("train", *TINY, "log_every=1", "hydra.run.dir=run")
    assert code == 0, text
    end = torch.load("run/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    shutil.rmtree("run/checkpoints")
    code, text = call("train", "resume=run", "steps=6")
    assert code == 0, text
    assert "run had no checkpoint yet and begins again; what it had written lies in .unfinished/run-" in text
    again = torch.load("run/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(end[k], again[k]) for k in end)
    lines = Path("run/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    code, text = call("sample", "run=run")
    assert code == 0, text


def test_latest_says_which_and_resumes_the_last_begun_but_no_job_of_a_sweep(call, tmp_path):
    runs = [run_dir(call("train", *TINY, f"seed={seed}")[1]) for seed in (0, 1)]
    shutil.rmtree(f"{runs[1]}/checkpoints")
    code, text = call("train", "-m", *TINY, "seed=2,3")
    assert code == 0, text
    code, text = call("sample", "run=latest", "n=2")
    assert code == 0, text
    assert "run=latest is outputs/multirun/" in text
    assert "/seed-3" in text
    code, text = call("train", "resume=latest")
    assert code == 0, text
    assert f"resume=latest is {runs[1]}" in text, "the last begun, though it has no checkpoint yet"
    assert "begins again" in text
    code, text = call("sample", "run=latest", "n=2")
    assert f"run=latest is {runs[1]}" in text


def test_latest_of_nothing_but_a_sweep(call, tmp_path):
    assert call("train", "-m", *TINY, "seed=2,3")[0] == 0
    code, text = call("train", "resume=latest")
    assert code == 1
    assert "resume=latest found no run below" in text
    assert "a sweep goes on with -m continue=latest" in text


# By the clock ------------------------------------------------------------------------------------------------


class Clock:
    """``ticks`` seconds pass between two looks."""

    def __init__(self, tick: float) -> None:
        self.now, self.tick = 0.0, tick

    def __call__(self) -> float:
        return self.now


def saved_steps(tmp_path, monkeypatch, seconds_per_step, steps, clocks=1, every=0, seconds=120) -> list[list[int]]:
    """After which G steps each of ``clocks`` processes saves; process i has a clock that runs (1 + i / 2) as fast."""
    sent: list = []

    def process(rank: int) -> SimpleNamespace:
        def broadcast(value):
            if rank == 0:
                sent.append(value)
                return value
            return box.inbox.pop(0)

        box = SimpleNamespace(saved=[], inbox=[], clock=Clock(0))
        box.trainer = SimpleNamespace(world_size=clocks, is_global_zero=rank == 0, default_root_dir=str(tmp_path),
                                      strategy=SimpleNamespace(broadcast=broadcast))  # fmt: skip
        box.callback = Checkpoints(every=every, seconds=seconds)
        return box

    boxes = [process(rank) for rank in range(clocks)]
    for box in boxes:
        monkeypatch.setattr(module, "monotonic", box.clock)
        box.callback.on_train_start(box.trainer, SimpleNamespace(g_steps_done=0))
    for step in range(1, steps + 1):
        for rank, box in enumerate(boxes):
            box.clock.now = step * seconds_per_step * (1 + rank / 2)
            monkeypatch.setattr(module, "monotonic", box.clock)
            monkeypatch.setattr(module, "save_whole", lambda *a, saved=box.saved, step=step, **k: saved.append(step))
            game = SimpleNamespace(g_steps_done=step, g_just_moved=True)
            if rank:
                box.inbox = list(sent)
            else:
                sent.clear()
            box.callback.on_train_batch_end(box.trainer, game, None, None, 0)
            assert not box.inbox or not rank, "every process takes part in every broadcast"
    return [box.saved for box in boxes]


def test_at_least_every_two_minutes(tmp_path, monkeypatch):
    assert saved_steps(tmp_path, monkeypatch, 50, 8) == [[3, 6]]
    assert saved_steps(tmp_path, monkeypatch, 0.5, 700, every=200) == [[200, 400, 600]], "by steps, and then no sooner"
    assert saved_steps(tmp_path, monkeypatch, 0.5, 700, every=500) == [[240, 480, 500]]
    assert saved_steps(tmp_path, monkeypatch, 50, 8, seconds=0) == [[]]


@pytest.mark.parametrize("pace", [0.01, 0.7, 50, 300])
def test_processes_with_different_clocks_agree(tmp_path, monkeypatch, pace):
    steps = max(4, int(400 / pace))
    first, other = saved_steps(tmp_path, monkeypatch, pace, steps, clocks=2)
    assert first == other
    gaps = [(b - a) * pace for a, b in zip([0, *first], first, strict=False)]
    assert first
    assert all(gap <= 120 + max(pace, 1.2) for gap in gaps), "a look comes in time"


def test_the_clock_changes_no_bit_and_numbers_no_checkpoint(tiny, tmp_path):
    weights = []
    for name, seconds in (("with", 1e-9), ("without", 0)):
        folder = tmp_path / name
        folder.mkdir()
        train(tiny("steps=8", "d_steps=2", f"checkpoint_seconds={seconds}", "callbacks.checkpoints.keep=-1"), folder)
        weights.append(torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["state_dict"])
        names = sorted(p.name for p in (folder / "checkpoints").iterdir())
        assert names == ["0000008.ckpt", "last.ckpt"] + (["previous.ckpt"] if seconds else [])
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])


def test_seconds_have_a_rule(call):
    code, text = call("train", *TINY, "checkpoint_seconds=-1")
    assert code == 1
    assert "checkpoint_seconds must be a number of seconds, 0 or more, got -1. Write for example" in text


def test_find_says_what_latest_is(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.makedirs("outputs/a")  # noqa: PTH103
    train(tiny("steps=1"), tmp_path / "outputs/a")
    capsys.readouterr()
    assert find("latest")[0].name == "a"
    assert capsys.readouterr().err == "run=latest is outputs/a\n"
