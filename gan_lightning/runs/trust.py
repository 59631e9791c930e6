"""Which classes a configuration from a file, such as that of a stranger's run, may build.

Hydra's instantiate calls whatever a ``_target_`` names. So of a configuration that was read as plain data
(``io/plain.py``), ``checked`` copies only classes that the installed conf/ names at the same key, with arguments that
conf/ lists or the class has, each of the kind that it has there; and only this copy is instantiated. Classes of one's
own may be built where the command says so: ``trust=<package>``.
"""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gan_lightning.config.checks import check_values, leaves
from gan_lightning.config.shipped import groups, patterns
from gan_lightning.io.plain import plain, printable, read_yaml
from gan_lightning.runs.former import with_todays_names
from gan_lightning.runs.own_code import check_trust
from gan_lightning.runs.patterns import Check

MADE = 2**31  # limit of n * side^2 * channels of a dataset that is generated or resized
MOST = {  # limits of what takes memory or time beyond the network, in a file; the command line has none
    "d_steps": 2**12,
    "batch_size": 2**20,
    "callbacks.samples.n": 2**14,
    "callbacks.evaluation.n": 2**20,
    "callbacks.watch.n": 2**14,
    "technique.spectral_norm.iterations": 2**10,
}
UNBUILT = ("trainer", "callbacks", "logger")  # not built where a run is only sampled or evaluated
LATER = ("condition",)  # groups that the oldest runs lack


def checked(config: Any, origin: Path, trust: str | None = None, *, whole: bool = False) -> DictConfig:
    """A copy of ``config`` that may be instantiated; there is no interpolation in it.

    Args:
        config: plain data, as read from a file.
        origin: the file that it was read from, for messages.
        trust: dotted prefix of the modules whose classes may be built too.
        whole: with trainer, callbacks and loggers, which only training builds; else they are left out.

    Raises:
        ValueError: a key that conf/ has not, a value that breaks a rule, or a key that every game needs is missing.
    """
    check = Check(origin, check_trust(trust or None))
    try:
        config = with_todays_names(plain(config))
    except ValueError as error:
        raise ValueError(f"{origin} is not the configuration of a run: {error}. Restore it.") from error
    if not isinstance(config, dict):
        raise ValueError(f"{origin} is not the configuration of a run: it holds no names and values. Restore it.")
    if missing := [name for name in required() if name not in config]:
        raise ValueError(f"{origin} is not the configuration of a run: it lacks {missing[0]}. Restore it.")
    result: dict[str, Any] = {}
    for name, value in config.items():
        shapes = patterns(name)
        if not shapes:
            raise check.fault(printable(name)[:200], "a key of the installed conf/train.yaml", value)
        if name == "technique":  # any number of choices at once
            shapes = ({k: v for shape in shapes for k, v in shape.items()},)
        if whole or name not in UNBUILT:
            result[name] = check.node(value, shapes, name)
    cfg = OmegaConf.create(result)
    try:
        check_size(result["data"])
        check_most(cfg)
        check_values(cfg)
    except ValueError as error:
        raise ValueError(f"{origin} is not the configuration of a run: {error}") from error
    return cfg


def check_size(data: dict[str, Any]) -> None:
    """Raises ValueError where a dataset that is generated or resized would have more than MADE numbers."""
    known = {key: value for key, value in data.items() if isinstance(value, int | float)}
    side, channels = known.get("size", 1), known.get("channels", 1)
    n = max(known.get("n", 2000), known.get("n_test", 0))
    if "root" not in data and n * side * side * channels > MADE:
        raise ValueError(f"data must not make up more than {MADE} numbers, got {known}. Use a smaller size or n.")


def check_most(cfg: DictConfig) -> None:
    """Raises ValueError where a value exceeds its limit in MOST."""
    for key, most in MOST.items():
        value = OmegaConf.select(cfg, key)
        if isinstance(value, int | float) and value > most:
            raise ValueError(f"{key} must not exceed {most} in a file, got {value}. Begin a run of your own.")


def plain_config(path: Path) -> dict[str, Any]:
    """A run's config.yaml as plain data, to be compared or shown. It must not be instantiated: see ``checked``.

    Raises:
        ValueError: the file cannot be read, or has an interpolation.
    """
    config: dict[str, Any] = with_todays_names(read_yaml(path))
    if odd := [key for key, value in leaves(config) if isinstance(value, str) and "${" in value]:
        raise ValueError(
            f"{path} is not the configuration of a run: {printable(odd[0])[:200]} is left to be resolved, and that of "
            "a run is resolved when it begins. Restore it."
        )
    return config


def required() -> list[str]:
    """The keys that the configuration of every run must have."""
    built = [g for g in groups() if patterns(g) and g not in (*UNBUILT, *LATER)]
    return ["steps", "d_steps", "batch_size", "devices", "seed", *built]
