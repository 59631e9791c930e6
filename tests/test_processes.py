"""Several processes: DDP plays the game of one process; joblib's sweep is Hydra's own sweep."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import TINY
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan_lightning.cli import CONF

ROOT = Path(__file__).parent.parent
# Neither BatchNorm nor dropout: both see one process's share of the batch. Its weights begin large enough to move.
SMOOTH = ["network=points", "network.G.hidden=[16]", "network.D.hidden=[16]"]


def command(folder: Path, *args: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "gan_lightning.train", *args],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def state(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def farthest(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], player: str = "") -> float:
    return max((one[k].double() - other[k].double()).abs().max().item() for k in one if k.startswith(player))


def test_two_processes_play_the_game_of_one(tmp_path):
    game = [o for o in TINY if not o.startswith("network.")]
    game += [*SMOOTH, "optimizer=sgd", "d_steps=2", "steps=10", "log_every=5", "sample_every=5"]
    game += ["technique=[instance_noise]"]
    command(tmp_path, *game, "hydra.run.dir=one")
    command(tmp_path, *game, "trainer=ddp", "devices=2", "hydra.run.dir=two")
    one, two = state(tmp_path / "one"), state(tmp_path / "two")
    assert farthest(one, two) < 1e-5
    start = torch.load(tmp_path / "one/checkpoints/last.ckpt", weights_only=True)["counters"]
    assert start == {"d_steps_done": 20, "g_steps_done": 10, "images_seen": 320}
    # one directory, one picture per snapshot, one curve
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "two"]
    assert {p.name for p in (tmp_path / "two/samples").iterdir()} == {
        p.name for p in (tmp_path / "one/samples").iterdir()
    }
    lines = [
        [json.loads(line) for line in (tmp_path / r / "metrics.jsonl").read_text().splitlines()] for r in ("one", "two")
    ]
    for a, b in zip(*lines, strict=True):
        assert a["step"] == b["step"]
        for key in ("loss/d", "loss/g", "d/real_prob", "d/fake_prob", "grad/d_norm"):
            assert a[key] == pytest.approx(b[key], rel=1e-4), key
    events = EventAccumulator(str(tmp_path / "two/tensorboard"))
    events.Reload()
    assert [e.step for e in events.Scalars("loss/d")] == [5, 10]
    status = json.loads((tmp_path / "two/status.json").read_text())
    assert (status["status"], status["g_steps"], status["images"]) == ("done", 10, 320)


@pytest.mark.slow
def test_two_processes_are_stopped_and_go_on(tmp_path):
    game = [o for o in TINY if not o.startswith("network.")] + [*SMOOTH, "optimizer=sgd", "log_every=2"]
    command(tmp_path, *game, "steps=12", "hydra.run.dir=one")
    command(tmp_path, *game, "trainer=ddp", "devices=2", "steps=6", "hydra.run.dir=two")
    command(tmp_path, "resume=two", "steps=12")
    one, two = state(tmp_path / "one"), state(tmp_path / "two")
    assert farthest(one, two) < 1e-5
    steps = [json.loads(line)["step"] for line in (tmp_path / "two/metrics.jsonl").read_text().splitlines()]
    assert steps == [2, 4, 6, 8, 10, 12]


LOSSES = sorted(p.stem for p in (CONF / "loss").glob("*.yaml"))
TECHNIQUES = sorted(p.stem for p in (CONF / "technique").glob("*.yaml"))
LOCAL = {"minibatch_discrimination", "minibatch_stddev"}  # they look at the other samples of their process


def test_every_loss_and_global_technique_in_two_processes(tmp_path):
    """20 steps of each, over gloo: both players' weights within 1e-5 of the game of one process with the same batch."""
    twenty = ["steps=20", "optimizer=sgd", "optimizer.lr=0.05"]
    base = [*(o for o in TINY if not o.startswith("network.")), *SMOOTH, *twenty]
    games = {f"loss-{name}": [*base, f"loss={name}"] for name in LOSSES}
    games |= {f"technique-{name}": [*base, f"technique=[{name}]"] for name in TECHNIQUES}
    games["technique-virtual_batch_norm"] = [*TINY, *twenty, "technique=[virtual_batch_norm]"]  # in place of BatchNorm
    games["technique-weight_clipping"] += ["technique.weight_clipping.limit=0.2"]
    games["update-simultaneous"] = [*base, "update=simultaneous", "d_loss_weight=0.5"]
    (tmp_path / "games.json").write_text(json.dumps(games))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    script = [sys.executable, str(ROOT / "tests/play_in_two.py"), str(tmp_path)]
    for ranks in (["alone"], ["0", "1"]):
        pipes = {"env": env, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started = [subprocess.Popen([*script, rank], **pipes) for rank in ranks]
        for process in started:
            text, _ = process.communicate(timeout=240)
            assert process.returncode == 0, text
    apart, moved = {}, {}
    for name in games:
        one, two, other = (torch.load(tmp_path / f"{name}-{r}.pt") for r in ("alone", "0", "1"))
        assert all(torch.equal(two[k], other[k]) for k in two if not k.startswith("G.") or "running" not in k)
        apart[name] = farthest(one, two)
        start = torch.load(tmp_path / f"{name}-start.pt")
        moved[name] = min(farthest(one, start, player) for player in ("G.", "D."))
        alone, *shares = (json.loads((tmp_path / f"{name}-{r}.json").read_text()) for r in ("alone", "0", "1"))
        assert len(shares[0]) == len(shares[1]) == len(alone) / 2 == 160
        assert sorted(shares[0] + shares[1]) == sorted(alone), "together the samples of the one"
        assert not set(shares[0][:40]) & set(shares[1][:40]), "none twice in a pass"
    assert min(moved.values()) > 0.01, "a game that stands still shows nothing"
    assert {name for name, distance in apart.items() if distance > 1e-5} == {f"technique-{name}" for name in LOCAL}


def test_joblib_runs_the_same_sweep(tmp_path):
    text = command(
        tmp_path,
        "-m",
        *TINY,
        "steps=2",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "loss=mmgan,nsgan",
        "smoothing=none,one_sided",
        "seed=0,1",
    )
    found = sorted(p.parent for p in (tmp_path / "outputs/multirun").rglob("config.yaml"))
    assert len({p.parent for p in found}) == 1, text
    assert {p.name for p in found} == {
        f"loss-{loss}_smoothing-{smoothing}_seed-{seed}"
        for loss in ("mmgan", "nsgan")
        for smoothing in ("none", "one_sided")
        for seed in (0, 1)
    }
    from gan_lightning.sample import sample

    for run in found:
        assert json.loads((run / "status.json").read_text())["status"] == "done"
        assert sample(run, n=2)[0].is_file()
