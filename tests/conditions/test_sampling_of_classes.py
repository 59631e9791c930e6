"""sample label=..., load(run).sample(label=...), and the sheets with a row for each class."""

import re
import sys

import numpy as np
import pytest
import torch
from conftest import TINY
from framed import below_heading

import gan_lightning
from gan_lightning.callbacks.samples import Samples
from gan_lightning.config.compose import compose
from gan_lightning.core.labels import of_classes
from gan_lightning.core.pixels import to_pixels
from gan_lightning.core.sampler import columns_for, draw_sheet, of_each_class
from gan_lightning.report.pictures import grid
from gan_lightning.report.sampling import sample
from gan_lightning.sample import main
from gan_lightning.training.setup import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes") / "run"
    folder.mkdir()
    train(compose("train", [*TINY, "condition=concat", "technique=[ema]", "sample_every=3"]), folder)
    return folder


@pytest.fixture
def call(monkeypatch, capfd):
    """The command ``sample`` -> (exit code, what it said)."""

    def go(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["sample.py", *words])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capfd.readouterr()
        return code, said.out + said.err

    return go


@pytest.mark.parametrize("generator", ["G", "ema"])
def test_a_label_is_what_g_of_z_and_it_gives(run, tmp_path, generator):
    G = gan_lightning.load(run, generator)
    by_hand = G(G.z(7, seed=3), torch.full((7,), 3))
    assert torch.equal(G.sample(7, seed=3, label=3), by_hand)
    assert not torch.equal(G.sample(7, seed=3, label=4), by_hand)
    _, npz = sample(run, n=7, seed=3, out=tmp_path, generator=generator, label=3)
    with np.load(npz) as file:
        assert (file["images"] == to_pixels(by_hand).numpy()).all()
        assert file["labels"].tolist() == [3] * 7
        assert file["labels"].dtype == np.int64
    assert len(list(tmp_path.glob("*.png"))) == 1, "no sheet of the others"


def test_several_labels_come_equally_often_in_blocks(run, call, tmp_path):
    code, text = call(f"run={run}", "label=[0,7,2]", "n=9", f"out={tmp_path}")
    assert code == 0, text
    assert "9 samples; in the .npz: images, uint8 N x C x H x W; labels, int64 N" in text
    (npz,) = tmp_path.glob("*.npz")
    assert npz.name == "run-label0-7-2-n9-seed0.npz"
    G = gan_lightning.load(run)
    with np.load(npz) as file:
        assert file["labels"].tolist() == [0, 0, 0, 7, 7, 7, 2, 2, 2]
        expected = G(G.z(9), torch.tensor([0, 0, 0, 7, 7, 7, 2, 2, 2]))
        assert (file["images"] == to_pixels(expected).numpy()).all()
    assert of_classes([1, 4], 5, 10).tolist() == [1, 1, 1, 4, 4]
    assert of_classes((4,), 2, 10).tolist() == [4, 4]


