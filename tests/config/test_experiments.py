"""The experiments in conf/experiment/ are the games that they say they are."""

import re
from pathlib import Path

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from gan_lightning.config.build import build_gan
from gan_lightning.config.compose import compose
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


def test_mlp_is_the_default():
    assert compose("train", ["experiment=mlp"]) == compose("train", [])


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
