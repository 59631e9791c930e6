"""The generators that come with the project: whole, small, as good as their cards say, and taken where run= is."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import gan_lightning
from gan_lightning.config.build import judge_of
from gan_lightning.report.sampling import sample
from gan_lightning.runs.exported import ZOO, zoo

ROOT = Path(__file__).parent.parent.parent


def test_who_is_there():
    assert zoo() == ["fashion_mnist", "mnist", "mnist_conditional"]


@pytest.mark.parametrize("name", zoo())
def test_a_generator_of_the_zoo(name):
    """Its files are at most 2 MB, its card has the numbers beside the floor, and the judge is sure of its samples."""
    folder = ZOO / name
    card = json.loads((folder / "card.json").read_text())
    assert all(path.stat().st_size <= 2e6 for path in folder.iterdir())
    measured = card["measured"]
    assert measured["values"]["frechet_distance"] <= 1.01 * measured["frechet_distance"]["float32"]
    assert measured["values"].keys() == measured["floor"].keys()
    page = (folder / "README.md").read_text()
    assert all(digest in page for digest in card["sha256"].values())
    assert f"run=zoo:{name}" in page
    assert "/" not in (folder / "config.yaml").read_text(), "no folder of the machine that trained it"
    G = gan_lightning.load(f"zoo:{name}")
    probabilities = judge_of(G.config.data._target_.split(".")[-2])(G.sample(200, seed=3))[1]
    assert probabilities.max(1).values.mean() > (0.8 if name.startswith("fashion") else 0.9), "shirts look like coats"
    assert (torch.bincount(probabilities.argmax(1), minlength=10) > 4).all(), "all ten classes"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """What the lines of each card draw, as a person copies them, in the folder of the card; all in one process."""
    folder, code = tmp_path_factory.mktemp("drawn"), "import os, sys"
    for name in zoo():
        page = (ZOO / name / "README.md").read_text().split("## Without this project")[1]
        lines = "\n".join(line[4:] for line in page.splitlines() if line.startswith("    "))
        assert len(ast.parse(lines).body) <= 10, "statements; that of the layers goes over several lines"
        lines += f"\ntorch.save((z, samples), {str(folder / f'{name}.pt')!r})\n"
        code += f"\nos.chdir({str(ZOO / name)!r})\nexec({lines!r}, {{}})"
    asked = [sys.executable, "-I", "-c", f"{code}\nprint(sorted(sys.modules))"]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.mark.parametrize("name", zoo())
def test_the_lines_of_the_card_draw_with_torch_and_safetensors_alone(name, drawn):
    """With no other module of this project or its dependencies."""
    folder, modules = drawn
    for module in ("gan_lightning", "lightning", "hydra", "omegaconf"):
        assert f"'{module}'" not in modules
    z, samples = torch.load(folder / f"{name}.pt", weights_only=True)
    G = gan_lightning.load(f"zoo:{name}")
    y = (torch.arange(64) % G.classes,) if G.classes else ()
    torch.testing.assert_close(samples, G(z[:, : G.prior.dim], *y), rtol=0, atol=1e-6)


def test_nothing_is_written_into_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in ZOO.rglob("*")}
    png, npz = sample("zoo:mnist", n=4)
    assert [str(path) for path in (png, npz)] == [
        f"outputs/zoo/mnist/samples/n4-seed0.{kind}" for kind in ("png", "npz")
    ]
    assert png.is_file()
    assert {path: path.stat().st_mtime_ns for path in ZOO.rglob("*")} == before


def test_a_class_by_its_label(tmp_path):
    G = gan_lightning.load("zoo:mnist_conditional")
    seen = judge_of("mnist")(G.sample(100, label=7))[1].argmax(1)
    assert (seen == 7).double().mean() > 0.9
