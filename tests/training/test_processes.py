"""Several processes: DDP plays the game of one process; joblib's sweep is Hydra's own sweep."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from commands import done as command
from conditional import SMALL
from conftest import LABELLED, TECHNIQUES, TINY
from play_in_two import farthest, game, kept, play_both
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan_lightning.config.where import CONF

ROOT = Path(__file__).parent.parent.parent
# Neither BatchNorm nor dropout: both see one process's share of the batch. Its weights begin large enough to move.
SMOOTH = ["network=points", "network.G.hidden=[16]", "network.D.hidden=[16]"]


def state(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.mark.parametrize("module", ["fork_for_spawn", pytest.param("gan_lightning.train", marks=pytest.mark.slow)])
def test_two_processes_play_the_game_of_one(tmp_path, call, module):
    game = [o for o in TINY if not o.startswith("network.")]
    game += [*SMOOTH, "optimizer=sgd", "d_steps=2", "steps=10", "log_every=5", "sample_every=5"]
    game += ["technique=[instance_noise]"]
    code, text = call("train", *game, "hydra.run.dir=one")
    assert code == 0, text
    command(tmp_path, *game, "trainer=ddp", "devices=2", "hydra.run.dir=two", module=module)
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
CONDITIONS = sorted(p.stem for p in (CONF / "condition").glob("*.yaml") if p.stem != "none")
SOME = ["hinge", "rpgan", "wgan"]  # a margin, pairs, no bound; the slow test has them all
LOCAL = {"minibatch_discrimination", "minibatch_stddev"}  # they look at the other samples of their process
NETWORKS = {  # each without BatchNorm and dropout
    "points": SMOOTH,
    "mlp": ["network.G.hidden=[12]", "network.D.hidden=[12,6]"],
    "maxout": [
        "network=maxout",
        "network.G.hidden=12",
        "network.G.irange=0.3",
        "network.D.irange=0.3",
        "network.D.units=6",
        "network.D.dropout=0",
        "network.D.input_dropout=0",
    ],
    "dcgan": ["network=dcgan", "network.G.width=4", "network.D.width=4", "network.D.d_norm=none"],
    "conv": ["network=conv", *(f"network.{player}.{size}" for player in "GD" for size in ("width=4", "hidden=8"))],
}


def one_step(pairs: Iterable[tuple[str, str, str]]) -> dict[str, dict]:
    """For each group, its choice, and a network that has room for it: a game of which two processes play one step."""
    base = [*(o for o in TINY if not o.startswith("network.")), "optimizer=sgd", "optimizer.lr=0.05", "steps=4"]
    games = {}
    for group, name, network in pairs:
        words, techniques = NETWORKS[network], [name] if group == "technique" else []
        if name == "virtual_batch_norm":
            if network != "mlp":  # the others have no BatchNorm to replace, or always replace it
                continue
            words = [o for o in TINY if o.startswith("network.")]
        if network in ("dcgan", "conv"):  # their G has BatchNorm
            if group == "condition":
                continue  # which virtual_batch_norm cannot carry
            techniques.append("virtual_batch_norm")
        choice = [f"{group}={name}"] if group != "technique" else ["data.labelled=30"] if name in LABELLED else []
        more = ["technique.weight_clipping.limit=0.2"] if name == "weight_clipping" else []
        more += SMALL.get(f"{group}={name}", [])
        overrides = [*base, *words, *choice, f"technique=[{','.join(techniques)}]", *more]
        games[f"{group}-{name}-{network}"] = game(overrides, keep=[4], start=3)
    return games


def largest(state: dict[str, torch.Tensor], player: str) -> float:
    return max(value.abs().max().item() for name, value in state.items() if name.startswith(player))


def apart_after_one_step(folder: Path, name: str) -> float:
    """From equal states: how far one G step in two processes ends from that of one, in units of how far it went.

    Beyond two roundings of the weights themselves: a step of 1e-4 at weights of 0.3 is known to 1e-4 of itself only.
    """
    one, two, other = (kept(folder, name, rank) for rank in ("alone", "0", "1"))
    assert all(torch.equal(one[3][k], two[3][k]) for k in one[3]), "equal states to begin with"
    assert all(torch.equal(two[4][k], other[4][k]) for k in two[4]), "both processes hold the same"
    moved = {player: farthest(one[4], one[3], player) for player in ("G.", "D.")}
    assert min(moved.values()) > 1e-5, f"{name} stands still, which shows nothing"
    rounding = {player: 2 * torch.finfo(torch.float32).eps * largest(one[4], player) for player in moved}
    return max((farthest(one[4], two[4], player) - rounding[player]) / moved[player] for player in moved)


PARTS = [("loss", name) for name in SOME] + [("technique", name) for name in (*TECHNIQUES, *LABELLED)]
PARTS += [("condition", name) for name in CONDITIONS]
STEPS = one_step(
    [(*part, "mlp" if "virtual_batch_norm" in part else "points") for part in PARTS]
    + [("loss", "nsgan", network) for network in NETWORKS]
)
LONG = [*(o for o in TINY if not o.startswith("network.")), *SMOOTH, "steps=20", "optimizer=sgd", "optimizer.lr=0.05"]
TWENTY = {
    "twenty": game(LONG, keep=[20]),
    "twenty-r1": game([*LONG, "technique=[r1]"], keep=[20]),
    "twenty-simultaneous": game([*LONG, "update=simultaneous", "d_loss_weight=0.5"], keep=[20]),
    "twenty-projection": game([*LONG, "condition=projection", "technique=[r1]"], keep=[20]),
    "twenty-k2": game([*LONG, "technique=[feature_matching]", "d_steps=2"], keep=[20]),
}


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The games of STEPS and TWENTY, in one process and in two."""
    folder = tmp_path_factory.mktemp("played")
    play_both(folder, STEPS | TWENTY)
    return folder


