"""What a configuration must fulfil before anything is built: one table of rules, one sentence per fault."""

import math
import os
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from omegaconf import DictConfig, OmegaConf

Rule = tuple[Callable[[Any], bool], str]


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    return is_int(value) or (isinstance(value, float) and math.isfinite(value))


POSITIVE_INT: Rule = (lambda v: is_int(v) and v >= 1, "a whole number, 1 or more")
COUNT: Rule = (lambda v: is_int(v) and v >= 0, "a whole number, 0 or more")
POSITIVE: Rule = (lambda v: is_number(v) and v > 0, "a number above 0")
FRACTION: Rule = (lambda v: is_number(v) and 0 <= v < 1, "a number from 0 up to, not including, 1")
SECONDS: Rule = (lambda v: is_number(v) and v >= 0, "a number of seconds, 0 or more")
TARGET: Rule = (lambda v: is_number(v) and 0 <= v <= 1, "a number from 0 to 1")

# pattern of the key -> (rule, an example to type)
RULES: dict[str, tuple[Rule, str]] = {
    "steps": (POSITIVE_INT, "steps=10000"),
    "d_steps": (POSITIVE_INT, "d_steps=1"),
    "update": ((lambda v: v in ("alternating", "simultaneous"), "alternating or simultaneous"), "update=alternating"),
    "d_loss_weight": (POSITIVE, "d_loss_weight=0.5"),
    "batch_size": ((lambda v: is_int(v) and v >= 2, "a whole number, 2 or more"), "batch_size=64"),
    "devices": (POSITIVE_INT, "devices=1"),
    "seed": (COUNT, "seed=0"),
    "sample_every": (COUNT, "sample_every=1000 (0: never)"),
    "evaluate_every": (COUNT, "evaluate_every=1000 (0: never)"),
    "checkpoint_every": (COUNT, "checkpoint_every=1000 (0: not counted)"),
    "checkpoint_seconds": (SECONDS, "checkpoint_seconds=120 (0: no clock)"),
    "log_every": (COUNT, "log_every=50 (0: never)"),
    "optimizer*.lr": (POSITIVE, "optimizer.lr=2e-4"),
    "optimizer*.momentum": (FRACTION, "optimizer.momentum=0.5"),
    "optimizer*.betas.?": (FRACTION, "optimizer.betas=[0.5,0.999]"),
    "smoothing.*_target": (TARGET, "smoothing=one_sided"),
    "network.?.hidden*": (POSITIVE_INT, "network.G.hidden=[128,128], for maxout network.G.hidden=1200"),
    "network.?.width": (POSITIVE_INT, "network.G.width=32"),
    "network.?.waves": (COUNT, "network.G.waves=32 (0: none)"),
    "network.?.finest": (POSITIVE, "network.G.finest=3.0"),
    "network.?.*dropout": (FRACTION, "network.D.dropout=0.5"),
    "network.D.units": (POSITIVE_INT, "network.D.units=240"),
    "network.D.pieces": (POSITIVE_INT, "network.D.pieces=5"),
    "prior.dim": (POSITIVE_INT, "prior.dim=100"),
    "data.size": (POSITIVE_INT, "data.size=28"),
    "data.n": (POSITIVE_INT, "data.n=1000"),
    "n": ((lambda v: v is None or (is_int(v) and v >= 1), "a whole number, 1 or more"), "n=64"),
    "epochs": (POSITIVE_INT, "epochs=12"),
    "lr": (POSITIVE, "lr=3e-3"),
    "features": (POSITIVE_INT, "features=64"),
    "width": (POSITIVE_INT, "width=32"),
    "shift": (COUNT, "shift=2"),
}


def leaves(node: Any, path: str = "") -> list[tuple[str, Any]]:
    """(dotted key, value) of every scalar below ``node``; the items of a list are numbered."""
    if isinstance(node, dict):
        children: Any = node.items()
    elif isinstance(node, list):
        children = enumerate(node)
    else:
        return [(path, node)]
    return [leaf for key, child in children for leaf in leaves(child, f"{path}.{key}" if path else str(key))]


def check_values(cfg: DictConfig) -> None:
    """Hold every value of ``cfg`` against RULES.

    Raises:
        ValueError: names the key, the rule, the value got and an example that is right.
    """
    for key, value in leaves(OmegaConf.to_container(cfg, resolve=True)):
        for pattern, ((holds, rule), example) in RULES.items():
            if fnmatchcase(key, pattern) and not holds(value):
                raise ValueError(f"{key} must be {rule}, got {value!r}. Write for example {example}")
    if cfg.get("update") == "simultaneous" and cfg.d_steps != 1:
        raise ValueError(
            f"update=simultaneous moves both players on each batch, so d_steps must be 1, got {cfg.d_steps}. "
            "Leave d_steps out, or write update=alternating"
        )
    if "devices" in cfg and cfg.batch_size % cfg.devices:
        raise ValueError(
            f"batch_size must be a multiple of devices, since it counts the images of all processes together; "
            f"got batch_size={cfg.batch_size} and devices={cfg.devices}. "
            f"Write batch_size={cfg.batch_size // cfg.devices * cfg.devices or cfg.devices}"
        )


def check_added_keys(overrides: list[str], cfg: DictConfig) -> None:
    """A key added with ``+`` reaches nobody unless its parent is built from ``_target_``, which checks it.

    Raises:
        ValueError: for a ``+key=value`` that would be dead.
    """
    for override in overrides:
        if not override.startswith("+"):
            continue
        key = override.lstrip("+").split("=", 1)[0]
        parent = OmegaConf.select(cfg, key.rpartition(".")[0]) if "." in key else cfg
        if "/" in key or "@" in key or (isinstance(parent, DictConfig) and "_target_" in parent):
            continue
        raise ValueError(
            f"{override} adds a key that nothing reads. Keys are set without '+'; --help lists them. "
            "Only options of an object (a node with _target_) can be added, such as +optimizer.d.weight_decay=1e-4"
        )


def check_device(cfg: DictConfig) -> None:
    """The chosen device exists and can do the chosen precision.

    Raises:
        ValueError: trainer=gpu without a GPU; fp16 on a CPU.
    """
    import torch

    has_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if not has_gpu:
        # Otherwise Adam looks for NVIDIA's library on disk at every step: 0.4 ms of 18 on two cores.
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    accelerator = cfg.trainer.accelerator
    if accelerator == "gpu" and not has_gpu:
        raise ValueError(
            "trainer=gpu needs a GPU that PyTorch can use (CUDA, ROCm or Apple's MPS), found none. "
            "Use trainer=cpu or trainer=auto, or install a PyTorch build for your GPU."
        )
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not has_gpu)
    if cfg.precision.name == "fp16" and on_cpu:
        raise ValueError(
            "precision=fp16 needs a GPU: its loss scaling does not exist on a CPU, got a CPU. "
            "Use precision=bf16 or precision=fp32."
        )
