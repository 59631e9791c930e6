"""evaluate, compare and continue on real digits: protocol, floors, tables, stopped sweeps."""

import csv
import errno
import json
import shutil
import signal
import sys
from pathlib import Path

import pytest
import torch
from commands import Command
from conftest import TINY
from omegaconf import OmegaConf

from gan_lightning import train as train_verb
from gan_lightning.config.compose import compose
from gan_lightning.config.where import CONF
from gan_lightning.report.arms import gather
from gan_lightning.report.comparison import all_tables
from gan_lightning.report.measuring import evaluate_runs
from gan_lightning.runs.measurements import read_measurements
from gan_lightning.runs.sweep import continue_arguments, jobs, statuses
from gan_lightning.training.setup import train
from gan_lightning.training.train_judge import train_judge

DIGITS = [o for o in TINY if not o.startswith("data")] + ["data=digits", "callbacks.evaluation.n=100"]


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    train(compose("train", [*DIGITS, "evaluate_every=3"]), folder, ["data=digits"])
    return folder


# Faults ----------------------------------------------------------------------------------------------------


def flat(found):
    return {key: value for values in found.values() for key, value in values.items()}


def numbers(run, name="last"):
    """All that was measured of a checkpoint."""
    result = read_measurements(run / "metrics.json")
    weights = result["checkpoints"][name]["weights"]
    return flat({i: c["values"].get(weights, {}) for i, c in enumerate(result["measured"])})


# evaluate --------------------------------------------------------------------------------------------------


def test_evaluate_writes_numbers_floors_and_protocol(run):
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    evaluate_runs(compose("evaluate", [f"run={run}"]))
    result = read_measurements(run / "metrics.json")
    assert set(result["checkpoints"]) == {"last", "best"}
    assert result["checkpoints"]["last"]["g_steps"] == 6
    protocol = result["measured"][0]["protocol"]
    assert protocol["judge_sha256"] == OmegaConf.load(CONF / "judge/digits.yaml").sha256
    floor = flat({i: c["floor"] for i, c in enumerate(result["measured"])})
    assert set(floor) == set(numbers(run)) == set(numbers(run, "best"))
    assert numbers(run)["frechet_distance"] > 5 * floor["frechet_distance"]
    assert all(p.read_bytes() == content for p, content in before.items()), "nothing of the run changed"
    assert (run / "evaluation-last.png").is_file()
    first = (run / "metrics.json").read_bytes()
    evaluate_runs(compose("evaluate", [f"run={run}"]))
    assert (run / "metrics.json").read_bytes() == first, "same seed, same numbers"


def test_evaluating_during_training_changes_no_bit(tmp_path):
    def weights(name, *overrides):
        folder = tmp_path / name
        folder.mkdir()
        train(compose("train", [*DIGITS, *overrides]), folder)
        return torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["state_dict"]

    without, with_it = weights("without", "steps=3"), weights("with", "steps=3", "evaluate_every=1")
    assert list(without) == list(with_it), "the judge is no part of the game"
    assert all(torch.equal(without[k], with_it[k]) for k in without)


def test_the_best_checkpoint_is_the_best_of_the_curve(tmp_path):
    train(compose("train", [*DIGITS, "steps=8", "evaluate_every=2", "optimizer.lr=0.01"]), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    curve = {line["step"]: line["metric/fd_over_coverage"] for line in lines if "metric/fd_judge" in line}
    assert list(curve) == [2, 4, 6, 8]
    best = torch.load(tmp_path / "checkpoints/best.ckpt", weights_only=True)
    assert best["counters"]["g_steps_done"] == min(curve, key=curve.get)


def test_evaluate_says_what_is_wrong(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="is not a run directory"):
        evaluate_runs(compose("evaluate", [f"run={tmp_path / 'empty'}"]))
    with pytest.raises(ValueError, match="n must not exceed the 297 test images of data=digits, got 298"):
        evaluate_runs(compose("evaluate", [f"run={run}", "n=298"]))
    with pytest.raises(ValueError, match=r"matches no run directory.*Several runs are a glob"):
        evaluate_runs(compose("evaluate", ["run='[a,b]'"]))
    with pytest.raises(ValueError, match=r"needs at least 6 samples.*Write n=6 or more, or leave n out"):
        evaluate_runs(compose("evaluate", [f"run={run}", "n=3"]))
    with pytest.raises(ValueError, match="matches no run directory"):
        evaluate_runs(compose("evaluate", [f"run='{tmp_path}/x*'"]))
    assert not (run / "metrics.json").exists(), "nothing half-written"
    other = tmp_path / "other"
    other.mkdir()
    train(compose("train", TINY), other)
    with pytest.raises(ValueError, match="there is no judge for data=synthetic.*gan_lightning.judge data=synthetic"):
        evaluate_runs(compose("evaluate", [f"run={other}"]))


def test_images_of_another_size_are_not_judged(tmp_path, caplog):
    """digits and mnist have judges of 28 x 28; at 32 the run goes on without one, and evaluate says why it cannot."""
    with caplog.at_level("INFO"):
        train(compose("train", [*DIGITS, "data.size=32", "steps=2", "evaluate_every=1"]), tmp_path)
    assert "no evaluation: conf/judge has none for data=digits of shape (1, 32, 32)" in caplog.text
    assert caplog.text.index("training") < caplog.text.index("no evaluation"), "the first line says what is trained"
    with pytest.raises(ValueError, match=r"there is no judge for data=digits of shape \(1, 32, 32\)"):
        evaluate_runs(compose("evaluate", [f"run={tmp_path}"]))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("ring8", "a judge needs images, got data=ring8, whose points need no judge"),
        ("digits data.size=30", "square images whose side is a multiple of 4, got data="),
    ],
)
def test_a_judge_is_trained_on_images_it_can_halve_twice(tmp_path, capsys, data, words):
    from gan_lightning import judge as judge_verb

    with pytest.raises(SystemExit) as stop:
        in_this_process(tmp_path, judge_verb.main, *f"data={data}".split())
    assert stop.value.code == 1
    text = "".join(capsys.readouterr())
    assert words in text
    assert "Traceback" not in text


