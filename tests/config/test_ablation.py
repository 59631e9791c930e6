"""What ``ablation=recipe`` leaves out, one part at a time."""

import pytest
import yaml
from omegaconf import OmegaConf

from gan_lightning.config.build import drop_unchosen
from gan_lightning.config.checks import leaves
from gan_lightning.config.compose import compose
from gan_lightning.config.where import CONF

# without= -> the keys that are other than in the recipe, or absent from it, or absent here, and their values here
LEFT_OUT = {
    "nothing": {},
    "penalty": dict.fromkeys(
        (f"technique.r1.{key}" for key in ("_target_", "weight", "interval", "final_weight", "sigma")), "absent"
    ),
    "differences": {"technique.r1.sigma": None},
    "falling_weight": {"technique.r1.final_weight": None},
    "zero_momentum": {"optimizer.betas.0": 0.5},
    "high_rate": {"optimizer.lr": 2e-4},
}


def recipe(*overrides):
    cfg = compose("train", ["ablation=recipe", *overrides])
    drop_unchosen(cfg)
    return dict(leaves(OmegaConf.to_container(cfg)))


@pytest.mark.parametrize("part", LEFT_OUT)
def test_one_part_is_left_out_and_nothing_else(part):
    whole, without = recipe(), recipe(f"without={part}")
    changed = {k: without.get(k, "absent") for k in whole | without if whole.get(k) != without.get(k, "absent")}
    assert changed == LEFT_OUT[part]


def test_groups_that_replace_a_part_replace_no_other():
    whole = recipe()
    for part, group, target in (
        ("constant_rate", "schedule", "gan_lightning.core.schedules.Cosine"),
        ("convolutions", "network", "gan_lightning.networks.mlp.Generator"),
    ):
        without = recipe(f"without={part}")
        changed = {k for k in whole | without if whole.get(k) != without.get(k, "absent")}
        assert {k.split(".")[0] for k in changed} == {group}
        assert target in without.values()


def test_the_ablation_plays_every_part_with_three_seeds_for_as_many_steps():
    node = yaml.safe_load((CONF / "ablation" / "recipe.yaml").read_text())
    params = node["hydra"]["sweeper"]["params"]
    assert sorted(params["without"].split(",")) == sorted(p.stem for p in (CONF / "without").glob("*.yaml"))
    assert params["without"].startswith("nothing,")
    assert params["seed"] == "0,1,2"
    assert recipe()["steps"] == recipe("without=penalty")["steps"] == 1000
