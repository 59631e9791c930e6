"""Optuna's search and submitit's queue, as far as one machine goes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import run
from conftest import TINY
from omegaconf import OmegaConf

from gan_lightning.config.compose import compose
from gan_lightning.runs.sweep import objective_of

ROOT = Path(__file__).parent.parent.parent
DIGITS = [o for o in TINY if not o.startswith(("data", "evaluate"))]
DIGITS += ["data=digits", "evaluate_every=2", "steps=4", "callbacks.evaluation.n=100"]


def test_a_search_minimises_what_its_trials_reached(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="the extra `search` is not installed")
    code, text = run(
        tmp_path, "-m", "search=learning_rates", *DIGITS, "hydra.sweeper.n_trials=3", "hydra.sweep.dir=found"
    )
    assert code == 0, text
    found = OmegaConf.load(tmp_path / "found" / "optimization_results.yaml")
    reached = {}
    for i in range(3):
        trial = tmp_path / "found" / f"trial-{i}"
        reached[i] = json.loads((trial / "status.json").read_text())["best_fd_over_coverage"]
        cfg = OmegaConf.load(trial / "config.yaml")
        assert 1e-5 <= cfg.optimizer.d.lr <= 1e-2
        assert cfg.d_steps in (1, 2, 5)
    best = min(reached, key=reached.__getitem__)
    assert found.best_value == reached[best]
    assert (
        found.best_params["optimizer.g.lr"]
        == OmegaConf.load(tmp_path / f"found/trial-{best}/config.yaml").optimizer.g.lr
    )
    assert len(set(reached.values())) == 3


def test_a_trial_that_diverges_is_the_worst(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="the extra `search` is not installed")
    code, text = run(
        tmp_path, "-m", "search=learning_rates", *DIGITS, "optimizer.d.lr=choice(1e30,1e31)",
        "hydra.sweeper.n_trials=1", "hydra.sweep.dir=found",
    )  # fmt: skip
    assert code == 0, text
    assert OmegaConf.load(tmp_path / "found" / "optimization_results.yaml").best_value == float("inf")
    status = json.loads((tmp_path / "found/trial-0/status.json").read_text())
    assert status["status"] == "failed"
    assert "has diverged" in status["error"]


def test_a_wrong_objective_is_told(call):
    code, text = call("train", "-m", *DIGITS, "objective=fid", "hydra.sweep.dir=x")
    assert code != 0
    assert "objective must be one of" in text
    assert "best_fd_over_coverage" in text


def test_the_slurm_launcher_asks_for_as_many_gpus_as_processes():
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="the extra `slurm` is not installed")
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    from gan_lightning.config.compose import register_resolvers
    from gan_lightning.config.where import CONF

    register_resolvers()
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        cfg = hydra.compose("train", ["hydra/launcher=slurm", "devices=4"], return_hydra_config=True)
    launcher = cfg.hydra.launcher
    assert launcher._target_.endswith("SlurmLauncher")
    assert (launcher.gpus_per_node, launcher.tasks_per_node, launcher.signal_delay_s) == (4, 1, 120)
    assert launcher.max_num_timeout > 0, "or nothing is queued again"


@pytest.mark.slow
def test_a_preempted_job_goes_on_exactly(call, tmp_path):
    """submitit's local queue: SIGUSR2 in the middle, queued again, the same end as a job left alone."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="the extra `slurm` is not installed")
    import signal
    import time

    import torch

    game = [o for o in TINY if not o.startswith("steps")]
    game += ["steps=6000", "checkpoint_every=100", "log_every=100", "resume=auto", "seed=0,1"]
    straight = [o for o in game if o not in ("seed=0,1", "resume=auto")] + ["seed=0"]
    assert call("train", "-m", *straight, "hydra.sweep.dir=straight")[0] == 0
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = [*game, "hydra/launcher=slurm_local", "hydra.sweep.dir=queue"]
    queue = subprocess.Popen([sys.executable, "-m", "gan_lightning.train", "-m", *arguments], cwd=tmp_path, env=env)
    status = tmp_path / "queue" / "seed-0" / "status.json"
    deadline = time.monotonic() + 120
    while not (tmp_path / "queue/seed-0/checkpoints/previous.ckpt").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(json.loads(status.read_text())["pid"], signal.SIGUSR2)
    assert queue.wait(240) == 0
    assert json.loads(status.read_text())["status"] == "done"
    record = json.loads((status.parent / "record.json").read_text())
    assert len(record["resumed"]) == 1
    ends = [next((tmp_path / sweep).glob(pattern)) for sweep, pattern in
            (("straight", "*/checkpoints/last.ckpt"), ("queue", "seed-0/checkpoints/last.ckpt"))]  # fmt: skip
    one, other = (torch.load(p, weights_only=True) for p in ends)
    assert all(torch.equal(one["state_dict"][k], other["state_dict"][k]) for k in one["state_dict"])


def test_a_trial_that_was_done_before_still_has_its_number(call, tmp_path):
    """As in a search whose job was queued again: without the number Optuna would count the trial as failed."""
    objective = "objective=best_fd_over_coverage"
    call("train", "-m", *DIGITS, objective, "hydra.sweep.dir=s", "hydra.sweep.subdir=one", "seed=0")
    status = json.loads((tmp_path / "s/one/status.json").read_text())
    cfg = compose("train", [objective])
    assert objective_of(cfg, status) == status["best_fd_over_coverage"] > 0
    assert objective_of(compose("train", []), status) is None
    with pytest.raises(ValueError, match=r"objective must be one of .*best_fd_over_coverage.*, got best_fd_over"):
        objective_of(compose("train", ["objective=best_fd_over"]), status)
    code, text = run(
        tmp_path, "-m", *DIGITS, "search=learning_rates", "resume=auto", "hydra.sweeper.n_trials=1",
        "hydra.sweep.dir=s", "hydra.sweep.subdir=one",
    )  # fmt: skip
    assert code == 0, text
    assert "done before" in text
    assert OmegaConf.load(tmp_path / "s/optimization_results.yaml").best_value == status["best_fd_over_coverage"]


@pytest.mark.slow
def test_a_sweep_over_two_processes_has_its_objective_and_survives_a_divergence(tmp_path):
    """What a spawned process measured, and why it stopped, reach the one that asked."""
    code, text = run(
        tmp_path, "-m", *DIGITS, "trainer=ddp", "devices=2", "objective=best_fd_over_coverage",
        "optimizer.d.lr=1e30,0.0002", "hydra.sweep.dir=swept", "hydra.sweep.subdir=${hydra.job.num}",
    )  # fmt: skip
    assert code == 0, text
    diverged, done = (json.loads((tmp_path / f"swept/{i}/status.json").read_text()) for i in range(2))
    assert diverged["status"] == "failed"
    assert "diverged" in diverged["error"]
    assert done["status"] == "done"
    lines = [json.loads(line) for line in (tmp_path / "swept/1/metrics.jsonl").read_text().splitlines()]
    judged = [line["metric/fd_over_coverage"] for line in lines if "metric/fd_over_coverage" in line]
    assert len(judged) == 2
    assert done["best_fd_over_coverage"] == min(judged)
