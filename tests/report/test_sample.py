"""sample and load: what comes out, that nothing else changes, and what is said of bad input."""

import hashlib
import json
import math
import re
import sys

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

import gan_lightning
from gan_lightning.core.sampler import draw, evaluating
from gan_lightning.report.sampling import sample
from gan_lightning.sample import main
from gan_lightning.training.setup import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from conftest import TINY

    from gan_lightning.config.compose import compose

    folder = tmp_path_factory.mktemp("run")
    train(compose("train", TINY), folder)
    return folder


def contents(folder):
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def test_a_grid_and_an_npz(run, tmp_path):
    before = contents(run)
    png, npz = sample(run, n=7, seed=3, out=tmp_path / "out")
    images = np.load(npz)["images"]
    assert images.shape == (7, 1, 8, 8)
    assert images.dtype == np.uint8
    assert png.is_file()
    assert contents(run) == before
    again = np.load(sample(run, n=7, seed=3, out=tmp_path / "again")[1])["images"]
    other = np.load(sample(run, n=7, seed=4, out=tmp_path / "other")[1])["images"]
    assert (images == again).all()
    assert (images != other).any()


def test_the_command_says_what_was_written(run, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["sample.py", f"run={run}", "n=2", f"out={tmp_path}"])
    main()
    first, second = capfd.readouterr().out.splitlines()
    assert first == "2 samples; in the .npz: images, uint8 N x C x H x W", "and no word of points"
    assert second.startswith("wrote ")


def test_load_gives_a_generator_ready_to_call(run):
    G = gan_lightning.load(run)
    images = G(torch.randn(3, 5))
    assert images.shape == (3, 1, 8, 8)
    assert not images.requires_grad
    assert not G.G.training
    assert G.sample(4, seed=1).shape == (4, 1, 8, 8)
    assert torch.equal(G.sample(4, seed=1), gan_lightning.load(run / "checkpoints" / "last.ckpt").sample(4, seed=1))


def test_a_generator_that_is_not_there_gets_one_whole_sentence(run):
    with pytest.raises(ValueError) as refused:
        gan_lightning.load(run, generator="ema")
    assert str(refused.value) == (
        f"generator=ema is not in {run / 'checkpoints' / 'last.ckpt'}, which has G. Choose one of them; "
        "an average is kept by training with technique=[ema]."
    )
    G = gan_lightning.load(run)
    assert (G.g_steps, G.shape, G.others, G.run) == (6, [1, 8, 8], [], run)
    assert G.path == run / "checkpoints" / "last.ckpt"


def test_the_size_of_the_batches_does_not_matter(run):
    G = gan_lightning.load(run)
    torch.testing.assert_close(G.sample(9, batch_size=2), G.sample(9, batch_size=9), rtol=0, atol=1e-6)


def test_loading_leaves_the_global_generator_alone(run):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    gan_lightning.load(run).sample(2)
    assert torch.equal(before, torch.get_rng_state())


def test_a_checkpoint_alone_is_enough(run, tmp_path):
    moved = tmp_path / "moved.ckpt"
    moved.write_bytes((run / "checkpoints" / "last.ckpt").read_bytes())
    assert torch.equal(gan_lightning.load(moved).sample(2), gan_lightning.load(run).sample(2))


def test_sampling_puts_every_mode_back_and_moves_no_buffer():
    torch.manual_seed(0)
    G = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout())
    G[2].eval()
    before = {k: v.clone() for k, v in G.state_dict().items()}

    def prior(n, rng):
        return rng.normal(n, 3)

    eight = draw(G, prior, 8, 0, torch.device("cpu"))
    assert [m.training for m in G] == [True, True, False]
    assert all(torch.equal(v, before[k]) for k, v in G.state_dict().items())
    z = prior(8, __import__("gan_lightning.core.rng", fromlist=["Stream"]).Stream(0, name="sample"))
    with evaluating(G):
        alone = torch.cat([G(row[None]) for row in z])
    torch.testing.assert_close(eight, alone, rtol=0, atol=1e-6)


