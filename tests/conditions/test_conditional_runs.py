"""Runs with a condition: gone on with, loaded, and held against conf/ where they come from a stranger."""

import re
import shutil

import pytest
import torch
import yaml
from conditional import CONDITIONS, cfg_of
from conftest import TINY
from stopping import checkpoint, lines, same, straight_and_stopped

import gan_lightning
from gan_lightning.config.compose import compose
from gan_lightning.data.arrays import Arrays
from gan_lightning.data.synthetic import Synthetic
from gan_lightning.training.setup import train

WORDS = ["condition=projection", "technique=[ema,r1,spectral_norm]"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of ten classes; copy it before you change it."""
    folder = tmp_path_factory.mktemp("conditional") / "run"
    folder.mkdir()
    train(compose("train", [*TINY, *WORDS]), folder, [*TINY, *WORDS])
    return folder


@pytest.fixture
def own(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


def rewrite(run, **condition):
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["condition"] = condition
    (run / "config.yaml").write_text(yaml.safe_dump(config))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_going_on_is_bit_equal_to_never_having_been_stopped(condition, tmp_path):
    cfg = cfg_of(f"condition={condition}", *WORDS[1:], "steps=8", "d_steps=2", "log_every=1")
    runs = straight_and_stopped(tmp_path, cfg, 7)
    one, other = (checkpoint(run) for run in runs)
    assert one["counters"]["g_steps_done"] == 8
    assert same(one["state_dict"], other["state_dict"])
    assert same(one["optimizer_states"], other["optimizer_states"])
    assert lines(runs[0]) == lines(runs[1])


def test_the_counts_of_the_classes_travel_with_each_generator(run):
    state = checkpoint(run)["state_dict"]
    expected = torch.bincount(torch.arange(96) % 10)  # the labels of data=synthetic
    for name in ("G.class_counts", "techniques.ema.average.class_counts"):
        assert torch.equal(state[name], expected)


@pytest.mark.parametrize("generator", ["G", "ema"])
def test_loaded_it_draws_of_all_classes_by_their_frequency(run, generator):
    G = gan_lightning.load(run, generator)
    assert G.sample(5, seed=1).shape == (5, 1, 8, 8)
    y = G.labels(2000, seed=1)
    assert torch.equal(G.sample(2000, seed=1), G.sample(2000, seed=1, y=y))
    assert torch.bincount(y).tolist() == pytest.approx([200] * 10, abs=60)


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"_target_": "os.system", "command": "touch executed"}, "names _target_: os.system, which is not among those"),
        ({"_target_": "gan_lightning.techniques.ema.EMA"}, "names _target_: gan_lightning.techniques.ema.EMA,"),
        ({"_target_": "gan_lightning.conditions.concat.Concat", "class_counts": [1, 1]}, "condition.class_counts must"),
        ({"_target_": "gan_lightning.conditions.concat.Concat", "width": 3}, "condition.width must be an argument of"),
        ({"_target_": "gan_lightning.conditions.projection.Projection", "width": 0}, "condition.width must be a whole"),
        ({"_target_": "gan_lightning.conditions.projection.Projection", "width": 10**9}, "does not fit the network"),
        ({"_target_": "gan_lightning.conditions.concat.Concat"}, "does not fit the network of its run"),
        ({}, "does not fit the network of its run"),
        ({"width": 3}, "condition.width must be a key of the installed conf/"),
    ],
)  # fmt: skip
def test_a_strangers_condition_is_held_against_conf(own, condition, told, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    rewrite(own, **condition)
    with pytest.raises(ValueError, match=re.escape(told)):
        gan_lightning.load(own)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("counts", [[], [[1, 2]], [0.5, 0.5], [-1, 3], [3] + [0] * 9])
def test_counts_of_a_checkpoint_that_are_none_are_refused(own, counts):
    path = own / "checkpoints" / "last.ckpt"
    saved = torch.load(path, weights_only=True)
    saved["state_dict"]["G.class_counts"] = torch.tensor(counts)
    torch.save(saved, path)
    with pytest.raises(ValueError, match="condition=projection needs training data with labels of two classes or more"):
        gan_lightning.load(own)


class Odd(Synthetic):
    labels = torch.zeros(96, dtype=torch.int64)

    def _make(self, seed):
        return Arrays(super()._make(seed).images, self.labels)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (torch.zeros(96, dtype=torch.int64), "needs training data with labels of two classes or more, got 1. Use data"),
        (torch.full((96,), -1), "must number its classes from 0 for a game with a condition, got labels from -1 to -1"),
        (torch.linspace(0, 3, 96), "got labels from 0.0 to 3.0 for 96 samples. Number them, or use condition=none"),
        (torch.arange(96) * 10**9, "got labels from 0 to 95000000000 for 96 samples"),
    ],
)
def test_data_without_classes_are_refused_before_anything_is_written(labels, told, tmp_path, monkeypatch):
    monkeypatch.setattr(Odd, "labels", labels)
    cfg = compose("train", [*TINY, "condition=projection"])
    cfg.data._target_ = f"{__name__}.Odd"
    with pytest.raises(ValueError, match=re.escape(told)):
        train(cfg, tmp_path)
    assert [p.name for p in tmp_path.iterdir() if p.name != ".lock"] == []
    cfg.condition = {}
    train(cfg, tmp_path)