def test_one_step_in_two_processes_is_the_step_of_one(played):
    """With every loss and technique, and on each network. Over many steps kinks let rounding grow: tests/drift.py."""
    assert len(STEPS) == len(PARTS) + len(NETWORKS)
    apart = {name: apart_after_one_step(played, name) for name in STEPS}
    assert {name for name in STEPS if apart[name] > 1e-5} == {f"technique-{name}-points" for name in LOCAL}, apart


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_step_in_two_processes_on_every_network(tmp_path):
    parts = {*PARTS, *(("loss", name) for name in LOSSES)}
    games = one_step((*part, network) for part in sorted(parts) for network in NETWORKS)
    play_both(tmp_path, games)
    apart = {name: apart_after_one_step(tmp_path, name) for name in games}
    assert {name for name in games if apart[name] > 1e-5} == {n for n in games if n.split("-")[1] in LOCAL}, apart


@pytest.mark.parametrize("name", TWENTY)
def test_a_smooth_game_under_sgd_stays_together_for_twenty_steps(played, name):
    one, two, other = (kept(played, name, rank) for rank in ("alone", "0", "1"))
    assert all(torch.equal(two[20][k], other[20][k]) for k in two[20])
    assert min(farthest(one[20], one[0], player) for player in ("G.", "D.")) > 0.01
    assert farthest(one[20], two[20]) < 1e-5
    alone, *shares = (json.loads((played / f"{name}-{r}.json").read_text()) for r in ("alone", "0", "1"))
    assert len(shares[0]) == len(shares[1]) == len(alone) / 2 == (320 if "k2" in name else 160)
    assert sorted(shares[0] + shares[1]) == sorted(alone), "together the samples of the one"
    assert not set(shares[0][:40]) & set(shares[1][:40]), "none twice in a pass"


@pytest.mark.slow
def test_joblib_runs_the_same_sweep(tmp_path):
    words = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "loss=mmgan,nsgan", "smoothing=none,one_sided"]
    typed = [sys.executable, "-m", "gan_lightning.train", "-m", *TINY, "steps=2", *words]
    done = subprocess.run(typed, cwd=tmp_path, capture_output=True, text=True, timeout=240)  # loky needs a real one
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    found = sorted(p.parent for p in (tmp_path / "outputs/multirun").rglob("config.yaml"))
    assert len({p.parent for p in found}) == 1, text
    assert {p.name for p in found} == {
        f"loss-{loss}_smoothing-{smoothing}" for loss in ("mmgan", "nsgan") for smoothing in ("none", "one_sided")
    }
    from gan_lightning.report.sampling import sample

    for run in found:
        assert json.loads((run / "status.json").read_text())["status"] == "done"
        assert sample(run, n=2)[0].is_file()
