"""trust=<package>: a person's own classes train, sample, are evaluated and resumed; nobody else's are built."""

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch
import yaml
from conftest import TINY
from hostile import refused

import gan_lightning
from gan_lightning import compare as compare_verb
from gan_lightning import evaluate as evaluate_verb
from gan_lightning import sample as sample_verb
from gan_lightning import train as train_verb
from gan_lightning.runs.own_code import check_trust

MAINS = {"train": train_verb, "sample": sample_verb, "evaluate": evaluate_verb, "compare": compare_verb}

LOSSES = """
import os
import subprocess
from subprocess import Popen
from gan_lightning.losses.nsgan import NSGAN

open("imported", "a").close()
GLOBAL = 3


class Mine(NSGAN):
    def __init__(self, scale: float = 1.0, name: str = "mine", parts: object = None) -> None:
        super().__init__()
        self.scale, self.name, self.parts = scale, name, parts


class Part:
    def __init__(self, size: int) -> None:
        self.size = size
"""


@pytest.fixture
def own(stranger, monkeypatch):
    """A package my_package beside the run, with a loss, and a configuration directory that names it."""
    folder = stranger.parent / "my_package"
    (folder / "deep").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "deep/__init__.py").write_text("")
    (folder / "losses.py").write_text(LOSSES)
    (stranger.parent / "my_package_evil.py").write_text("open('executed', 'w').close()\nclass Mine: pass\n")
    choice = stranger.parent / "my_conf/loss/mine.yaml"
    choice.parent.mkdir(parents=True)
    choice.write_text("_target_: my_package.losses.Mine\nscale: 2.0\nname: a name/with.signs\n")
    monkeypatch.syspath_prepend(str(stranger.parent))
    importlib.invalidate_caches()
    yield stranger
    for name in [n for n in sys.modules if n.startswith("my_package")]:
        del sys.modules[name]


def loss(run, **node):
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["loss"] = node
    (run / "config.yaml").write_text(yaml.safe_dump(config))


def test_ones_own_class_is_built_when_one_says_so(own):
    loss(own, _target_="my_package.losses.Mine", scale=3.0, name="a/b c", parts={"_target_": "my_package.losses.Part",
                                                                                "size": 4})  # fmt: skip
    with pytest.raises(ValueError, match="If it is your own code, say so: trust=my_package"):
        gan_lightning.load(own)
    assert not Path("imported").exists()
    for trust in ("my_package", "my_package.losses"):
        assert gan_lightning.load(own, trust=trust).sample(2).shape == (2, 1, 8, 8)
    assert Path("imported").exists()


NODES = {
    "a neighbour's module": ({"_target_": "my_package_evil.Mine"}, "which is not among those of the installed conf"),
    "a function of a module it imports": ({"_target_": "my_package.losses.os.system", "command": "touch executed"},
                                          "is from os, which trust=my_package is not"),
    "a class that it imports": ({"_target_": "my_package.losses.Popen", "args": "touch executed"}, "from subprocess"),
    "a class of ours that it imports": ({"_target_": "my_package.losses.NSGAN"}, "is from gan_lightning.losses.nsgan"),
    "its underscores": ({"_target_": "my_package.losses.Mine.__init__"}, "not among those of the installed conf"),
    "a method of every class": ({"_target_": "my_package.losses.Mine.mro"}, "mro is from Python itself, which trust="),
    "a value": ({"_target_": "my_package.losses.GLOBAL"}, "trust=my_package is not"),
    "what is not there": ({"_target_": "my_package.losses.Absent"}, "cannot be imported"),
    "a module": ({"_target_": "my_package.losses"}, "is neither a class nor a function"),
    "an argument that it has not": ({"_target_": "my_package.losses.Mine", "path": 3}, "loss.path must be an argument"),
    "positional arguments": ({"_target_": "my_package.losses.Mine", "_args_": [3]}, "loss._args_ must be an argument"),
    "an interpolation": ({"_target_": "my_package.losses.Mine", "name": "${oc.env:SECRET}"}, "without interpolations"),
    "a foreign part": ({"_target_": "my_package.losses.Mine", "parts": {"_target_": "os.getcwd"}}, "_target_: os"),
    "one of ours as a part": ({"_target_": "my_package.losses.Mine",
                               "parts": [{"_target_": "gan_lightning.io.files.write_json"}]}, "names _target_: gan"),
}  # fmt: skip


