"""A checkpoint from which no game can go on is refused by name, before anything of the run is touched."""

import shutil

import pytest
import torch
from conftest import TINY

from gan_lightning.config.compose import compose
from gan_lightning.runs.start import Start
from gan_lightning.training.setup import train


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    train(compose("train", TINY), folder)
    return folder


def moments(checkpoint, player=0):
    return checkpoint["optimizer_states"][player]["state"][0]


def over_the_end(moment):
    """As many numbers, by its shape and strides all in the last of its bytes: a linear reader goes on behind it."""
    return moment.clone().as_strided(moment.shape, [0] * moment.ndim, moment.numel() - 1)


ODD = {
    "no optimizers": (lambda c: c.update(optimizer_states=[]), "optimizer_states must hold those of D and of G, got 0"),
    "G's optimizer is D's": (
        lambda c: c["optimizer_states"].reverse(),
        "the optimizer of D has",
    ),
    "moments of one weight": (
        lambda c: c["optimizer_states"][1]["state"].pop(0),
        "the optimizer of G has moments of other weights",
    ),
    "moments of another shape": (
        lambda c: moments(c).update(exp_avg=torch.zeros(3, 3)),
        "the optimizer of D has exp_avg of another shape",
    ),
    "moments that are words": (lambda c: moments(c).update(exp_avg="many"), "the optimizer of D has exp_avg"),
    "one number for all moments": (
        lambda c: moments(c).update(exp_avg=torch.tensor(1.0)),
        "the optimizer of D has exp_avg of another shape",
    ),
    "moments that end in others' memory": (
        lambda c: moments(c).update(exp_avg=over_the_end(moments(c)["exp_avg"])),
        "the optimizer of D has exp_avg of another shape",
    ),
    "as many steps as weights": (
        lambda c: moments(c).update(step=torch.zeros_like(moments(c)["exp_avg"])),
        "the optimizer of D has step of another shape",
    ),
    "half the moments": (
        lambda c: moments(c, 1).pop("exp_avg"),
        "the optimizer of G cannot take a step with its moments (KeyError: 'exp_avg')",
    ),
    "no steps": (lambda c: moments(c).update(step=None), "the optimizer of D cannot take a step with its moments"),
    "groups of other weights": (
        lambda c: c["optimizer_states"][0]["param_groups"][0]["params"].pop(),
        "the optimizer of D has other groups than the game's",
    ),
    "a negative count": (
        lambda c: c["counters"].update(d_steps_done=-1),
        "d_steps_done must be a whole number, got -1",
    ),
    "a count in words": (lambda c: c["counters"].update(images_seen="9"), "images_seen must be a whole number"),
    "no count": (lambda c: c["counters"].pop("images_seen"), "images_seen must be a whole number, got None"),
    "Lightning's steps": (lambda c: c.update(global_step=2.5), "global_step must be a whole number, got 2.5"),
    "no loops": (lambda c: c.pop("loops"), "KeyError: 'loops'"),
    "other loops": (lambda c: c["loops"]["fit_loop"].pop("epoch_progress"), "loops.fit_loop has another form"),
    "loops of words": (
        lambda c: c["loops"]["fit_loop"]["epoch_progress"]["total"].update(ready="x"),
        "loops.fit_loop has another form",
    ),
    "a list of callbacks": (lambda c: c.update(callbacks=["Evaluation"]), "TypeError"),
    "a callback of words": (lambda c: c["callbacks"].update(Evaluation={"worst": 1}), "KeyError: 'best'"),
    "a best of words": (
        lambda c: c["callbacks"].update(Evaluation={"best": {"": {"g_steps": "x"}}}),
        "the numbers of its best generator must be g_steps, metric/fd_over_coverage,",
    ),
    "a best without numbers": (lambda c: c["callbacks"].update(Evaluation={"best": {"": 5}}), "AttributeError"),
    "a term of words": (
        lambda c: c["callbacks"].update(Diagnostics={"lazy": {"loss/d_r1": {"a": 1}}}),
        "the last value of loss/d_r1 is no number",
    ),
    "a version of long ago": (lambda c: c.update({"pytorch-lightning_version": "0.0.1"}), "it is of Lightning 1"),
    "a version": (lambda c: c.update({"pytorch-lightning_version": "evil"}), "Invalid version"),
}


@pytest.mark.parametrize("kind", ODD)
def test_refused_with_nothing_touched(finished, tmp_path, kind):
    run = shutil.copytree(finished, tmp_path / "run")
    path = run / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    change, words = ODD[kind]
    change(checkpoint)
    torch.save(checkpoint, path)
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match=r"last.ckpt cannot be gone on from: .*Use another one") as error:
        train(compose("train", [*TINY, "steps=8"]), run, start=Start(path))
    assert words in str(error.value)
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file() and p.name != ".lock"} == {
        p: content for p, content in before.items() if p.name != ".lock"
    }


def test_an_honest_one_goes_on(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    status = train(compose("train", [*TINY, "steps=8"]), run, start=Start(run / "checkpoints" / "last.ckpt"))
    assert status["g_steps"] == 8
