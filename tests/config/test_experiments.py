"""The experiments in conf/experiment/ are the games that they say they are."""

import re
from pathlib import Path

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from gan_lightning.config.build import build_gan
from gan_lightning.config.compose import compose
from gan_lightning.config.where import CONF
from gan_lightning.core.rng import Stream
from gan_lightning.runs.former import with_todays_names

LOSSES = Path(__file__).parents[2] / "docs" / "results" / "losses" / "configs"
GAME = ("technique", "network", "prior", "loss", "smoothing", "optimizer", "schedule", "d_steps", "batch_size")


def resolved(*overrides: str) -> dict:
    cfg = compose("train", list(overrides))
    OmegaConf.resolve(cfg)
    return OmegaConf.to_container(cfg)


@pytest.mark.parametrize("arm", sorted(p.stem for p in LOSSES.glob("*.yaml")))
def test_mlp_is_the_game_whose_losses_were_compared(arm):
    """docs/results/losses has the configurations of its runs; each of them is experiment=mlp and the arm's choices."""
    played = with_todays_names(yaml.safe_load((LOSSES / f"{arm}.yaml").read_text()))
    loss, smoothing, seed = re.fullmatch(r"loss-(\w+)_smoothing-(\w+)_seed-(\d)", arm).groups()
    now = resolved("experiment=mlp", f"loss={loss}", f"smoothing={smoothing}", f"seed={seed}")
    assert {key: now[key] for key in GAME} == {key: played[key] for key in GAME}
    assert (now["update"], now["d_loss_weight"], now["memory_format"]) == ("alternating", 1.0, "contiguous")
    assert (now["steps"], now["seed"]) == (10000, played["seed"])


