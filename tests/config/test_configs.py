"""Every file in conf/ composes, builds and plays one step; a file put there is picked up without being named."""

import inspect
from pathlib import Path

import pytest
import torch
from conftest import TINY
from omegaconf import OmegaConf, open_dict

from gan_lightning.callbacks.libraries import silence_libraries
from gan_lightning.config.build import build_data, build_gan, build_source, drop_unchosen, make
from gan_lightning.config.checks import check_values
from gan_lightning.config.compose import compose
from gan_lightning.config.shipped import known_targets
from gan_lightning.config.where import CONF

OTHERS = (
    "hydra",
    "judge",
    "metrics",
    "study",
    "task",
)  # not groups of train; test_evaluation.py and test_studies.py play them
GROUPS = [p for p in sorted(CONF.iterdir()) if p.is_dir() and p.name not in OTHERS]
CHOICES = [(group.name, file.stem) for group in GROUPS for file in sorted(group.glob("*.yaml")) if file.stem[0] != "_"]
NEEDS = {  # what a choice asks of the machine or of its neighbours
    ("precision", "fp16"): "a GPU",
    ("precision", "auto"): "a timing (test_fastest.py)",
    ("trainer", "gpu"): "a GPU",
    ("trainer", "ddp"): "processes of its own (test_processes.py)",
}
WITH = {
    ("schedule", "goodfellow2014"): ["optimizer=sgd"],
    ("network", "dcgan"): ["technique=[ema]"],
    ("without", "*"): ["experiment=best_mnist_cpu"],
}


def override(group: str, choice: str) -> str:
    return f"technique=[{choice}]" if group == "technique" else f"{group}={choice}"


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_plays_one_step(group, choice, tmp_path):
    cfg = compose(
        "train",
        [override(group, choice), "data.root=nowhere"]
        if choice == "image_folder"
        else [override(group, choice), *WITH.get((group, choice), WITH.get((group, "*"), []))],
    )
    tiny = compose("train", TINY)
    with open_dict(cfg):
        if group == "data":
            source = cfg.data.mnist if "auto" in cfg.data else cfg.data
            assert build_source(source).shape == ((2,) if choice in ("ring8", "grid25") else (1, 28, 28))
        cfg.data = tiny.data
        cfg.data.size, cfg.data.n, cfg.batch_size = 28, 300, 16
        if "supervised" in cfg.technique:
            cfg.data.labelled = 100
        for key in ("log_every", "sample_every", "checkpoint_every"):
            cfg[key] = 0
        cfg.steps = 1
    check_values(cfg)
    drop_unchosen(cfg)
    if (group, choice) in NEEDS:
        pytest.skip(f"{group}={choice} needs {NEEDS[group, choice]}; it composes")
    silence_libraries()
    data = build_data(cfg)
    data.setup()
    gan = build_gan(cfg, data.source.shape, class_counts=data.class_counts, samples=data.reference, labelled=data.known)
    before = [p.detach().clone() for p in gan.parameters()]
    with open_dict(cfg):
        if group != "trainer":
            cfg.trainer.accelerator = "cpu"
    trainer = make(cfg.trainer, default_root_dir=str(tmp_path), max_steps=1 + cfg.d_steps, logger=False)
    trainer.fit(gan, datamodule=data)
    assert gan.g_steps_done == 1
    assert torch.isfinite(gan.latest["loss/d"])
    assert torch.isfinite(gan.latest["loss/g"])
    moved = [not torch.equal(a, b) for a, b in zip(before, gan.parameters(), strict=True)]
    assert sum(moved) > len(moved) / 2


@pytest.mark.parametrize(
    ("smoothing", "targets"), [("none", (1, 0)), ("one_sided", (0.9, 0)), ("two_sided", (0.9, 0.1))]
)
@pytest.mark.parametrize("loss", ["mmgan", "nsgan"])
def test_smoothing_reaches_the_loss(smoothing, targets, loss):
    built = make(compose("train", [f"loss={loss}", f"smoothing={smoothing}"]).loss)
    assert (built.real_target, built.fake_target) == targets


def test_each_player_has_its_own_settings():
    cfg = compose("train", ["optimizer.lr=1e-3", "optimizer.d.lr=4e-4", "optimizer.g.betas=[0.5,0.9]"])
    OmegaConf.resolve(cfg)
    assert (cfg.optimizer.d.lr, cfg.optimizer.g.lr) == (4e-4, 1e-3)
    assert (cfg.optimizer.d.betas, cfg.optimizer.g.betas) == ([0.0, 0.99], [0.5, 0.9])


def test_fp16_takes_the_unfused_optimizer():
    """A fused optimizer unscales for itself: clipping and logged norms would see scaled gradients."""
    fused = {p: compose("train", [f"precision={p}"]).optimizer.d.fused for p in ("fp32", "bf16", "fp16")}
    assert fused == {"fp32": True, "bf16": True, "fp16": False}


def test_ddp_copes_with_the_player_that_waits():
    assert "find_unused_parameters_true" in compose("train", ["trainer=ddp"]).trainer.strategy


def test_the_targets_of_conf_are_found():
    targets = known_targets()
    assert {"gan_lightning.losses.nsgan.NSGAN", "torch.optim.Adam", "lightning.pytorch.Trainer"} <= targets
    assert "gan_lightning.core.schedules.Linear" in targets, "also inside braces"


def test_every_group_says_what_its_choices_are():
    for group, choice in CHOICES:
        text = Path(CONF / group / f"{choice}.yaml").read_text()
        assert text.startswith("#") or group in ("callbacks", "logger"), f"{group}/{choice} has no line of its own"


def test_smoothing_beside_a_loss_without_targets_is_refused():
    cfg = compose("train", [*TINY, "smoothing=one_sided"])
    with open_dict(cfg):
        del cfg.loss.real_target
    with pytest.raises(ValueError, match=r"label smoothing needs a loss with targets.*got targets \(0.9, 0.0\)"):
        build_gan(cfg, (1, 8, 8))


@pytest.mark.parametrize("name", [choice for group, choice in CHOICES if group == "technique"])
def test_a_technique_built_in_python_is_the_one_of_the_command_line(name):
    """Its knobs have the defaults of its YAML, beside a network that has no settings of its own for it."""
    configured = make(compose("train", ["network=mlp", f"technique=[{name}]"]).technique[name])
    parameters = inspect.signature(type(configured).__init__).parameters.values()
    required = {p.name for p in list(parameters)[1:] if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD}
    plain = type(configured)(**{key: getattr(configured, key) for key in required})
    knobs = {key: value for key, value in vars(configured).items() if isinstance(value, int | float | str | None)}
    assert {key: vars(plain)[key] for key in knobs} == knobs


@pytest.mark.parametrize("command", [p.stem for p in sorted(CONF.glob("*.yaml")) if p.stem != "train"])
def test_a_command_says_in_its_own_file_what_it_is_for(command):
    """One page of help is shared by all; train has groups and keys to explain."""
    conf = OmegaConf.load(CONF / f"{command}.yaml")
    assert {"override hydra/help": "command"} in conf.defaults
    assert f"python -m gan_lightning.{command}" in conf.hydra.help.header
    assert sorted(p.stem for p in (CONF / "hydra" / "help").iterdir()) == ["command", "train"]