def test_without_a_label_all_classes_come_and_a_sheet_has_a_row_for_each(run, tmp_path):
    png, npz = sample(run, n=300, seed=2, out=tmp_path)
    G = gan_lightning.load(run)
    with np.load(npz) as file:
        assert file["labels"].tolist() == G.G.labels(300, 2).tolist() != G.G.labels(300, 0).tolist()
        assert set(file["labels"]) == set(range(10))
    sheet = png.with_name(f"{png.stem}-classes.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([png.name, npz.name, sheet.name])
    columns = torch.cat([G(G.z(30, 2), torch.full((30,), label)) for label in range(10)])
    expected = (grid(columns, columns=30)[0] * 255 + 0.5).clamp(0, 255).to(torch.uint8).numpy()
    assert (below_heading(sheet, 10 * 10 + 2, 30 * 10 + 2) == expected).all()


def test_a_sheet_is_every_class_with_every_z():
    z = torch.tensor([[1.0], [2.0]])
    everyone, y = of_each_class(z, 3)
    assert (everyone.flatten().tolist(), y.tolist()) == ([1, 2, 1, 2, 1, 2], [0, 0, 1, 1, 2, 2])
    assert len(of_each_class(z, 1000)[1]) == 200, "the first 100 classes"
    assert [columns_for(64, 10), columns_for(300, 10), columns_for(64, 2)] == [8, 30, 32]


def test_training_draws_the_sheet(run):
    for folder in (run / "samples", run / "samples" / "ema"):
        assert [p.name for p in sorted(folder.glob("0*.png"))] == ["0000000.png", "0000003.png", "0000006.png"]
    G = gan_lightning.load(run)
    got = below_heading(run / "samples" / "0000006.png", 10 * 10 + 2, 8 * 10 + 2)
    sheet = draw_sheet(G.G, G.prior, 8, Samples().seed, torch.device("cpu"))
    assert (got == (grid(sheet, columns=8)[0] * 255 + 0.5).clamp(0, 255).to(torch.uint8).numpy()).all()


@pytest.mark.parametrize(
    ("label", "n", "told"),
    [
        (
            10,
            4,
            "label must be a class of the run, a whole number from 0 to 9, or a list of them, got 10. Write label=9",
        ),
        (-1, 4, "from 0 to 9, or a list of them, got -1. Write"),
        ([0, 12], 4, "from 0 to 9, or a list of them, got 12. Write label=9 or 'label=[0,1]'."),
        ([], 4, "from 0 to 9, or a list of them, got []. Write"),
        ("7", 4, "from 0 to 9, or a list of them, got '7'. Write"),
        (True, 4, "from 0 to 9, or a list of them, got True. Write"),
        (2.0, 4, "from 0 to 9, or a list of them, got 2.0. Write"),
        ([0, 1, 2], 2, "n must be at least the number of classes that label names, 3, got 2. Write n=3."),
    ],
)
def test_a_label_that_is_no_class(run, tmp_path, label, n, told):
    with pytest.raises(
        ValueError, match=f"^{re.escape(told)}" if told.startswith(("label", "n ")) else re.escape(told)
    ):
        sample(run, n=n, out=tmp_path / "out", label=label)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("label=seven", "label must be a class, 0 or more, or a list, got 'seven'. Write for example label=7 or"),
        ("label=1.5", "label must be a class, 0 or more, or a list, got 1.5. Write"),
        ("label=true", "label must be a class, 0 or more, or a list, got True. Write"),
        ("label=[0,a]", "label must be a class, 0 or more, or a list, got [0, 'a']. Write"),
        ("label=10", "label must be a class of the run, a whole number from 0 to 9, or a list of them, got 10. Write"),
        ("class=3", "Write label=3"),
    ],
)
def test_what_is_typed_wrongly_gets_one_sentence(run, call, word, told, tmp_path):
    code, text = call(f"run={run}", word, f"out={tmp_path / 'out'}")
    assert code == 1
    assert told in text
    assert "Traceback" not in text
    assert not (tmp_path / "out").exists()


def test_a_label_of_a_run_without_a_condition(finished_tiny, tmp_path):
    told = f"label=3 needs a G that takes labels, and that of {finished_tiny / 'checkpoints' / 'last.ckpt'} takes none."
    with pytest.raises(ValueError, match=re.escape(f"{told} Leave label out, or train with condition=projection.")):
        sample(finished_tiny, out=tmp_path / "out", label=3)
    assert not (tmp_path / "out").exists()
    _, npz = sample(finished_tiny, n=2, out=tmp_path)
    with np.load(npz) as file:
        assert file.files == ["images"]
    assert len(list(tmp_path.glob("*.png"))) == 1, "no sheet of classes"


def test_points_of_a_class(tmp_path):
    words = ["data=ring8", "data.n=256", "condition=projection", "network=points", "steps=2", "trainer=cpu"]
    quiet = [f"{key}_every=0" for key in ("log", "sample", "evaluate", "checkpoint")]
    run = tmp_path / "run"
    run.mkdir()
    train(compose("train", [*words, *quiet, "sample_every=1"]), run)
    png, npz = sample(run, n=5, label=6)
    with np.load(npz) as file:
        assert file["points"].shape == (5, 2)
        assert file["labels"].tolist() == [6] * 5
    sample(run, n=5)
    assert not list(png.parent.glob("*-classes.png")), "a map of the plane has no rows"
