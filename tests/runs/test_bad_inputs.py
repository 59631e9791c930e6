"""Files from strangers and files that broke: one sentence with a remedy, nothing executed, nothing lost.

With the mistakes of test_cli.py more than forty; five of them through the shell.
"""

import gzip
import io
import json
import os
import pickle
import shutil
import struct
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from commands import done
from commands import run as typed
from conftest import TINY
from omegaconf import OmegaConf
from PIL import Image

from gan_lightning import compare as compare_verb
from gan_lightning import evaluate as evaluate_verb
from gan_lightning import sample as sample_verb
from gan_lightning import train as train_verb
from gan_lightning.data.mnist import MNIST
from gan_lightning.training.setup import train

ROOT = Path(__file__).parent.parent.parent
MAINS = {"train": train_verb, "sample": sample_verb, "evaluate": evaluate_verb, "compare": compare_verb}


class Touch:
    """Unpickling it creates the file ``executed``."""

    def __reduce__(self):
        return (os.system, ("touch executed",))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    done(folder.parent, *TINY, "technique=[ema]", f"hydra.run.dir={folder}")
    return folder


@pytest.fixture
def run(finished, tmp_path, monkeypatch):
    """A copy that may be broken, and its folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def call(monkeypatch, capsys):
    def run(verb: str, *args: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", [f"{verb}.py", *args])
        try:
            MAINS[verb].main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else bool(stop.code)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(call, run: Path, words: str, *command: str) -> None:
    before = snapshot(run)
    code, text = call(*command)
    assert code == 1, text
    assert words in text
    assert "Traceback" not in text
    assert text.count("error: ") == 1, text
    assert not Path("executed").exists()
    after = {name: data for name, data in snapshot(run).items() if not name.endswith("train.log")}
    assert after == {name: data for name, data in before.items() if not name.endswith("train.log")}, "nothing lost"


# Checkpoints ------------------------------------------------------------------------------------------------


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.pkl", content)
    return file.getvalue()


def saved(value) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


CHECKPOINTS = {
    "empty": lambda whole: b"",
    "one byte": lambda whole: b"P",
    "first half": lambda whole: whole[: len(whole) // 2],
    "without its end": lambda whole: whole[:-30],
    "a bit flipped": lambda whole: whole[:3000] + bytes([whole[3000] ^ 4]) + whole[3001:],
    "noise": lambda whole: bytes(range(256)) * 20,
    "text": lambda whole: b"not a checkpoint\n",
    "zip of something": lambda whole: zipped(b"hello"),
    "pickle that runs": lambda whole: pickle.dumps(Touch()),
    "pickle that runs, in a zip": lambda whole: zipped(pickle.dumps(Touch())),
    "torch.save of what runs": lambda whole: saved({"state_dict": Touch()}),
    "a list": lambda whole: saved([1, 2, 3]),
    "weights alone": lambda whole: saved({"state_dict": {"a": torch.zeros(2)}}),
}


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_a_checkpoint_that_is_none(call, run, kind):
    shutil.rmtree(run / "checkpoints" / "none", ignore_errors=True)
    for path in (run / "checkpoints").glob("*.ckpt"):
        path.write_bytes(CHECKPOINTS[kind](path.read_bytes()))
    words = "is not a checkpoint of gan_lightning" if kind in ("a list", "weights alone") else "cannot be read"
    refused(call, run, words, "sample", "run=run")
    refused(call, run, "no checkpoint in", "train", "resume=run", "steps=9")


def test_a_checkpoint_of_another_network(call, run):
    own = torch.load(run / "checkpoints/last.ckpt", weights_only=True)
    own["state_dict"] = {
        k: torch.zeros(3, 3) if k.startswith("G.layers.0") else v for k, v in own["state_dict"].items()
    }
    torch.save(own, run / "checkpoints/last.ckpt")
    refused(call, run, "does not fit the network of its run", "sample", "run=run")


# Configurations ---------------------------------------------------------------------------------------------

EVIL = ["os.system", "torch.load", "torch.ops.load_library", "torch.utils.cpp_extension.load_inline", "builtins.exec",
        "subprocess.Popen", "pickle.loads", "importlib.import_module", "gan_lightning.io.files.write_json"]  # fmt: skip


@pytest.mark.parametrize("target", EVIL)
@pytest.mark.parametrize("place", ["network.G", "technique.evil", "prior"])
def test_a_configuration_that_would_run_code(call, run, target, place):
    cfg = OmegaConf.load(run / "config.yaml")
    OmegaConf.update(cfg, place, {"_target_": target, "_args_": ["touch executed"]}, force_add=True)
    OmegaConf.save(cfg, run / "config.yaml")
    refused(call, run, f"names _target_: {target}", "sample", "run=run")


@pytest.mark.parametrize(
    "text",
    ["", "- a\n- b\n", "network: [unclosed", "network: 3\n", "a: ${b}\nb: ${a}\n", "\x00\x01\x02"],
    ids=["empty", "a list", "torn", "without its groups", "a circle", "binary"],
)
def test_a_configuration_that_is_none(call, run, text):
    (run / "config.yaml").write_text(text)
    refused(call, run, "config.yaml is not the configuration of a run: ", "sample", "run=run")
    (run / "config.yaml").unlink()
    assert call("sample", "run=run/checkpoints/last.ckpt", "out=drawn")[0] == 0, "as the message says"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (
            ["+callbacks.evil._target_=os.system", "+callbacks.evil.command='touch executed'"],
            "says +callbacks.evil._target_=os.system, which is no part of a game",
        ),
        (["hydra.searchpath=[file:///tmp]"], "which is no part of a game"),
        (["+hydra.callbacks.evil._target_=os.system"], "which is no part of a game"),
        (["--config-dir=/tmp"], "does not tell how the run was begun"),
        ("os.system", "does not tell how the run was begun"),
        (None, "does not tell how the run was begun"),
    ],
    ids=["a target", "a search path", "Hydra's own", "an option", "a word", "nothing"],
)
def test_a_record_that_would_run_code_when_resumed(call, run, overrides, words):
    record = json.loads((run / "record.json").read_text())
    own = record["overrides"] if isinstance(overrides, list) else []
    own = [o for o in own if not o.startswith("hydra")]
    record["overrides"] = [*own, *overrides] if isinstance(overrides, list) else overrides
    (run / "record.json").write_text(json.dumps(record))
    refused(call, run, words, "train", "resume=run", "steps=9")


def test_a_torn_record(call, run):
    (run / "record.json").write_text('{"overrides": ["steps=')
    refused(call, run, "does not tell how the run was begun", "train", "resume=run", "steps=9")


def test_a_sweep_that_would_run_code_when_continued(call, run):
    sweep = run.parent / "sweep"
    sweep.mkdir()
    task = {"task": ["seed=0,1"], "hydra": ["hydra.callbacks.evil._target_=os.system"]}
    OmegaConf.save({"hydra": {"overrides": task, "sweeper": {"params": None}}}, sweep / "multirun.yaml")
    refused(call, run, "which is not how this project starts jobs", "train", "-m", f"continue={sweep}")


def test_a_technique_whose_name_is_a_path(call, run):
    cfg = OmegaConf.load(run / "config.yaml")
    cfg.technique["../../evil"] = {"_target_": "gan_lightning.techniques.ema.EMA"}
    OmegaConf.save(cfg, run / "config.yaml")
    refused(call, run, "technique.../../evil must be a key of the installed conf/", "sample", "run=run")


# Data -------------------------------------------------------------------------------------------------------


def idx(images: int, content: bytes) -> bytes:
    return struct.pack(">IIII", 0x803, images & 0xFFFFFFFF, 28, 28) + content


@pytest.mark.parametrize(
    "content",
    [b"", idx(2**40 - 1, b"\x00" * 100), idx(60_000, b"\x00" * 100), b"<html>403</html>", gzip.compress(b"0" * 100)],
    ids=["empty", "2^40 images", "cut off", "a web page", "packed"],
)
def test_idx_files_that_are_none(call, run, monkeypatch, content):
    raw = run.parent / "data/MNIST/raw"
    raw.mkdir(parents=True)
    monkeypatch.setattr(MNIST, "mirrors", ("http://127.0.0.1:9/",))
    for file in MNIST("data").files():
        (raw / file.name).write_bytes(content)
    command = ["train", "data=mnist", "data.root=data", "steps=2", "hydra.run.dir=other", "trainer=cpu"]
    refused(call, run, "data=mnist needs its files in data/MNIST/raw", *command)


def test_pictures_that_are_none(call, run):
    (run.parent / "pictures/a").mkdir(parents=True)
    Image.new("L", (8, 8)).save(run.parent / "pictures/a/0.png")
    (run.parent / "pictures/a/1.png").write_bytes(b"not a picture")
    other = [o for o in TINY if not o.startswith("data")]
    refused(call, run, "1.png", "train", *other, "data=image_folder", "data.root=pictures", "batch_size=2",
            "hydra.run.dir=other")  # fmt: skip


def test_data_that_go_away_while_a_run_plays_are_not_missed(call, run):
    """They are in memory from the start."""
    (run.parent / "pictures/a").mkdir(parents=True)
    for i in range(4):
        Image.new("L", (8, 8), i).save(run.parent / f"pictures/a/{i}.png")
    from lightning.pytorch import Callback

    from gan_lightning.config.compose import compose

    class Delete(Callback):
        def on_train_start(self, trainer, module):
            shutil.rmtree(run.parent / "pictures")

    other = [o for o in TINY if not o.startswith("data")]
    cfg = compose("train", [*other, "data=image_folder", "data.root=pictures", "data.size=8", "batch_size=2"])
    (run.parent / "other").mkdir()
    train(cfg, run.parent / "other", extra_callbacks=[Delete()])
    assert json.loads((run.parent / "other/status.json").read_text())["status"] == "done"
    assert not (run.parent / "pictures").exists()


# Through the shell ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "arguments", "words"),
    [
        ("train", ["loss=nsgna"], "Did you mean loss=nsgan"),
        ("train", ["resume=nowhere"], "resume=nowhere does not exist"),
        ("sample", ["run=file"], "cannot be read: it is truncated, damaged or not a checkpoint"),
        ("evaluate", ["run=."], "is not a run directory"),
        ("compare", ["runs=."], "is not a multirun directory"),
    ],
)
def test_as_a_command(tmp_path, verb, arguments, words):
    (tmp_path / "file").write_bytes(b"what is this")
    code, text = typed(tmp_path, *arguments, module=f"gan_lightning.{verb}")
    assert code == 1
    assert words in text
    assert "Traceback" not in text
    assert text.count("error: ") == 1
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["file"]
