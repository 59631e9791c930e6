"""What a person types wrongly for the verbs beside ``train``, and for runs that are there: told before any work."""

import importlib
import os
import re
import sys

import pytest
import torch
from conftest import TINY
from omegaconf import OmegaConf

from gan_lightning.config.checks import check_added_keys, check_device, check_memory
from gan_lightning.config.compose import compose
from gan_lightning.config.launch import choose_ddp
from gan_lightning.config.verb import leave_nothing
from gan_lightning.core.seats import Seats, Technique
from gan_lightning.runs.start import Start
from gan_lightning.runs.sweep import directory_of
from gan_lightning.training.setup import train


def tree(folder) -> dict[str, int]:
    """Path -> size of every file but the logs."""
    return {str(p): p.stat().st_size for p in folder.rglob("*") if p.is_file() and p.suffix != ".log"}


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """``refused("sample run=x n=0")`` where nothing may change; returns what was said."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")

    def run(line: str) -> str:
        verb, *typed = line.split(" ")
        name = f"{verb}.__main__" if verb in ("theory", "runs") else verb
        monkeypatch.setattr(sys, "argv", [f"{verb}.py", *typed])
        before = tree(tmp_path)
        with pytest.raises(SystemExit) as stop:
            importlib.import_module(f"gan_lightning.{name}").main()
        captured = capsys.readouterr()
        text = captured.out + captured.err
        assert stop.value.code == 1, text
        assert "Traceback" not in text
        assert text.count("error: ") == 1, text
        assert tree(tmp_path) == before, "nothing is written"
        return text

    return run


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    run = tmp_path_factory.mktemp("digits") / "run"
    run.mkdir()
    game = [o for o in TINY if not o.startswith("data")]
    train(compose("train", [*game, "data=digits", "steps=2"]), run, [*game, "data=digits", "steps=2"])
    return run


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sample n=null", "n must be a whole number, got None. Write for example n=64"),
        ("sample samples=10", "there is no key 'samples'. Write n=10."),
        ("sample checkpoint=best", "there is no key 'checkpoint'. Write run=<run directory or checkpoint>."),
        ("evaluate metrics=fid", "FID itself is in metrics=inception"),
        ("sample +grid=8", r"\+grid=8 adds a key that nothing reads"),
        ("compare runs=file", "file is not a multirun directory"),
        ("compare run=sweep", "there is no key 'run'. Write runs=sweep."),
        ("compare n=null", "n must be a whole number, got None"),
        (
            "judge data=digits batch_size=100000",
            "batch_size must not exceed the 1500 images of data=digits, got 100000",
        ),
        ("judge data=digits out=no/judge.pt", "out=no/judge.pt cannot be written: no is no folder.*Name another file"),
        ("judge data=digits out=.", "out=. cannot be written: it is a folder"),
        ("judge data=digits shift=28", "shift must be below the side of the images, 28 pixels, got 28"),
        ("judge data=ring8", r"needs images, got data=ring8, whose points need no judge.*metrics=points"),
        ("judge data=digits data.size=30", r"multiple of 4, got data=digits of shape \(1, 30, 30\). Set data.size=28"),
        ("study seed=1", "study= must name a study. Choose one.*dirac +The Dirac-GAN under each loss"),
        ("study study=dirac study.steps=0", "study.steps must be a whole number, 1 or more, got 0"),
        ("study study=dirac study.lr=abc", "study.lr must be a number above 0, got 'abc'"),
        ("study study=dirac steps=10", "there is no key 'steps'. Did you mean study.steps?"),
        ("study study=dirac study.sigmas=1", r"study \(with study=dirac\) has steps, lr, gamma, weight, sigma, seed"),
        ("study study=dirac study.h=1", "there is no key 'study.h'. Write study.lr=1."),
        ("study study=saturation study.g_steps=1", "Write study.steps=1."),
        ("study study=dirac out=file", "out=file cannot be written: File exists"),
        ("study study=mode_coverage study.seeds=3", "study.seeds must be a list"),
        ("runs", "there is no run below outputs/. Train one"),
        ("runs runs=file", "there is no run in runs=file. Train one.*name a folder or a glob in quotes with runs="),
        ("runs runs=a,b", "no run in runs=a,b.*Several runs are a glob in quotes"),
        ("runs n=0", "n must be a whole number, 1 or more, got 0"),
        ("theory out=no/theory.md", "out=no/theory.md cannot be written"),
        ("bench rounds=0", "rounds must be a whole number, 1 or more, got 0"),
        (
            "bench steps=110",
            "steps must be a multiple of slice.*Got steps=110, slice=25 and often=100. Write steps=200",
        ),
        ("bench recipe_steps=510", "recipe_steps must be a multiple of slice.*Got .*=510.*Write recipe_steps=500"),
        ("bench often=60", "often must be a multiple of slice.*got often=60 and slice=25. Write often=50"),
        ("bench techniques=maybe", "techniques must be true or false, got 'maybe'"),
    ],
)
def test_a_mistake_is_told_before_any_work(refused, line, words):
    assert re.search(words, refused(line), re.DOTALL)


def test_an_arm_of_a_study_may_be_taken_out_and_nothing_else_of_it(refused):
    """docs/studies/mode_coverage.md types ~study.arms.nsgan, which was refused as a key without which nothing runs."""
    assert "needs an arm" in refused("study study=mode_coverage ~study.arms.nsgan ~study.arms.recipe")
    assert "got study.steps, without which nothing runs" in refused("study study=mode_coverage ~study.steps")


def test_samples_that_no_memory_holds(refused, digits):
    text = refused(f"sample run={digits} n=1000000000000")
    assert "n=1000000000000 samples must fit into the memory of this machine" in text
    assert "would take 6,292,000 GB" in text, "5 numbers of z, 784 pixels twice, 4 bytes each, 10^12 times"


def test_memory_is_that_of_the_machine():
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    check_memory("all of it", memory, "")
    with pytest.raises(ValueError, match="a byte more must fit into the memory of this machine"):
        check_memory("a byte more", memory + 1, "")


def test_metrics_of_points_for_images(refused, digits):
    text = refused(f"evaluate run={digits} metrics=points")
    assert "metrics=points counts the modes of a mixture, and data=digits has none. Use metrics=default" in text


def test_a_run_where_a_sweep_is_meant(digits):
    with pytest.raises(ValueError, match=r"is a run, not a multirun directory.*one run by resume=.*runs='<folder>/\*'"):
        directory_of(str(digits))


def test_a_finished_run_has_nothing_to_resume(digits):
    before = tree(digits)
    cfg = OmegaConf.load(digits / "config.yaml")
    with pytest.raises(ValueError, match=r"steps must exceed the 2 G steps.*got 2: nothing is left.*resume=.* steps=4"):
        train(cfg, digits, start=Start(digits / "checkpoints/last.ckpt"))  # type: ignore[arg-type]
    assert tree(digits) == before


# Techniques of one's own -------------------------------------------------------------------------------------


class TakesTooLittle(Technique):
    def d_term(self, play):
        return 0.0


class TakesTooMuch(Technique):
    def after_update(self, G, D, player, step):
        pass


class IsNoMethod(Technique):
    def view(self, x, progress, rng):
        return x

    view_shape = (1, 2, 3)


@pytest.mark.parametrize(
    ("technique", "words"),
    [
        (
            TakesTooLittle,
            r"technique 'mine' must have a method d_term\(play, rng\).*another signature in TakesTooLittle",
        ),
        (TakesTooMuch, r"Write def after_update\(self, G, D, player\)"),
        (IsNoMethod, r"technique 'mine' must have a method view_shape\(shape\)"),
    ],
)
def test_a_technique_with_another_signature_is_named(technique, words):
    with pytest.raises(ValueError, match=words):
        Seats({"mine": technique()})


# Several processes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trainer", ["auto", "cpu", "gpu"])
def test_two_devices_mean_ddp(trainer):
    """Otherwise Lightning starts the whole command once more, which finds its run directory taken."""
    cfg, ddp = (compose("train", [f"trainer={t}", "devices=2"]) for t in (trainer, "ddp"))
    choose_ddp(cfg)
    assert cfg.trainer.strategy == ddp.trainer.strategy == "ddp_spawn_find_unused_parameters_true"
    assert cfg.trainer.plugins == ddp.trainer.plugins
    assert cfg.trainer.accelerator == {"auto": "auto", "cpu": "cpu", "gpu": "gpu"}[trainer]


def test_one_device_is_as_it_was():
    cfg = compose("train", ["trainer=cpu"])
    choose_ddp(cfg)
    assert cfg == compose("train", ["trainer=cpu"])


def test_more_devices_than_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for trainer in ("auto", "gpu"):
        with pytest.raises(ValueError, match=r"must not exceed the 1 GPU\(s\).*got 2. Write devices=1, or trainer=cpu"):
            check_device(compose("train", [f"trainer={trainer}", "devices=2"]))
    check_device(compose("train", ["trainer=cpu", "devices=2"]))


# What a refused job leaves -----------------------------------------------------------------------------------


def job(folder, overrides=()):
    return OmegaConf.create(
        {
            "overrides": {"hydra": list(overrides)},
            "runtime": {"output_dir": str(folder)},
            "job": {"name": "train"},
        }
    )


@pytest.mark.parametrize(
    ("files", "overrides", "left"),
    [
        (["train.log"], [], False),
        ([], [], False),
        (["train.log", "mine.txt"], [], True),
        (["other.log"], [], True),
        (["train.log"], ["hydra.run.dir=typed"], True),
    ],
)
def test_only_a_directory_of_our_own_naming_goes(monkeypatch, tmp_path, files, overrides, left):
    folder = tmp_path / "outputs" / "day" / "run"
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).write_text("")
    monkeypatch.setattr("gan_lightning.config.verb.HydraConfig.get", lambda: job(folder, overrides))
    leave_nothing()
    assert folder.exists() == left
    assert [p.name for p in folder.glob("*")] == (files if left else [])
    assert (tmp_path / "outputs").exists()


def test_the_folder_one_stands_in_stays(monkeypatch, tmp_path):
    """The other verbs work in ``.``"""
    (tmp_path / "sample.log").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gan_lightning.config.verb.HydraConfig.get", lambda: job(tmp_path))
    leave_nothing()
    assert (tmp_path / "sample.log").read_text() == "mine"


def test_a_key_may_be_added_to_a_mapping_that_an_object_is_built_from():
    """An arm of a study, or an entry, reaches its function as part of an argument."""
    cfg = compose("study", ["study=mode_coverage"])
    check_added_keys(["+study.arms.wgan=[loss=wgan]"], cfg)
    with pytest.raises(ValueError, match=r"\+arms\.wgan=1 adds a key that nothing reads"):
        check_added_keys(["+arms.wgan=1"], cfg)
