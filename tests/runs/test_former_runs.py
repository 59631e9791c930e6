"""A run directory from before the parts moved still loads, samples, compares and goes on.

tests/former/ was made by the code of commit d32c488: six G steps of a tiny game with an average of G, last.ckpt after
four.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from omegaconf import OmegaConf

import gan_lightning
from gan_lightning.config.compose import compose
from gan_lightning.report.arms import read
from gan_lightning.report.sampling import sample
from gan_lightning.runs.former import FORMER, unsaid, with_todays_names
from gan_lightning.runs.resume import resume_arguments
from gan_lightning.runs.sweep import continue_arguments
from gan_lightning.train import main as train

FOLDER = Path(__file__).parent.parent / "former"


def targets(node) -> list[str]:
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    own = [node["_target_"]] if isinstance(node, dict) and "_target_" in node else []
    return own + [name for child in below for name in targets(child)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = shutil.copytree(FOLDER, tmp_path / "run")
    (folder / "checkpoints").mkdir()
    (folder / "last.ckpt").rename(folder / "checkpoints" / "last.ckpt")
    return folder


def test_it_names_parts_that_have_moved(run):
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["prior"]["_target_"] == "gan_lightning.prior.Normal"
    assert sum(name in FORMER for name in targets(config)) == 5
    now = with_todays_names(config)
    assert now["prior"] == {**config["prior"], "_target_": "gan_lightning.core.prior.Normal"}
    assert now["loss"] == config["loss"]


@pytest.mark.parametrize("generator", ["G", "ema"])
def test_it_is_loaded_and_sampled(run, generator):
    G = gan_lightning.load(run, generator)
    assert G.g_steps == 4
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    prefix = "G." if generator == "G" else "techniques.ema.average."
    weights = {f"{prefix}{name}": value for name, value in G.G.state_dict().items()}
    assert weights
    assert all(torch.equal(saved[name], value) for name, value in weights.items())
    png, npz = sample(run, 3, generator=generator)
    assert png.is_file()
    assert npz.is_file()


def test_its_checkpoint_alone_is_loaded(run):
    (run / "config.yaml").unlink()
    assert gan_lightning.load(run / "checkpoints" / "last.ckpt").g_steps == 4


def test_it_is_compared_with_others_of_its_game(run, tmp_path, tiny):
    new = with_todays_names(yaml.safe_load((run / "config.yaml").read_text()))
    other = shutil.copytree(run, tmp_path / "other")
    (other / "config.yaml").write_text(yaml.safe_dump({**new, "seed": 1}))
    assert read(run).game == read(other).game


def test_it_goes_on(run, monkeypatch):
    argv = resume_arguments(["train", "resume=run", "steps=8"])
    monkeypatch.setattr("sys.argv", argv)
    train()
    status = json.loads((run / "status.json").read_text())
    assert (status["status"], status["g_steps"]) == ("done", 8)
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 9))
    assert "gan_lightning.core.prior.Normal" in (run / "config.yaml").read_text()


BEFORE = {"network": {"G": {"_target_": "gan_lightning.networks.mlp.Generator"}}, "technique": {}, "steps": 10000}


@pytest.mark.parametrize(
    ("words", "played"),
    [
        ([], ["network=mlp", "technique=[]", "steps=10000"]),
        (["loss=mmgan", "technique.r1.weight=1"], ["network=mlp", "technique=[]", "steps=10000"]),
        (["steps=500", "network=mlp"], ["technique=[]"]),
        (["technique=[]"], ["network=mlp", "steps=10000"]),
        (["~technique.ema"], ["network=mlp", "steps=10000"]),
        (["experiment=ring8"], []),
        (["ablation=recipe"], []),
    ],
)
def test_what_was_the_default_when_it_began_is_still_its_game(words, played):
    """Before network=conv the default was 10,000 steps of network=mlp without techniques."""
    assert unsaid(BEFORE, words) == played


def test_a_run_of_todays_default_needs_no_words():
    assert unsaid(OmegaConf.to_container(compose("train")), []) == []


def test_only_names_that_are_there_come_out_of_a_file():
    odd = {"network": {"G": {"_target_": "os.system"}}, "technique": {"../x": {}, "ema": {}}, "steps": "1 loss=x"}
    assert unsaid(odd, []) == ["technique=[ema]"]
    assert unsaid({"network": ["mlp"], "technique": "ema", "steps": True}, []) == []


def test_a_sweep_that_began_under_another_default_goes_on_with_it(run, tmp_path):
    """Its jobs that are still missing play the game of the job that is there."""
    sweep = tmp_path / "sweep"
    shutil.copytree(run, sweep / "seed-0")
    words = ["data=synthetic", "seed=0,1"]
    (sweep / "multirun.yaml").write_text(
        yaml.safe_dump({"hydra": {"overrides": {"task": words, "hydra": []}, "sweeper": {"params": None}}})
    )
    argv = continue_arguments(["train", "-m", f"continue={sweep}"])
    assert argv[2:7] == [*words, "network=mlp", "technique=[ema,r1]", "steps=6"]
