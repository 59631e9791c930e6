"""Processes of one game or one sweep end together, and the last word says how to go on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from gan_lightning.callbacks.evaluation import CHOICE, COVERAGE, FD, Evaluation
from gan_lightning.callbacks.finite import NotFinite
from gan_lightning.config.build import build_gan
from gan_lightning.config.compose import compose
from gan_lightning.config.hydra_hooks import StopMultirun
from gan_lightning.training.processes import fit, gather_results
from gan_lightning.training.setup import train

ROOT = Path(__file__).parent.parent.parent
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
GAME = ["experiment=mlp", "data=digits", "network.G.hidden=[16,16]", "network.D.hidden=[16,16]", "batch_size=16",
        "report=false", "log_every=10", "sample_every=0", "evaluate_every=0", "checkpoint_every=20",
        "steps=100000"]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            torch.multiprocessing.ProcessExitedException("x", 1, 2, -9, "SIGKILL"),
            "process 2 of 1 was ended by SIGKILL, and the others with it. SIGKILL often comes from the system when ",
        ),
        (
            torch.multiprocessing.ProcessRaisedException("Traceback\nValueError: batch_size must be smaller", 0, 2),
            "^batch_size must be smaller$",
        ),
        (
            torch.multiprocessing.ProcessRaisedException(
                "Traceback\nRuntimeError: [gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:2",
                0,
                2,
            ),
            "one of the 1 processes has gone, and the others with it",
        ),
    ],
    ids=["ended", "raised", "missed by another"],
)
def test_a_rank_that_is_gone_is_told_in_one_sentence(tiny, tmp_path, monkeypatch, error, words):
    def fit(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(Trainer, "fit", fit)
    with pytest.raises(ValueError, match=words) as told:
        train(tiny(), tmp_path)
    if "process" in words:
        assert f"To go on: python -m gan_lightning.train resume={tmp_path}" in str(told.value)
    assert str(told.value) in json.loads((tmp_path / "status.json").read_text())["error"]


def test_that_a_rank_has_diverged_reaches_a_search_as_such(monkeypatch):
    """A search counts it as the worst there is, and any other error as a failure."""

    def raised(*args: object, **kwargs: object) -> None:
        raise torch.multiprocessing.ProcessRaisedException(
            "Traceback\ngan_lightning.x.NotFinite: it has diverged", 0, 2
        )

    monkeypatch.setattr(Trainer, "fit", raised)
    with pytest.raises(NotFinite, match="^it has diverged$"):
        fit(Trainer(accelerator="cpu", logger=False), None, None, None, Path("run"))


def test_what_spawned_processes_counted_and_measured_reaches_the_one_that_asked(finished_tiny, tiny, tmp_path):
    run = shutil.copytree(finished_tiny, tmp_path / "run")
    told = [{"step": 2, CHOICE: 9.0, FD: 8.0, COVERAGE: 0.9}, {"step": 4, CHOICE: 3.0, FD: 2.0, COVERAGE: 0.7},
            {"step": 6, CHOICE: 5.0, FD: 4.0, COVERAGE: 0.8, "loss/d": 0.5}]  # fmt: skip
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    cfg = tiny("technique=[ema]")
    gan, evaluation = build_gan(cfg, (1, 8, 8)), Evaluation()
    gather_results(gan, evaluation, run)
    assert (gan.d_steps_done, gan.g_steps_done, gan.images_seen) == (6, 6, 96)
    assert gan.numbers == {CHOICE: 5.0, FD: 4.0, COVERAGE: 0.8, "loss/d": 0.5}
    assert evaluation.best_numbers() == {
        "best_g_steps": 4, "best_fd_over_coverage": 3.0, "best_fd_judge": 2.0, "best_coverage_judge": 0.7,
    }  # fmt: skip


def test_the_best_of_an_earlier_sitting_is_still_the_best_of_several_processes(finished_tiny, tiny, tmp_path):
    """It stands in the checkpoint; of metrics.jsonl only what this sitting wrote is looked at."""
    run = shutil.copytree(finished_tiny, tmp_path / "run")
    gan, evaluation = build_gan(tiny("technique=[ema]"), (1, 8, 8)), Evaluation()
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    last["callbacks"][evaluation.state_key] = {"best": {"": {"g_steps": 2, CHOICE: 1.0, FD: 0.9, COVERAGE: 0.9}}}
    torch.save(last, run / "checkpoints" / "last.ckpt")
    told = [{"step": 2, CHOICE: 1.0, FD: 0.9, COVERAGE: 0.9}, {"step": 6, CHOICE: 5.0, FD: 4.0, COVERAGE: 0.8}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    gather_results(gan, evaluation, run, begun=4)
    assert (evaluation.best_numbers()["best_g_steps"], evaluation.best_numbers()["best_fd_judge"]) == (2, 0.9)


def test_ctrl_c_in_the_parent_of_a_sweep_says_how_to_go_on(monkeypatch, capsys):
    monkeypatch.setattr(StopMultirun, "sweep", "my sweep")
    assert StopMultirun.last_word() == (
        "the sweep was stopped; to go on: python -m gan_lightning.train -m 'continue=my sweep'"
    )
    before = signal.getsignal(signal.SIGTERM)
    config = compose("train")
    config = type(config)({"hydra": {"sweep": {"dir": "there"}, "sweeper": {}}})
    StopMultirun().on_multirun_start(config)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    StopMultirun.forget()
    assert signal.getsignal(signal.SIGTERM) == before
    assert StopMultirun.last_word() == "stopped"


# As commands ------------------------------------------------------------------------------------------------


def started(*args: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "gan_lightning.train", *args]
    return subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True)  # fmt: skip


def until(condition, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def children(pid: int) -> list[int]:
    """Those that play, not the one that looks after shared memory."""
    out = subprocess.run(["ps", "-ww", "--ppid", str(pid), "-o", "pid=,args="], capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in out.splitlines() if "spawn_main" in line or "LokyProcess" in line]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in Linux's /proc")


@linux
@pytest.mark.slow
def test_a_killed_rank_and_a_killed_parent(tmp_path):
    run = tmp_path / "run"
    for victim in ("rank", "parent"):
        process = started(*GAME, "trainer=ddp", "devices=2", "resume=auto", f"hydra.run.dir={run}")
        until(lambda: (run / "checkpoints" / "last.ckpt").is_file() and len(children(process.pid)) == 2)  # noqa: B023
        time.sleep(5)
        ranks = children(process.pid)
        os.kill(ranks[1] if victim == "rank" else process.pid, signal.SIGKILL)
        text, _ = process.communicate(timeout=120)
        if victim == "rank":
            assert process.returncode == 1
            assert f"python -m gan_lightning.train resume={run}" in text
            assert "Traceback" not in text
            assert "weights_only" not in text, "a line of Lightning's per checkpoint"
        until(lambda: not any(map(lives, ranks)), 5)  # noqa: B023


@linux
@pytest.mark.slow
@pytest.mark.parametrize(("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGKILL, False)])
def test_a_joblib_sweep_that_is_stopped(tmp_path, number, group):
    sweep = tmp_path / "sweep"
    process = started("-m", *GAME, "trainer=cpu", "seed=0,1,2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2",
                      f"hydra.sweep.dir={sweep}")  # fmt: skip
    until(lambda: len(list(sweep.glob("*/checkpoints/last.ckpt"))) == 2)
    workers = children(process.pid)
    assert len(workers) == 2
    (os.killpg if group else os.kill)(process.pid, number)
    text, _ = process.communicate(timeout=60)
    assert "Traceback" not in text
    if number != signal.SIGKILL:
        assert process.returncode == 1
        assert text.rstrip().endswith(
            f"the sweep was stopped; to go on: python -m gan_lightning.train -m continue={sweep}"
        )
    until(lambda: not any(map(lives, workers)), 5)