def test_a_judge_is_whole_or_not_there(tmp_path, monkeypatch):
    def full(state, to) -> None:
        if isinstance(to, Path):
            to.write_bytes(b"half")
        else:
            to.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    small = ["data=synthetic", "data.n=32", "data.size=8", "epochs=1", "batch_size=16", "width=2", "features=4"]
    with pytest.raises(OSError, match="No space left"):
        train_judge(compose("judge", [*small, f"out={tmp_path}/judge.pt"]))
    assert list(tmp_path.iterdir()) == []


# compare and continue --------------------------------------------------------------------------------------


def in_this_process(folder, main, *args):
    """Run a verb's main with ``args`` in ``folder``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["verb.py", *args])
        main()


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """loss=mmgan,nsgan seed=0,1, evaluated."""
    from gan_lightning import evaluate as evaluate_verb

    folder = tmp_path_factory.mktemp("sweep")
    swept = ["loss=mmgan,nsgan", "seed=0,1", "hydra.sweep.dir=s"]
    in_this_process(folder, train_verb.main, "-m", *DIGITS, "evaluate_every=3", *swept)
    in_this_process(folder, evaluate_verb.main, "run='s/*'", "metrics=fast")
    return folder / "s"


def test_compare_makes_one_row_per_arm(sweep, tmp_path, capsys):
    from gan_lightning import compare as compare_verb

    in_this_process(sweep.parent, compare_verb.main, "runs=s", f"out={tmp_path}")
    told = capsys.readouterr().out.splitlines()[-1]
    assert told.startswith("wrote ")
    assert all(str(p) in told for p in tmp_path.rglob("*") if p.is_file())
    text = (tmp_path / "table.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| loss=")]
    assert len(rows) == 4, "two arms, last and best"
    fd = [numbers(sweep / f"loss-mmgan_seed-{s}")["frechet_distance"] for s in (0, 1)]
    mean, spread = sum(fd) / 2, abs(fd[0] - fd[1]) / 2**0.5  # n - 1
    assert f"| loss=mmgan | 2 | 6 | {mean:.4g} +- {spread:.2g} |" in rows[0]
    assert "| real training images |" in text
    assert "Not in the tables" not in text
    with (tmp_path / "table.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 8
    assert {row["train_seed"] for row in table} == {"0", "1"}
    assert {"curves.png", "samples.png", "runs.json"} <= {p.name for p in tmp_path.iterdir()}
    assert len(list((tmp_path / "configs").iterdir())) == 4


def test_compare_lists_what_failed_is_unfinished_or_missing(sweep, tmp_path):
    copy = tmp_path / "s"
    shutil.copytree(sweep, copy)
    shutil.rmtree(copy / "loss-mmgan_seed-0")
    status = json.loads((copy / "loss-mmgan_seed-1/status.json").read_text())
    (copy / "loss-mmgan_seed-1/status.json").write_text(json.dumps({**status, "status": "running", "pid": 2**22 + 1}))
    (copy / "loss-nsgan_seed-0/status.json").write_text(json.dumps({**status, "status": "failed"}))
    (copy / "loss-nsgan_seed-1/metrics.json").unlink()
    assert statuses(copy) == {
        "loss-mmgan_seed-0": "missing",
        "loss-mmgan_seed-1": "unfinished",
        "loss-nsgan_seed-0": "failed",
        "loss-nsgan_seed-1": "done",
    }
    runs, missing, _ = gather(str(copy))
    text = all_tables(runs, missing)
    for line in ("loss-mmgan_seed-0: missing", "loss-mmgan_seed-1: unfinished", "loss-nsgan_seed-0: failed",
                 "loss-nsgan_seed-1: done, not evaluated"):  # fmt: skip
        assert f"- {line}" in text


def test_a_sweep_killed_half_way_is_continued(tmp_path, capsys):
    """SIGKILL; then only what is missing or unfinished runs."""
    sweep = tmp_path / "s"
    process = Command(tmp_path, "-m", *DIGITS, "steps=40", "seed=0,1,2", "hydra.sweep.dir=s")
    process.wait_until((sweep / "seed-1" / "config.yaml").is_file)
    process.send_signal(signal.SIGKILL)
    assert process.end()[0] == -signal.SIGKILL
    before = statuses(sweep)
    assert before == {"seed-0": "done", "seed-1": "unfinished", "seed-2": "missing"}
    finished = {n: (sweep / n / "config.yaml").stat().st_mtime_ns for n, s in before.items() if s == "done"}
    capsys.readouterr()
    in_this_process(tmp_path, train_verb.main, "-m", "continue=s")
    text = capsys.readouterr().out
    assert set(statuses(sweep).values()) == {"done"}
    assert text.count("done before: ") == len(finished)
    assert text.count("training mlp") == 3 - len(finished)
    assert {n: (sweep / n / "config.yaml").stat().st_mtime_ns for n in finished} == finished
    assert len(list((sweep / ".unfinished").iterdir())) == 1
    assert list(jobs(sweep)) == [f"seed-{i}" for i in range(3)]
    with pytest.raises(ValueError, match="continue= goes on with the sweep as it was started, got steps=5"):
        continue_arguments(["train", "-m", f"continue={sweep}", "steps=5"])
    with pytest.raises(ValueError, match="is not a multirun directory"):
        continue_arguments(["train", "-m", f"continue={tmp_path}"])
