"""What evaluate does with the generators of a run, with stubs in place of networks and metrics."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from gan_lightning.io.written import Written
from gan_lightning.report import measuring
from gan_lightning.report.measuring import (
    Candidate,
    candidates,
    check_same_shape,
    checkpoint_table,
    evaluate_run,
    evaluate_runs,
    expand,
    sheet,
)
from gan_lightning.report.pictures import framed, grid
from gan_lightning.runs.measurements import weights_of

TRAIN = torch.linspace(-1, 1, 5).view(5, 1, 1, 1).expand(5, 1, 2, 2)


def a_generator(value: float, g_steps: int = 6) -> SimpleNamespace:
    """It draws grey images of one value, a little more with each seed."""
    G = nn.Linear(1, 1)
    nn.init.constant_(G.weight, value), nn.init.zeros_(G.bias)
    drawn: list[tuple[int, int]] = []

    def sample(n: int, seed: int, y: None) -> torch.Tensor:
        drawn.append((n, seed))
        return torch.full((n, 1, 2, 2), value)

    path = Path("run/last.ckpt")
    nothing = {"classes": 0, "D": None, "classifiers": {}}
    return SimpleNamespace(
        G=G, g_steps=g_steps, sample=sample, labels=lambda n, seed: None, drawn=drawn, path=path, **nothing
    )


class Yardstick:
    """One metric, the mean of the samples."""

    def __init__(self) -> None:
        self.n, self.train, self.told = 3, TRAIN, []
        self.metrics = [SimpleNamespace(name="mean"), SimpleNamespace(name="of labels")]
        self.protocol = {"dataset": "d", "split": "test", "n_fake": 3, "n_real": 3, "judge_sha256": "j"}

    def suited(self, known, whose):
        assert (known.labels, known.labelled, whose) == (None, None, Path("run/last.ckpt"))
        return self.metrics[:1]

    def floors_of(self, metrics):
        assert metrics == self.metrics[:1]
        return {"mean": {"mean": 0.25}}

    def settings(self, metric):
        return {"metric": metric.name, "parameters": {}}

    def measure(self, samples, known, metrics, doing, bar):
        assert bar is not None
        assert metrics == self.metrics[:1]
        self.told.append(doing)
        return {"mean": {"mean": samples.double().mean().item()}}


class Told:
    def __init__(self) -> None:
        self.words: list[str] = []

    def set_postfix_str(self, words: str) -> None:
        self.words.append(words)


def test_each_set_of_weights_is_drawn_and_measured_once(tmp_path, monkeypatch, caplog):
    one, same, other = a_generator(1.0), a_generator(1.0), a_generator(-0.5, g_steps=4)
    found = {
        "last": Candidate("last checkpoint", "G", one),
        "best": Candidate("checkpoint chosen on validation images", "G", same),
        "last-ema": Candidate("last checkpoint", "ema", other),
    }
    pictures = {}
    monkeypatch.setattr(measuring, "save_picture", lambda picture, path: pictures.update({path: picture}))
    yardstick, bar, written = Yardstick(), Told(), Written()
    with caplog.at_level("INFO"):
        now = evaluate_run(tmp_path, found, yardstick, 7, bar, written)
    weights, averaged = weights_of(one.G), weights_of(other.G)
    assert (one.drawn, same.drawn, other.drawn) == ([(3, 7)], [], [(3, 7)])
    assert yardstick.told == [f"{tmp_path}, last", f"{tmp_path}, last-ema"]
    assert bar.words == [
        f"{tmp_path}, samples of last",
        f"{tmp_path}, samples of last-ema",
        f"{tmp_path}, real images",
        f"{tmp_path}, pictures",
    ]
    as_pixel = 2 * round(0.25 * 255) / 255 - 1  # -0.5 as one of 256 levels
    assert now == {
        "checkpoints": {
            "last": {"what": "last checkpoint", "generator": "G", "g_steps": 6, "weights": weights},
            "best": {"what": "checkpoint chosen on validation images", "generator": "G", "g_steps": 6,
                     "weights": weights},
            "last-ema": {"what": "last checkpoint, G's average ema", "generator": "ema", "g_steps": 4,
                         "weights": averaged},
        },
        "measured": [
            {
                "metric": "mean",
                "parameters": {},
                "protocol": {**yardstick.protocol, "seed": 7},
                "floor": {"mean": 0.25},
                "values": {weights: {"mean": 1.0}, averaged: {"mean": pytest.approx(as_pixel)}},
            }
        ],
    }  # fmt: skip
    assert json.loads((tmp_path / "metrics.json").read_text()) == now
    assert set(pictures) == {tmp_path / f"evaluation-{name}.png" for name in found}
    words = f"{tmp_path.name}, checkpoint chosen on validation images, 6 G steps, seed 7."
    both = "Left: samples. Right: the training image nearest to each."
    expected = framed(sheet(torch.ones(3, 1, 2, 2), TRAIN), f"{words} {both}")
    assert torch.equal(pictures[tmp_path / "evaluation-best.png"], expected)
    assert str(written) == str(tmp_path / "metrics.json")
    assert caplog.messages == [f"{tmp_path}\n{checkpoint_table(now)}"]
    again = evaluate_run(tmp_path, {"0004": Candidate("c", "G", other)}, yardstick, 8, Told(), written)
    kept = json.loads((tmp_path / "metrics.json").read_text())
    assert set(again["checkpoints"]) == {"0004"}
    assert set(kept["checkpoints"]) == {"last", "best", "last-ema", "0004"}
    assert len(kept["measured"]) == 2


def test_samples_that_are_not_finite_are_not_measured(tmp_path):
    found = {"last": Candidate("last checkpoint", "G", a_generator(float("nan")))}
    with pytest.raises(ValueError) as refused:
        evaluate_run(tmp_path, found, Yardstick(), 0, Told(), Written())
    assert str(refused.value) == "the samples of run/last.ckpt are not finite: G has diverged. Train again."
    assert not list(tmp_path.iterdir())


def test_a_sheet_shows_36_samples_beside_the_nearest_training_images():
    samples = torch.linspace(1, -1, 40).view(40, 1, 1, 1).expand(40, 1, 2, 2)
    nearest = TRAIN[(2 * samples[:36, 0, 0, 0] + 2).round().long()]
    assert torch.equal(sheet(samples, TRAIN), torch.cat([grid(samples[:36]), grid(nearest)], dim=2))
    assert torch.equal(sheet(samples, TRAIN, n=4), torch.cat([grid(samples[:4]), grid(nearest[:4])], dim=2))
    points, train = torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, -2.0], [0.0, 0.0]])
    expected = torch.cat([grid(points, 2.6), grid(train[:1], 2.6)], dim=2)
    assert torch.equal(sheet(points, train), expected)


def test_the_generators_of_a_run_and_of_a_checkpoint(tmp_path, monkeypatch):
    run = tmp_path / "run"
    folder = run / "checkpoints"
    folder.mkdir(parents=True)
    for name in ("last", "best", "best-ema", "0005000"):
        (folder / f"{name}.ckpt").write_bytes(b"")
    for name in ("config.yaml", "status.json"):
        (run / name).write_text("{}")
    loaded = []

    def load(file, generator="G", trust=None):
        loaded.append((file.name, generator, trust))
        return SimpleNamespace(name=(file.name, generator), others=["ema"])

    monkeypatch.setattr(measuring, "load", load)
    chosen, average = "checkpoint chosen on validation images", ", G's average ema"
    directory, found = candidates(str(run), "mine")
    assert directory == run
    assert [(name, c.what, c.generator, c.G.name) for name, c in found.items()] == [
        ("last", "last checkpoint", "G", ("last.ckpt", "G")),
        ("last-ema", "last checkpoint" + average, "ema", ("last.ckpt", "ema")),
        ("best", chosen, "G", ("best.ckpt", "G")),
        ("best-ema", chosen + average, "ema", ("best-ema.ckpt", "ema")),
    ]
    assert {trust for *_, trust in loaded} == {"mine"}
    for name, what in (("best", [chosen]), ("last", ["last checkpoint", "last checkpoint" + average]),
                       ("0005000", ["checkpoint 0005000.ckpt", "checkpoint 0005000.ckpt" + average])):  # fmt: skip
        directory, found = candidates(str(folder / f"{name}.ckpt"))
        assert (directory, [c.what for c in found.values()]) == (run, what)
    for name in ("best", "last"):  # in a folder of something else, chosen by nobody
        (tmp_path / f"{name}.ckpt").write_bytes(b"")
        _, found = candidates(str(tmp_path / f"{name}.ckpt"))
        assert found[name].what == f"checkpoint {name}.ckpt"
    assert {trust for *_, trust in loaded[4:]} == {None}


def config(**more):
    return OmegaConf.create(
        {"run": "a", "metrics": {}, "trust": None, "generator": None, "root": None, "n": 3, "seed": 7, **more}
    )


measured: list[list[str]] = []  # names of the checkpoints that each run was measured with
bars: list[tuple] = []  # what the bar of evaluate was told: its words, its unit, how many runs


@pytest.fixture
def stubbed(monkeypatch):
    """evaluate without files: runs a, b and c, of which b has other data; what it asked for."""
    asked: list[tuple] = []
    bars.clear(), measured.clear()
    data = {"a": {"_target_": "x", "root": "at a"}, "b": {"_target_": "y"}, "c": {"_target_": "x", "root": "at a"}}

    def found(run, trust):
        asked.append(("candidates", run, trust))
        G = SimpleNamespace(config=OmegaConf.create({"data": data[run]}), shape=[2], path=Path(f"{run}.ckpt"))
        return Path(run), {
            "last": SimpleNamespace(G=G, generator="G"),
            "last-ema": SimpleNamespace(G=G, generator="ema"),
        }

    def make(node):
        asked.append(("make", node.get("root")))
        return SimpleNamespace(shape=(2,), name=f"data of {node._target_}")

    original = measuring.Bar.reset
    monkeypatch.setattr(
        measuring.Bar, "reset", lambda self, total: (bars.append((self.what, self.unit, total)), original(self, total))
    )
    monkeypatch.setattr(measuring, "candidates", found)
    monkeypatch.setattr(measuring, "build_source", make)
    monkeypatch.setattr(measuring, "readable_root", lambda data: f"read {data.root}")
    monkeypatch.setattr(measuring, "expand", lambda run: run.split("+"))
    monkeypatch.setattr(measuring, "build_metrics", lambda metrics: ["metrics", metrics])
    monkeypatch.setattr(
        measuring, "Yardstick", lambda source, metrics, n: (source.name, metrics, n, asked.append(("yardstick",)))
    )
    monkeypatch.setattr(
        measuring,
        "evaluate_run",
        lambda *a: (asked.append(("run", a[0], a[2][:3], a[3])), measured.append([*a[1]]), a[0])[2],
    )
    return asked


def test_runs_of_the_same_data_share_a_yardstick(stubbed, caplog):
    with caplog.at_level("INFO"):
        results = evaluate_runs(config(run="a+b+c", trust="mine"))
    assert results == {Path(run): Path(run) for run in "abc"}
    metrics = ["metrics", {}]
    x, y = ("data of x", metrics, 3), ("data of y", metrics, 3)
    assert stubbed == [
        ("candidates", "a", "mine"), ("make", "read at a"), ("yardstick",), ("run", Path("a"), x, 7),
        ("candidates", "b", "mine"), ("make", None), ("yardstick",), ("run", Path("b"), y, 7),
        ("candidates", "c", "mine"), ("make", "read at a"), ("run", Path("c"), x, 7),
    ]  # fmt: skip
    assert caplog.messages == ["wrote "]
    evaluate_runs(config(run="a+b"))
    evaluate_runs(config(run="a"))
    assert bars == [("evaluating", "run", 3), ("evaluating", "run", 2), ("evaluating", "run", None)]


def test_one_generator_alone(stubbed):
    for generator in (None, "G", "ema"):
        evaluate_runs(config(generator=generator))
    assert measured == [["last", "last-ema"], ["last"], ["last-ema"]]
    with pytest.raises(ValueError) as refused:
        evaluate_runs(config(generator="emma"))
    assert str(refused.value) == (
        "generator must be one that a has (G, ema), got emma. Write generator=null for all of them."
    )
    assert len(measured) == 3


def test_a_root_of_ones_own_goes_to_data_that_read_files(stubbed):
    evaluate_runs(config(root="here"))
    assert stubbed[1] == ("make", "here")
    with pytest.raises(ValueError) as refused:
        evaluate_runs(config(run="b", root="here"))
    assert str(refused.value) == "root=here is of no use to data=data of y, which reads no files. Leave it out."


def test_whole_sentences(monkeypatch, tmp_path):
    G = SimpleNamespace(shape=[1, 2, 2], path="a.ckpt")
    check_same_shape(G, SimpleNamespace(shape=(1, 2, 2), name="d"))
    with pytest.raises(ValueError) as refused:
        check_same_shape(G, SimpleNamespace(shape=(2,), name="d"))
    assert str(refused.value) == (
        "the checkpoint a.ckpt is of shape [1, 2, 2], and the data of its run, d, of [2]: they do not belong together. "
        "Give the checkpoint of this run."
    )
    with pytest.raises(ValueError) as refused:
        expand(f"{tmp_path}/*")
    assert str(refused.value) == (f"run={tmp_path}/* matches no run directory. Quote the glob, and check it with ls.")
    assert expand("outputs/run") == ["outputs/run"]
    for name in ("config.yaml", "status.json"):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / name).write_text("{}")
    assert expand(f"{tmp_path}/*") == [f"{tmp_path}/a"]
