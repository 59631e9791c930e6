"""Each task on a small generator: its files, the same bits for the same seed, and what does not fit it."""

import json

import pytest
import torch
from conftest import CONV, TINY
from PIL import Image
from safetensors.torch import load_file

import gan_lightning
from gan_lightning.config.compose import compose
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.data.synthetic import Synthetic
from gan_lightning.latent.running import play_task
from gan_lightning.latent.scores import psnr
from gan_lightning.training.setup import train

SMALL = ["images=test:0-3", "encoder_steps=3", "steps=5", "restarts=2"]
TASKS = {
    "interpolate": ["pairs=2", "n=3", "frames=2"],
    "invert": [*SMALL, "own=3"],
    "inpaint": SMALL,
    "upscale": [*SMALL, "factor=2"],
    "directions": ["count=2", "n=200", "columns=3"],
    "edit": [*SMALL, "count=2", "n=200"],
}
ANSWER = {"figure.png", "worst.png", "card.md"}
FILES = {
    "interpolate": {"figure.png", "animation.gif"},
    "invert": {*ANSWER, "z.safetensors"},
    "inpaint": ANSWER,
    "upscale": ANSWER,
    "directions": {"sefa.png", "ganspace.png", "directions.safetensors"},
    "edit": {"figure.png"},
}
GAMES = {
    "plain": [o for o in TINY if not o.startswith("network.")] + CONV,
    "conditional": [*TINY, "condition=projection", "condition.width=3", "prior=uniform", "prior.dim=5"],
    "points": [*TINY, "network=points", "data=ring8", "prior.dim=2"],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    found = {}
    for name, words in GAMES.items():
        found[name] = tmp_path_factory.mktemp("runs") / name
        found[name].mkdir()
        drop = ("data.size", "data.n=", "network.") if name == "points" else ()
        train(compose("train", [w for w in words if not w.startswith(drop)] if drop else words), found[name])
    return found


def done(name, run, out, *overrides):
    cfg = compose("latent", [f"task={name}", f"run={run}", f"out={out}", *overrides])
    return play_task(cfg, name)


@pytest.mark.parametrize("game", ["plain", "conditional"])
@pytest.mark.parametrize("name", TASKS)
def test_the_same_seed_gives_the_same_files(runs, tmp_path, name, game):
    for out in ("one", "two"):
        done(name, runs[game], tmp_path / out, *TASKS[name])
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / out).iterdir()} for out in ("one", "two"))
    assert one == two
    assert FILES[name] | {"numbers.json"} == one.keys()
    if game == "conditional":
        return
    done(name, runs[game], tmp_path / "three", *TASKS[name], "seed=1")
    assert (tmp_path / "three" / "numbers.json").read_bytes() != one["numbers.json"]


def test_numbers_say_what_was_done(runs, tmp_path):
    numbers = done("invert", runs["plain"], tmp_path, *TASKS["invert"])
    written = json.loads((tmp_path / "numbers.json").read_text())
    assert written["numbers"] == numbers
    assert (written["task"], written["seed"], written["generator"], written["g_steps"]) == ("invert", 0, "G", 4)
    assert written["settings"]["restarts"] == 2
    assert set(numbers["scores"]) == {"G", "nearest training image", "5 principal components", "mean image"}
    assert numbers["own samples"].keys() == {"n", "psnr", "distance_of_z", "norm_of_z"}
    assert str(tmp_path) not in json.dumps(written["settings"])


def test_the_z_that_was_found_makes_the_answer(runs, tmp_path):
    numbers = done("invert", runs["conditional"], tmp_path, *TASKS["invert"])
    kept = load_file(tmp_path / "z.safetensors")
    G = gan_lightning.load(runs["conditional"])
    images = to_signed_range(Synthetic(96, 8).test().images[:4])
    assert float(psnr(G(kept["z"], kept["y"]), images).mean()) == pytest.approx(numbers["scores"]["G"]["psnr"])
    assert kept["z"].abs().max() <= 1, "the box of the prior"
    assert numbers["images"] == 4


@pytest.mark.parametrize("mask", ["left", "random"])
def test_a_picture_of_ones_own_is_repaired(runs, tmp_path, mask):
    Image.radial_gradient("L").save(tmp_path / "mine.png")
    numbers = done(
        "inpaint", runs["plain"], tmp_path / "out", *SMALL[1:], f"images={tmp_path / 'mine.png'}", f"mask={mask}"
    )
    assert numbers["rows"] == ["mine.png"]
    assert 0 < numbers["pixels in the hole"] < 64


def test_points_are_refused_in_words(runs, tmp_path):
    for name in TASKS:
        with pytest.raises(ValueError, match=rf"task={name} needs a G of square images .* samples of shape \[2\]"):
            done(name, runs["points"], tmp_path / name, *TASKS[name])


def test_the_average_is_taken_where_there_is_one(finished_tiny, tmp_path):
    done("interpolate", finished_tiny, tmp_path, *TASKS["interpolate"])
    assert json.loads((tmp_path / "numbers.json").read_text())["generator"] == "ema"


def test_an_even_g_has_paths_of_no_length(runs, tmp_path, monkeypatch):
    from gan_lightning.runs.load import LoadedGenerator

    monkeypatch.setattr(LoadedGenerator, "forward", lambda self, z, y=None: torch.zeros(len(z), 3, 8, 8))
    numbers = done("interpolate", runs["plain"], tmp_path, *TASKS["interpolate"])
    assert numbers["straight"]["pixels"] == numbers["spherical"]["pixels"] == 0
    assert numbers["line of the prior"] == "spherical"
