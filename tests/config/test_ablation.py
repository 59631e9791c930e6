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


# arm= -> loss, techniques beside ema, target of real images, D steps, learning rate, betas: by the papers
ARMS = {
    "losses": {
        "nsgan": ("NSGAN", [], 1.0, 1, 2e-4, [0.5, 0.999]),
        "mmgan": ("MMGAN", [], 1.0, 1, 2e-4, [0.5, 0.999]),
        "lsgan": ("LSGAN", [], 1.0, 1, 2e-4, [0.5, 0.999]),
        "hinge": ("Hinge", ["spectral_norm"], 1.0, 1, 2e-4, [0.5, 0.999]),
        "wgan": ("WGAN", ["weight_clipping"], 1.0, 5, 5e-5, [0.0, 0.99]),
        "wgan_gp": ("WGAN", ["gradient_penalty"], 1.0, 5, 1e-4, [0.0, 0.9]),
        "rpgan": ("RpGAN", ["r1", "r2"], 1.0, 1, 2e-4, [0.0, 0.99]),
    },
    "salimans2016": {
        "plain": ("NSGAN", [], 1.0, 1, 2e-4, [0.5, 0.999]),
        "feature_matching": ("NSGAN", ["feature_matching"], 1.0, 1, 2e-4, [0.5, 0.999]),
        "minibatch_discrimination": ("NSGAN", ["minibatch_discrimination"], 1.0, 1, 2e-4, [0.5, 0.999]),
        "historical_averaging": ("NSGAN", ["historical_averaging"], 1.0, 1, 2e-4, [0.5, 0.999]),
        "one_sided_smoothing": ("NSGAN", [], 0.9, 1, 2e-4, [0.5, 0.999]),
        "virtual_batch_norm": ("NSGAN", ["virtual_batch_norm"], 1.0, 1, 2e-4, [0.5, 0.999]),
        "all_but_feature_matching": (
            "NSGAN",
            ["minibatch_discrimination", "historical_averaging", "virtual_batch_norm"],
            0.9,
            1,
            2e-4,
            [0.5, 0.999],
        ),
    },
}
MLP = "gan_lightning.networks.mlp."


def played(*words):
    cfg = compose("train", list(words))
    drop_unchosen(cfg)
    return cfg


def swept(ablation):
    return yaml.safe_load((CONF / "ablation" / f"{ablation}.yaml").read_text())["hydra"]["sweeper"]["params"]


@pytest.mark.parametrize(("ablation", "arm"), [(ablation, arm) for ablation, arms in ARMS.items() for arm in arms])
def test_an_arm_plays_what_its_paper_puts_beside_it(ablation, arm):
    cfg = played(f"ablation={ablation}", f"arm={arm}")
    techniques = sorted(set(cfg.technique) - {"ema"})
    loss = cfg.loss._target_.rpartition(".")[2]
    values = (loss, techniques, cfg.smoothing.real_target, cfg.d_steps, cfg.optimizer.lr, list(cfg.optimizer.betas))
    expected = ARMS[ablation][arm]
    assert values == (expected[0], sorted(expected[1]), *expected[2:])
    assert "ema" in cfg.technique, "every arm is judged by the average of G too"
    assert (cfg.steps, cfg.network.G._target_, cfg.smoothing.fake_target) == (5000, MLP + "Generator", 0.0)


def test_the_relativistic_arm_has_the_paper_s_weight_of_both_penalties():
    technique = played("ablation=losses", "arm=rpgan").technique
    assert (technique.r1.weight, technique.r2.weight) == (1.0, 1.0)
    assert (technique.r1.sigma, technique.r1.final_weight) == (None, None)


@pytest.mark.parametrize("ablation", ARMS)
def test_an_ablation_plays_each_of_its_arms_with_three_seeds(ablation):
    params = swept(ablation)
    assert params["arm"].split(",") == list(ARMS[ablation])
    assert params["seed"] == "0,1,2"


def test_each_arm_that_is_shipped_belongs_to_one_ablation():
    arms = [arm for ablation in ARMS for arm in swept(ablation)["arm"].split(",")]
    assert sorted(arms) == sorted(p.stem for p in (CONF / "arm").glob("*.yaml"))


def test_the_constraints_differ_in_nothing_but_the_constraint():
    params = swept("lipschitz")
    assert params["seed"] == "0,1,2"
    choices = [yaml.safe_load(choice) for choice in params["technique"].replace("],[", "]|[").split("|")]
    assert choices[0] == ["ema"], "first, D with nothing that holds its slope"
    assert all(choice[-1] == "ema" and len(choice) == 2 for choice in choices[1:])
    named = {choice[0] for choice in choices[1:]}
    assert named == {"weight_clipping", "spectral_norm", "gradient_penalty", "dragan", "r1"}
    cfg = played("ablation=lipschitz", "technique=[gradient_penalty,ema]")
    assert list(cfg.technique) == ["gradient_penalty", "ema"]
    assert (cfg.loss._target_, cfg.d_steps, cfg.steps) == ("gan_lightning.losses.wgan.WGAN", 1, 5000)
    assert (cfg.optimizer.lr, list(cfg.optimizer.betas)) == (2e-4, [0.0, 0.9])
    assert cfg.network.D._target_ == MLP + "Discriminator"