def test_dcgan_is_the_papers():
    """Radford et al. 2015, section 4; its filters for MNIST: Newmu/dcgan_code, mnist/train_cond_dcgan.py."""
    cfg = compose("train", ["experiment=dcgan"])
    torch.manual_seed(0)
    gan = build_gan(cfg, (1, 28, 28))
    assert (cfg.batch_size, cfg.d_steps, cfg.steps) == (128, 1, 25 * (60_000 // 128))
    assert (type(gan.loss).__name__, list(gan.seats.techniques)) == ("NSGAN", [])
    z = gan.prior(1000, Stream(0))
    assert z.shape == (1000, 100)
    assert -1 <= z.min() < -0.999
    assert 0.999 < z.max() <= 1
    for optimizer in gan.configure_optimizers():
        assert (type(optimizer), optimizer.defaults["lr"]) == (torch.optim.Adam, 2e-4)
        assert optimizer.defaults["betas"] == (0.5, 0.999)
    weights = {name: p for name, p in gan.named_parameters() if p.ndim > 1}
    shapes = {"G.layers.4": (128, 64, 4, 4), "G.layers.7": (64, 1, 4, 4), "D.features.0": (64, 1, 4, 4)}
    assert {name: tuple(weights[f"{name}.weight"].shape) for name in shapes} == shapes
    assert tuple(weights["D.features.2.weight"].shape) == (128, 64, 4, 4)
    for name, weight in weights.items():
        assert weight.std().item() == pytest.approx(0.02, rel=0.1), name
    norms = [type(m).__name__ for player in (gan.G, gan.D) for m in player.modules() if "Norm" in type(m).__name__]
    assert norms == ["BatchNorm2d"] * 3, "both of G's maps, D's second"


def test_every_experiment_states_its_source_and_its_command():
    for file in (CONF / "experiment").glob("*.yaml"):
        head = file.read_text().split("\ndefaults:")[0]
        assert f"#   python -m gan_lightning.train experiment={file.stem}" in head, file


def test_goodfellow2014_is_the_published_configuration():
    cfg = compose("train", ["experiment=goodfellow2014_mnist"])
    assert (cfg.batch_size, cfg.data.split, cfg.prior.dim) == (100, "train50k", 100)
    assert cfg.prior.high == pytest.approx(3**0.5, abs=1e-6)
    assert cfg.prior.low == -cfg.prior.high
    assert OmegaConf.to_container(cfg.schedule.d.momentum)["end"] == 0.7
    assert cfg.schedule.g.lr.rate == 1.000004
    assert cfg.network.D.units == 240
    assert (cfg["update"], cfg.d_loss_weight, cfg.d_steps) == ("simultaneous", 0.5, 1), "AdversaryCost2"


def test_notes_mlp_is_200_epochs():
    cfg = compose("train", ["experiment=notes_mlp"])
    assert cfg.steps == 200 * (60_000 // cfg.batch_size)
    assert cfg.network.G.bn_eps == 0.8


def test_the_recipe_holds_d_by_differences_at_the_data_and_averages_g():
    cfg = compose("train", ["experiment=best_mnist_cpu", "data=synthetic", "data.size=28", "data.n=64"])
    gan = build_gan(cfg, (1, 28, 28))
    r1, ema = (gan.seats.techniques[name] for name in ("r1", "ema"))
    assert (type(gan.G).__module__, type(gan.loss).__name__) == ("gan_lightning.networks.conv", "NSGAN")
    assert (r1.name, r1.weight, r1.final_weight, r1.sigma, r1.interval) == ("r1", 3.0, 1.0, 0.1, 1)
    assert ema.decay == 0.998
    assert (gan.prior.dim, gan.prior.classes, gan.prior.scale) == (100, 32, 5.0)
    for optimizer in gan.configure_optimizers():
        assert (optimizer.defaults["lr"], optimizer.defaults["betas"]) == (2e-3, (0.0, 0.99))
    assert not any(gan.schedules.values()), "the rates stay"


def test_the_default_is_the_recipe_with_normals_half_as_long():
    recipe = compose("train", ["experiment=best_mnist_cpu", "prior=normal"])
    assert (recipe.steps, compose("train").steps) == (8000, 4000)
    recipe.steps = 4000
    assert compose("train") == recipe


def test_a_digit_on_demand_is_the_recipe_with_a_class_three_times_as_long():
    cfg = compose("train", ["experiment=conditional_mnist_cpu"])
    recipe = compose("train", ["experiment=best_mnist_cpu", "prior=normal", "condition=discriminative"])
    assert (cfg.steps, cfg.technique.r1.weight, cfg.technique.r1.final_weight) == (24_000, 3.0, 0.3)
    recipe.steps, recipe.technique.r1.final_weight = 24_000, 0.3
    assert cfg == recipe


EXACT = {"weight": 10.0, "interval": 1, "final_weight": None, "sigma": None}
OURS = {"weight": 3.0, "interval": 1, "final_weight": 1.0, "sigma": 0.1}


@pytest.mark.parametrize(
    ("typed", "r1", "decay", "adam"),
    [
        (["technique=[r1,ema,feature_matching]"], OURS, 0.998, (2e-3, [0.0, 0.99])),
        (["technique=[ema,r1]", "technique.r1.weight=5"], {**OURS, "weight": 5}, 0.998, (2e-3, [0.0, 0.99])),
        (["network=conv", "loss=hinge"], OURS, 0.998, (2e-3, [0.0, 0.99])),
        (["network=mlp"], EXACT, 0.999, (2e-4, [0.5, 0.999])),
        (["network=maxout", "technique=[r1,ema]", "optimizer.lr=1e-3"], EXACT, 0.999, (1e-3, [0.5, 0.999])),
        (["experiment=mlp", "technique=[r1,ema]"], EXACT, 0.999, (2e-4, [0.5, 0.999])),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_what_conv_has_settings_for_is_as_ever_beside_other_networks(typed, r1, decay, adam):
    cfg = resolved(*typed)
    assert {key: cfg["technique"]["r1"][key] for key in r1} == r1
    assert cfg["technique"]["ema"]["decay"] == decay
    assert [(cfg["optimizer"][p]["lr"], cfg["optimizer"][p]["betas"]) for p in "dg"] == [adam, adam]


def test_sgd_is_as_ever_beside_conv():
    assert resolved("optimizer=sgd")["optimizer"]["d"]["lr"] == 0.1


@pytest.mark.parametrize("choice", ["technique/r1", "technique/ema", "optimizer/adam"])
def test_settings_beside_a_network_are_of_a_network_that_there_is(choice):
    """A misspelt file would be passed over in silence."""
    files = [p.stem for p in (CONF / choice).glob("*")]
    assert files
    assert set(files) <= {p.stem for p in (CONF / "network").glob("*.yaml")}


def test_a_momentum_of_zero_may_be_typed_as_a_whole_number(tiny):
    """docs/theory/gradients.md types 'optimizer.betas=[0,0.9]', and PyTorch's Adam takes no whole number."""
    for words in (["optimizer.betas=[0,0.9]"], ["optimizer.d.betas=[0,0.9]", "optimizer.g.betas=[0.0,0.9]"]):
        for optimizer in build_gan(tiny(*words), (1, 8, 8)).configure_optimizers():
            assert optimizer.defaults["betas"] == (0.0, 0.9)
