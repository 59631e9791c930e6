"""Checks of the overrides in a run's record.json or a sweep's multirun.yaml, before they are given to Hydra once more.

Hydra composes whatever an override names: a file by its path (``loss=../../x``), a package (``loss@hydra=x``), its own
logging and callbacks, which run code. Only what chooses an installed name, or sets a plain value of the game, is used.
"""

import math
import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    OverrideType,
    QuotedString,
    RangeSweep,
    ValueType,
)
from hydra.errors import HydraException

from gan_lightning.config.shipped import choices, groups, train_yaml
from gan_lightning.io.plain import CONTROL, first_line, printable

KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9][A-Za-z0-9_]*)*")
NAME = re.compile(r"[A-Za-z0-9_]+")
ONCE = {"resume", "resume_override", "continue", "trust"}  # keys that hold only for the command they are typed in
WITH_VALUE = {"--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn", "--package", "-p", "--cfg", "-c"}
MOST, LONGEST, JOBS = 1000, 5_000, 10_000  # limits: overrides, their characters together, jobs of a sweep
PROCESSES = 4 * max(4, os.cpu_count() or 1)  # how many a file may ask for

# Overrides of Hydra's own keys that a recorded sweep may have: they say how its jobs run.
LAUNCHING = {
    "hydra/launcher": {"basic", "joblib", "slurm", "slurm_local", "submitit_slurm", "submitit_local"},
    "hydra/sweeper": {"basic", "optuna"},
    "hydra/sweeper/sampler": {"tpe", "random", "cmaes", "nsgaii", "motpe", "grid"},
    "hydra.sweeper.direction": {"minimize", "maximize"},
}
LAUNCH_NUMBERS = {
    *(f"hydra.launcher.{knob}" for knob in (
        "n_jobs", "verbose", "timeout", "timeout_min", "nodes", "tasks_per_node", "cpus_per_task", "gpus_per_node",
        "gpus_per_task", "cpus_per_gpu", "mem_gb", "signal_delay_s", "max_num_timeout", "array_parallelism")),
    *(f"hydra.sweeper.{knob}" for knob in ("n_trials", "n_jobs", "max_failure_rate", "sampler.seed")),
}  # fmt: skip
LAUNCH_WORDS = {f"hydra.launcher.{knob}" for knob in ("partition", "qos", "account", "constraint")}


def parsed(overrides: Any, origin: Path) -> list[Override]:
    """The overrides that the file ``origin`` has, parsed; no name in them is looked up.

    Raises:
        ValueError: they are no list of overrides, or too many.
    """
    try:
        if not isinstance(overrides, list) or len(overrides) > MOST:
            raise ValueError("it has no list of overrides")
        for line in overrides:
            if not isinstance(line, str) or len(line) > LONGEST or CONTROL.search(line) or "\n" in line:
                raise ValueError(f"{printable(str(line))[:80]!r} is no override")
        if sum(map(len, overrides)) > LONGEST:  # the parser takes 5 s for 8,000
            raise ValueError(f"its overrides have more than {LONGEST} characters")
        return list(_parsed(tuple(overrides)))
    except (ValueError, HydraException, RecursionError, ArithmeticError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{origin} does not tell how it was begun: {first_line(error)}. Begin anew, or restore it."
        ) from error


@cache
def _parsed(overrides: tuple[str, ...]) -> list[Override]:
    return OverridesParser.create().parse_overrides(list(overrides))


def typed_keys(arguments: Iterable[str]) -> set[str]:
    """The keys of the overrides among ``arguments``, those of the present command line."""
    return {a.lstrip("+~").split("=", 1)[0] for a in arguments if not a.startswith("-")}


def own_folders(arguments: Sequence[str]) -> list[Path]:
    """The directories behind ``--config-dir`` in the present command line."""
    found = [a.split("=", 1)[1] for a in arguments if a.startswith("--config-dir=")]
    found += [arguments[i + 1] for i, a in enumerate(arguments[:-1]) if a in ("--config-dir", "-cd")]
    return [Path(folder) for folder in found]


def options_first(arguments: Sequence[str]) -> list[str]:
    """``arguments`` with Hydra's options, and the values that follow them, before the overrides, as Hydra needs it."""
    options, others = list[str](), list[str]()
    for before, argument in zip(["", *arguments], arguments, strict=False):
        (options if argument.startswith("-") or before in WITH_VALUE else others).append(argument)
    return [*options, *others]


def game_overrides(overrides: Any, origin: Path, typed: Sequence[str] = (), *, sweeps: bool = False) -> list[str]:
    """The recorded overrides of a game, without those whose key is in ``typed``.

    Args:
        overrides: as read from the file ``origin``.
        typed: the present command line, whose ``--config-dir`` adds choices.
        sweeps: a key may have several values.

    Raises:
        ValueError: names the first override that does more than choose an installed name or set a plain value.
    """
    again = typed_keys(typed) | ONCE
    found = [o for o in parsed(overrides, origin) if o.key_or_group not in again]
    if sweeps and math.prod(map(n_values, found)) > JOBS:
        raise ValueError(f"{origin} asks for more than {JOBS} jobs. It was not written by this project.")
    for override in found:
        why = reason_to_refuse(override, own_folders(typed), sweeps)
        if why:
            line = printable(str(override.input_line))[:200]
            raise ValueError(
                f"{origin} says {line}, which is no part of a game: {why}. If you mean it, type it yourself."
            )
    pictures = "data=image_folder" in {*typed, *(str(o.input_line) for o in found)}
    return [str(o.input_line) for o in found if not is_elsewhere(o, pictures)]


