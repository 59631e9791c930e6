"""Checks of what was typed against conf/: overrides that cannot be meant, and values of another kind than the default.

Where the default is a number, the value has to be a number; where it is a list of numbers, a list of numbers.
"""

import functools
import math
from fnmatch import fnmatchcase
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

# Keys that may be null although their default is not null; the comment in their YAML says what null means.
NULLABLE = (
    "metrics.*",
    "technique.gradient_clipping.?",
    "technique.r?.final_weight",
    "technique.r?.sigma",
    "study.steps",
)


def shipped(config_name: str, overrides: tuple[str, ...]) -> dict[str, Any]:
    """The configuration with the groups of ``overrides`` and no values, as plain data. Only inside a job of Hydra."""
    loader = GlobalHydra.instance().config_loader()
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    groups = tuple(o.input_line for o in parsed if o.input_line and loader.get_group_options(o.key_or_group))
    return _shipped(config_name, groups)


@functools.lru_cache(maxsize=8)
def _shipped(config_name: str, groups: tuple[str, ...]) -> dict[str, Any]:
    cfg = GlobalHydra.instance().config_loader().load_configuration(config_name, list(groups), RunMode.RUN)
    plain: Any = OmegaConf.to_container(cfg)
    return {key: value for key, value in plain.items() if key != "hydra"}


# option of Lightning's Trainer -> what to type instead
TRAINER = {
    "max_epochs": "steps=<G steps>",
    "max_steps": "steps=<G steps>",
    "min_steps": "steps=<G steps>",
    "max_time": "max_time=<time>",
    "limit_train_batches": "steps=<G steps>",
    "accumulate_grad_batches": "batch_size=<images>",
    "gradient_clip_val": "'technique=[gradient_clipping]'",
    "devices": "devices=<processes>",
    "precision": "precision=bf16",
    "callbacks": "a node of its own: +callbacks.<name>._target_=<class>",
    "logger": "a node of its own: +logger.<name>._target_=<class>",
    "enable_checkpointing": "checkpoint_every=<G steps>",
    "use_distributed_sampler": "nothing: each process gets its rows of the batch",
    "default_root_dir": "hydra.run.dir=<folder>",
}

# What may be taken out with ~
REMOVABLE = (
    "~callbacks.*",
    "~logger.*",
    "~technique*",
    "~trainer.*",
    "~experiment*",
    "~ablation*",
    "~without*",
    "~arm*",
    "~search*",
    "~study.arms.*",
    "~study.entries.*",
)

VARYING = ("ablation", "search")  # groups whose choice says what a multirun varies


def check_typed() -> None:
    """Refuse overrides that cannot be meant, whatever their values. Only inside a job of Hydra.

    Raises:
        ValueError: a needed key is taken out, a technique named twice, an option of the Trainer set that has a key of
            its own here, or a search or an ablation asked for in a single run.
    """
    hydra = HydraConfig.get()
    for override in hydra.overrides.task:
        if override.startswith("~") and not any(fnmatchcase(override, p) for p in REMOVABLE):
            name = override[1:].partition("=")[0]
            raise ValueError(
                f"{override} must take out a callback, a logger or a technique, such as ~callbacks.samples, got "
                f"{name}, without which nothing runs. Leave it out, or write {name}=<another value>"
            )
        key, _, value = override.lstrip("+").partition("=")
        if key.startswith("trainer.") and key.removeprefix("trainer.") in TRAINER:
            raise ValueError(
                f"{key} is not for typing: the game sets it, and {override!r} would be lost or change what is played. "
                f"Write {TRAINER[key.removeprefix('trainer.')]}"
            )
        if key == "technique":
            names = [name.strip(" '\"") for name in value.strip("[]").split(",")]
            if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
                raise ValueError(
                    f"technique must name each technique once, got {value}. "
                    f"Write 'technique=[{','.join(dict.fromkeys(names))}]': {twice[0]} has one set of knobs."
                )
    for group in VARYING:
        choice = hydra.runtime.choices.get(group)
        if choice and hydra.mode is not None and hydra.mode.name == "RUN":
            raise ValueError(
                f"{group}={choice} varies its keys from run to run, which needs a multirun, got a single run. Put -m "
                f"in front: python -m gan_lightning.train -m {group}={choice}"
            )


def check_kinds(cfg: DictConfig) -> None:
    """Check that every value is of the kind of its default. Only inside a job of Hydra.

    Raises:
        ValueError: names the key, the kind, the value got and the default.
    """
    hydra = HydraConfig.get()
    defaults = shipped(str(hydra.job.config_name), tuple(hydra.overrides.task))
    check_kind(OmegaConf.to_container(cfg, resolve=True), resolved(defaults))


def resolved(plain: dict[str, Any]) -> Any:
    """``plain`` with its interpolations replaced by their values."""
    return OmegaConf.to_container(OmegaConf.create(plain), resolve=True)


def check_kind(value: Any, default: Any, key: str = "") -> None:
    """Compare ``value`` with ``default``, key by key; the arguments of a class that is not this project's are skipped.

    Raises:
        ValueError: a value is of another kind than its default.
    """
    if isinstance(default, dict) and isinstance(value, dict):
        if default.get("_target_", "gan_lightning.").split(".")[0] == "gan_lightning":
            for name in default.keys() & value.keys():
                check_kind(value[name], default[name], f"{key}.{name}" if key else str(name))
        return
    if default is None or (value is None and any(fnmatchcase(key, p) for p in NULLABLE)):
        return
    kind, holds = kind_of(default)
    if not holds(value):
        raise ValueError(f"{key} must be {kind}, got {value!r}. Write for example {example(key, default)}")


def kind_of(default: Any) -> tuple[str, Any]:
    """(the kind in words, a function that says whether a value is of it)."""
    if isinstance(default, bool):
        return "true or false", lambda v: isinstance(v, bool)
    if isinstance(default, int):
        return "a whole number", lambda v: isinstance(v, int) and not isinstance(v, bool)
    if isinstance(default, float):
        return "a number", is_finite
    if isinstance(default, list):
        if default and all(isinstance(item, int) for item in default):
            return "a list of whole numbers", lambda v: isinstance(v, list) and all(kind_of(0)[1](i) for i in v)
        if default and all(isinstance(item, int | float) for item in default):
            return "a list of numbers", lambda v: isinstance(v, list) and all(map(is_finite, v))
        return "a list", lambda v: isinstance(v, list)
    if isinstance(default, dict):
        return "a group of keys, each of which is set by itself", lambda v: isinstance(v, dict)
    return "a word", lambda v: isinstance(v, str | int | float) and not isinstance(v, bool)


def is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def example(key: str, default: Any) -> str:
    """``key`` with its default, as it is typed."""
    if isinstance(default, dict):
        first = next((k for k in default if not str(k).startswith("_")), "<key>")
        return f"{key}.{first}=<value>"
    if isinstance(default, list):
        return f"'{key}=[{','.join(map(str, default))}]'"
    return f"{key}={str(default).lower() if isinstance(default, bool) else default}"