def test_what_is_no_run(tmp_path):
    with pytest.raises(ValueError, match=r"run=.* is not a run directory: it has no config.yaml"):
        sample(tmp_path)
    with pytest.raises(ValueError, match="does not exist. Give a run directory, a checkpoint or latest"):
        sample(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"latest. Several runs are a glob in quotes, such as '<folder>/\*'"):
        sample(tmp_path / "a,b")


def test_latest_without_any(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="run=latest found no finished run below .*outputs"):
        sample("latest")


def copy_of(run, tmp_path):
    folder = tmp_path / "copy"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "status.json", "checkpoints/last.ckpt"):
        (folder / name).write_bytes((run / name).read_bytes())
    return folder


def test_a_truncated_checkpoint(run, tmp_path):
    folder = copy_of(run, tmp_path)
    whole = (folder / "checkpoints/last.ckpt").read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 10):
        (folder / "checkpoints/last.ckpt").write_bytes(whole[:size])
        with pytest.raises(ValueError, match="cannot be read: it is truncated, damaged or not a checkpoint"):
            sample(folder, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_of_another_network(run, tmp_path):
    folder = copy_of(run, tmp_path)
    config = OmegaConf.load(folder / "config.yaml")
    config.network.G.hidden = [8, 13]
    OmegaConf.save(config, folder / "config.yaml")
    file, own = folder / "checkpoints" / "last.ckpt", folder / "config.yaml"
    start = re.escape(f"the checkpoint {file} does not fit the network of its run ({own}): size mismatch for G.")
    with pytest.raises(ValueError, match=f"^{start}.*It belongs to another"):
        sample(folder)


@pytest.mark.parametrize("target", ["os.system", "torch.load", "torch.ops.load_library", "builtins.eval"])
def test_a_configuration_from_a_stranger_builds_nothing_of_its_own(run, tmp_path, target):
    folder = copy_of(run, tmp_path)
    config = OmegaConf.load(folder / "config.yaml")
    config.prior = {"_target_": target, "dim": 5}
    OmegaConf.save(config, folder / "config.yaml")
    with pytest.raises(ValueError, match=f"names _target_: {target}, which is not among those of the installed conf"):
        sample(folder)


def test_a_pickle_that_would_run_code_does_not(run, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    folder = copy_of(run, tmp_path)
    torch.save({"state_dict": Evil()}, folder / "checkpoints/last.ckpt")
    with pytest.raises(ValueError, match="cannot be read"):
        sample(folder)
    assert not (tmp_path / "owned").exists()


def test_a_file_that_is_something_else(run, tmp_path):
    folder = copy_of(run, tmp_path)
    torch.save({"weights": torch.zeros(2)}, folder / "checkpoints/last.ckpt")
    with pytest.raises(ValueError, match="is not a checkpoint of gan_lightning"):
        sample(folder)


@pytest.mark.parametrize("name", ["config.yaml", "status.json", "metrics.jsonl"])
def test_a_file_of_a_run_that_is_no_checkpoint(run, tmp_path, name):
    folder = copy_of(run, tmp_path)
    (folder / name).touch()
    what = "the configuration of a run" if name == "config.yaml" else "a file of a run, and no checkpoint"
    with pytest.raises(ValueError) as told:
        sample(folder / name)
    assert str(told.value) == f"run={folder / name} is {what}. Give the run directory: run={folder}"


def test_samples_that_are_not_finite_are_refused(run, tmp_path):
    folder = copy_of(run, tmp_path)
    last = folder / "checkpoints/last.ckpt"
    (folder / "checkpoints/previous.ckpt").write_bytes(last.read_bytes())
    checkpoint = torch.load(last, weights_only=True)
    next(v for k, v in checkpoint["state_dict"].items() if k.startswith("G.")).fill_(math.nan)
    torch.save(checkpoint, last)
    why = re.escape(f"the samples of {last} are not finite: G has diverged. Use previous.ckpt beside it, or train")
    with pytest.raises(ValueError, match=why):
        sample(folder, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="out=.* cannot be written: .*Name another folder with out="):
        sample(run, out=tmp_path / "file" / "below")


def test_status_is_readable(run):
    assert json.loads((run / "status.json").read_text())["status"] == "done"