def is_elsewhere(override: Override, pictures: bool) -> bool:
    """Does it name a data folder that holds no data on this machine? Then it is left out: nothing is downloaded there.

    ``pictures``: the folder is one of pictures (data=image_folder), into which nothing is ever downloaded.
    """
    if override.key_or_group not in ("data.root", "data.mnist.root"):
        return False
    here = (lambda folder: any(folder.glob("*/*.*"))) if pictures else has_mnist
    return not all(here(Path(str(value))) for value in values_of(override))


def has_mnist(folder: Path) -> bool:
    return len(list(folder.glob("*MNIST/raw/*-ubyte"))) >= 4


def reason_to_refuse(override: Override, folders: Sequence[Path], sweeps: bool) -> str | None:
    """Why a recorded override is not used again, in words; None if it is.

    Args:
        folders: further directories with choices, from ``--config-dir``.
        sweeps: its key may have several values.
    """
    key = override.key_or_group
    top = key.split(".")[0]
    if override.package is not None or not KEY.fullmatch(key) or "${" in str(override.input_line):
        return "a key is a dotted name, a value has no interpolation"
    if top not in groups() and (top not in train_yaml() or top in ("hydra", "defaults")):
        return f"{top} is no key of conf/train.yaml"
    if key == "devices" and any(isinstance(v, int | float) and v > PROCESSES for v in values_of(override)):
        return f"a file may ask for {PROCESSES} processes here"
    if override.is_sweep_override() and not (sweeps and is_list(override)):
        return "it has several values"
    values = values_of(override)
    if key in groups():
        if override.type not in (OverrideType.CHANGE, OverrideType.DEL):
            return "a group has its choice already"
        names = [name for value in values for name in (value if isinstance(value, list) else [value])]
        known = choices(key, *folders)
        strange = [n for n in names if n is not None and not (type(n) is str and NAME.fullmatch(n) and n in known)]
        if not strange:
            return None
        return f"{key} has no choice {strange[0]!r:.80} here or in a --config-dir that is typed now"
    if key == "logger.wandb.offline" and values != [True]:
        return "the curves would be sent to a server"
    if override.type in (OverrideType.ADD, OverrideType.FORCE_ADD) and "." not in key:
        return "nothing reads an added key"
    if top == "data" and any(isinstance(value, dict) for value in values):
        return "a dataset's knobs are set one by one"
    return None if all(is_plain(value) for value in values) else "its value is not plain"


def is_list(override: Override) -> bool:
    """Are its values known without looking at conf/, as those of ``glob(*)`` are not?"""
    return override.value_type != ValueType.GLOB_CHOICE_SWEEP


def text(value: Any) -> Any:
    """``value`` with Hydra's QuotedString objects replaced by their text."""
    if isinstance(value, QuotedString):
        return value.text
    return [text(child) for child in value] if isinstance(value, list) else value


def values_of(override: Override) -> list[Any]:
    """The values that an override gives its key: one, or those of a sweep; of a range or an interval its ends."""
    value = override._value
    if isinstance(value, ChoiceSweep):
        return [text(child) for child in value.list]
    if isinstance(value, RangeSweep):
        return [value.start, value.stop, value.step]
    if isinstance(value, IntervalSweep):
        return [value.start, value.end]
    return [text(value)]


def n_values(override: Override) -> float:
    """How many values a sweep gives its key; inf where that is not known."""
    value = override._value
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if isinstance(value, RangeSweep):
        ends = [float(v) for v in (value.start, value.stop, value.step) if v is not None]
        if len(ends) < 3 or not all(map(math.isfinite, ends)) or not ends[2]:
            return math.inf
        return max(0.0, (ends[1] - ends[0]) / ends[2])
    return 1


def is_plain(value: Any, depth: int = 0) -> bool:
    """Is it a number, a string without interpolations, true, false or null, or lists and dicts of these?"""
    if isinstance(value, QuotedString):
        value = value.text
    if isinstance(value, dict):
        keys = [text(key) for key in value]
        return depth < 5 and all(
            type(k) is str and KEY.fullmatch(k) and is_plain(v, depth + 1)
            for k, v in zip(keys, value.values(), strict=True)
        )
    if isinstance(value, list):
        return depth < 5 and all(is_plain(child, depth + 1) for child in value)
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and "${" not in value)


def launcher_overrides(overrides: Any, origin: Path, typed: Sequence[str] = ()) -> list[str]:
    """The recorded overrides of Hydra's own keys, without those whose key is in ``typed``.

    Raises:
        ValueError: names the first that is more than a known launcher or sweeper, or one of their plain options.
    """
    again = typed_keys(typed) | {"hydra.sweep.dir", "hydra.mode"}  # set anew
    kept = [o for o in parsed(overrides, origin) if o.key_or_group not in again]
    for override in kept:
        key, value = override.key_or_group, text(override._value)
        crowd = key.endswith(".n_jobs") and isinstance(value, int | float) and value > PROCESSES
        right = (
            (key in LAUNCHING and type(value) is str and value in LAUNCHING[key])
            or (key in LAUNCH_NUMBERS and (value is None or type(value) in (int, float, bool)) and not crowd)
            or (key in LAUNCH_WORDS and type(value) is str and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value))
        )
        if not right or override.package is not None or override.type != OverrideType.CHANGE:
            line = printable(str(override.input_line))[:200]
            raise ValueError(
                f"{origin} says {line}, which is not how this project starts jobs. If you mean that, type it "
                "behind continue=, or type the sweep anew."
            )
    return [str(o.input_line) for o in kept]