@pytest.mark.parametrize("attack", NODES)
def test_trust_goes_no_further_than_the_package(own, attack):
    node, words = NODES[attack]
    loss(own, **node)
    importlib.import_module("my_package.losses")
    refused(own, lambda: gan_lightning.load(own, trust="my_package"), words)


@pytest.mark.parametrize("trust", ["", "my-package", "my_package.", ".my", "my package", "m\u0443_package", "my/x",
                                   "*", "class", "my_package,os", "__main__", ["my_package"], 3])  # fmt: skip
def test_a_trust_that_is_no_name(trust):
    if trust == "":
        assert check_trust(None) == ""
    with pytest.raises(ValueError, match="trust must be the dotted name of your own package"):
        check_trust(trust)


@pytest.mark.parametrize("trust", ["os", "os.path", "builtins", "subprocess", "torch", "torch.hub", "numpy", "hydra",
                                   "omegaconf", "lightning", "yaml", "gan_lightning", "gan_lightning.studies", "pip",
                                   "setuptools", "sys", "importlib"])  # fmt: skip
def test_a_trust_that_is_nobodys_own(trust):
    with pytest.raises(ValueError, match="trust must name your own package, got"):
        check_trust(trust)


@pytest.fixture
def call(monkeypatch, capsys):
    def run(verb, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{verb}.py", *arguments])
        code = 0
        try:
            MAINS[verb].main()
        except SystemExit as stop:
            code = stop.code
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def test_a_loss_of_ones_own_from_its_training_to_its_table(own, call):
    """The whole way of a person with --config-dir; without trust= each verb says what to add."""
    game = ["--config-dir=my_conf", *[o for o in TINY if not o.startswith("data")], "data=digits", "loss=mine"]
    code, text = call("train", *game, "hydra.run.dir=mine")
    assert code == 0, text
    config = yaml.safe_load(Path("mine/config.yaml").read_text())
    assert (config["loss"]["_target_"], config["loss"]["name"]) == ("my_package.losses.Mine", "a name/with.signs")
    assert config["trust"] is None
    for verb, arguments in {
        "sample": ["run=mine", "n=4"],
        "evaluate": ["run=mine", "metrics=fast"],
        "train": ["--config-dir=my_conf", "resume=mine", "steps=8"],
    }.items():
        code, text = call(verb, *arguments)
        assert code == 1
        assert "say so: trust=my_package" in text
        code, text = call(verb, *arguments, "trust=my_package")
        assert code == 0, text
    assert torch.load("mine/checkpoints/last.ckpt", weights_only=True)["counters"]["g_steps_done"] == 8
    assert yaml.safe_load(Path("mine/config.yaml").read_text())["trust"] is None
    code, text = call("train", "resume=mine", "steps=9", "trust=my_package")
    assert code == 1
    assert "loss has no choice 'mine'" in text
    assert "--config-dir" in text
    code, text = call("compare", 'runs="min?"', "out=out")
    assert code == 0
    assert "no samples of mine" in text
    assert "trust=my_package" in text
    code, text = call("compare", 'runs="min?"', "out=out", "trust=my_package")
    assert "no samples" not in text


def test_a_recorded_trust_is_nobodys_word(own, call):
    record = json.loads((own / "record.json").read_text())
    record["overrides"] += ["trust=my_package", "loss._target_=my_package.losses.Mine"]
    (own / "record.json").write_text(json.dumps(record))
    code, text = call("train", "resume=run", "steps=9")
    assert code == 1
    assert "which is no part of a game" in text
    assert not Path("imported").exists()
