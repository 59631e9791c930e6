"""export: which kind of numbers is chosen, the lines on the card, and programs for other software."""

import json
import subprocess
import sys
from types import SimpleNamespace

import onnx
import onnxruntime
import pytest
import torch
from conftest import CONV, TINY

import gan_lightning
from gan_lightning.config.compose import compose
from gan_lightning.report import exporting, programs
from gan_lightning.report.exporting import export_job
from gan_lightning.runs.exported import zoo
from gan_lightning.training.setup import train

CONDITIONAL = [*TINY, "condition=projection", "condition.width=3", "prior=uniform", "prior.dim=5"]
DCGAN = [o for o in TINY if not o.startswith("network.")] + ["network=dcgan", "network.G.width=4", "network.D.width=4"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Name -> the run of a small game."""
    found = {}
    games = {
        "mlp": TINY,
        "conv": [o for o in TINY if not o.startswith("network.")] + CONV + ["prior=categorical", "prior.classes=2"],
        "dcgan": DCGAN,
        "conditional": CONDITIONAL,
        "subclasses": [*TINY, "condition=auxiliary", "condition.subclasses=3"],
        "instance": [*TINY, "condition=instance", "condition.features=2"],
    }
    for name, words in games.items():
        found[name] = tmp_path_factory.mktemp("runs") / name
        found[name].mkdir()
        train(compose("train", words), found[name])
    return found


def exported(run, to, *overrides):
    export_job(compose("export", [f"run={run}", f"to={to}", *overrides]))
    return to


class Scripted:
    """A yardstick that reads distances off a list, in the order in which kinds of numbers are tried."""

    n, protocol = 3, {"n_fake": 3, "n_real": 3, "split": "test", "dataset": "none"}

    def __init__(self, *distances):
        self.distances = iter(distances)

    def suited(self, known, whose):
        return []

    def measure(self, samples, **_):
        return {"frechet_distance": {"frechet_distance": next(self.distances)}}

    def floors_of(self, metrics):
        return {"frechet_distance": {"frechet_distance": 0.5}}


@pytest.mark.parametrize(
    ("distances", "words", "store"),
    [
        ((2.0, 2.02), [], "int8"),  # float32, then int8: 1 % above
        ((2.0, 2.03, 2.01), [], "float16"),
        ((2.0, 2.03, 2.03), [], "float32"),
        ((2.0, 2.5), ["tolerance=0.3"], "int8"),
        ((2.0, 2.5), ["store=float16"], "float16"),
    ],
)
def test_the_smallest_file_within_the_tolerance(runs, tmp_path, monkeypatch, distances, words, store):
    monkeypatch.setattr(exporting, "yardstick_for", lambda cfg, G: Scripted(*distances))
    to = exported(runs["mlp"], tmp_path / "to", *words)
    card = json.loads((to / "card.json").read_text())
    assert card["precision"] == store
    assert card["measured"]["frechet_distance"]["float32"] == 2.0
    assert card["measured"]["values"]["frechet_distance"] == card["measured"]["frechet_distance"][store]
    page = (to / "README.md").read_text()
    assert f"| `frechet_distance` | {card['measured']['values']['frechet_distance']:.4f} | 0.5000 |" in page
    assert card["sha256"]["generator.safetensors"] in page


def lines_of(folder):
    """The Python that the card prints."""
    page = (folder / "README.md").read_text().split("## Without this project")[1]
    return "\n".join(line[4:] for line in page.splitlines() if line.startswith("    "))


@pytest.mark.parametrize("name", ["mlp", "conv", "dcgan", "conditional"])
def test_the_lines_of_the_card_give_the_same_samples(runs, tmp_path, monkeypatch, name):
    folder = exported(runs[name], tmp_path / name, "measure=false", "store=int8")
    monkeypatch.chdir(folder)
    space = {}
    exec(lines_of(folder), space)
    assert "gan_lightning" not in lines_of(folder)
    assert len(lines_of(folder).splitlines()) < 20
    G = gan_lightning.load(folder)
    z = space["z"][:, : G.prior.dim]
    y = torch.arange(64) % 10
    torch.testing.assert_close(space["samples"], G(z, y) if G.classes else G(z), rtol=0, atol=1e-6)
    assert bool((z < 0).any() and (z > 0).any())


def test_a_g_that_looks_up_subclasses_has_no_such_lines(runs, tmp_path):
    folder = exported(runs["subclasses"], tmp_path / "g", "measure=false")
    assert "load_file" not in (folder / "README.md").read_text()
    G = gan_lightning.load(folder)
    assert G.G.subclass_counts.sum() == 96
    assert torch.equal(G.G.subclass_counts, gan_lightning.load(runs["subclasses"]).G.subclass_counts)


def test_a_g_that_looks_up_training_samples_takes_them_along(runs, tmp_path):
    folder = exported(runs["instance"], tmp_path / "g", "measure=false", "store=int8")
    assert "load_file" not in (folder / "README.md").read_text()
    G, run = gan_lightning.load(folder), gan_lightning.load(runs["instance"])
    assert G.G.of_samples.shape == (96, 2)
    assert torch.equal(G.G.of_samples, run.G.of_samples)


def test_the_lines_run_where_only_torch_and_safetensors_are(runs, tmp_path):
    folder = exported(runs["conv"], tmp_path / "conv", "measure=false")
    code = lines_of(folder) + "\nimport sys; print(samples.shape, 'gan_lightning' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.stdout == "torch.Size([64, 3, 8, 8]) False\n", done.stderr


def test_a_program_of_pytorch(runs, tmp_path):
    file = exported(runs["conditional"], tmp_path / "g.pt2", "format=torch")
    G = gan_lightning.load(runs["conditional"])
    extra = {"about.json": ""}
    program = torch.export.load(file, extra_files=extra).module()
    for n in (1, 37):
        z, y = G.z(n, seed=5), torch.arange(n) % 10
        assert torch.equal(program(z, y), G(z, y))
    assert json.loads(extra["about.json"])["z"] == "float32 [N, 5], drawn from U(-1.0, 1.0)"


def check_onnx(run, file):
    exported(run, file, "format=onnx")
    G = gan_lightning.load(run)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for n in (1, 37):
        inputs = {"z": G.z(n, seed=5)} | ({"y": torch.arange(n) % 10} if G.classes else {})
        (got,) = session.run(["samples"], {name: value.numpy() for name, value in inputs.items()})
        torch.testing.assert_close(torch.from_numpy(got), G(*inputs.values()), rtol=0, atol=1e-5)
    return {entry.key: entry.value for entry in onnx.load(file).metadata_props}


def test_onnx_with_a_free_batch_size_and_its_metadata(runs, tmp_path):
    about = check_onnx(runs["conditional"], tmp_path / "g.onnx")
    assert about["y"] == "int64 [N], labels from 0 to 9"
    assert about["samples"] == "float32 [N, 1, 8, 8] in [-1, 1]"
    assert (about["generator"], about["g_steps"]) == ("G", "6")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "conv", "dcgan", "subclasses", "instance"])
def test_onnx_of_the_other_networks(runs, tmp_path, name):
    check_onnx(runs[name], tmp_path / "g.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo())
def test_onnx_of_the_zoo(tmp_path, name):
    check_onnx(f"zoo:{name}", tmp_path / "g.onnx")


def test_a_program_that_gives_other_samples_is_not_kept():
    G = type("G", (SimpleNamespace,), {"__call__": lambda self, z: z})(
        path="run", classes=0, prior=lambda n, rng: torch.zeros(n, 2)
    )
    assert programs.check_close(G, lambda inputs: inputs[0] + 9e-6, "ONNX") == pytest.approx(9e-6)
    with pytest.raises(
        ValueError, match="must give G's samples within 1e-05, got a distance of 1.1e-05: it is not kep"
    ):
        programs.check_close(G, lambda inputs: inputs[0] + 1.1e-5, "ONNX")
    with pytest.raises(ValueError, match="got a distance of nan"):
        programs.check_close(G, lambda inputs: inputs[0] * torch.nan, "ONNX")


def test_without_the_extra_the_sentence_says_how(runs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        ValueError, match="needs onnxruntime of the extra export, .* pip install 'gan-lightning.export.'"
    ):
        exported(runs["mlp"], tmp_path / "g.onnx", "format=onnx")
    assert not list(tmp_path.iterdir())


def test_a_folder_in_place_of_a_file(runs, tmp_path):
    with pytest.raises(
        ValueError, match="must be a file for format=torch, and is a folder. Write to=.*/generator.torch"
    ):
        exported(runs["mlp"], tmp_path, "format=torch")
