"""Checks of a command line before Hydra sees it: options that do not exist, words that are no key=value."""

import argparse
import contextlib
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from gan_lightning.config.explained import groups_of
from gan_lightning.config.hydra_internals import get_args_parser
from gan_lightning.config.unknown import (
    LISTS,
    composed,
    names_in,
    no_such_key,
)
from gan_lightning.config.where import CONF

OWN = "A file with settings of your own lies in conf/experiment/, or below --config-dir: write experiment=<name>"


def arranged(argv: Sequence[str], config_name: str) -> list[str]:
    """``argv`` with Hydra's own options (``-m``, ``--help``) before the overrides, wherever they were typed.

    A command that needs a choice (``study``) and is typed alone gets ``--help``.

    Raises:
        ValueError: an option that does not exist, a word without ``=``, an empty range, or a directory without a name.
    """
    needed = [name for name, choice in groups_of(CONF / f"{config_name}.yaml").items() if choice == "???"]
    if needed and len(argv) == 1:
        argv = [argv[0], "--help"]
    known, left = options_of(argv[1:], config_name)
    found = {*(known.overrides or []), *left}
    overrides = [word for word in argv[1:] if word in found]
    options = [word for word in argv[1:] if word not in found]
    if known.help:  # shown without a choice where one has to be typed
        overrides += [f"~{name}" for name in needed if not any(o.startswith(f"{name}=") for o in overrides)]
    dashed: dict[str, str] = {}  # word -> key=value
    for at, word in enumerate(overrides):
        after = overrides[at + 1] if at + 1 < len(overrides) and "=" not in overrides[at + 1].lstrip("=") else ""
        if word.startswith("-"):
            key = word.lstrip("-")
            value = "" if after.startswith("-") else after.lstrip("=")
            dashed[word] = key if "=" in key else f"{key}={value or '<value>'}"
    if dashed:
        raise ValueError(no_such_option(dashed, config_name))
    for at, word in enumerate(overrides):
        after = overrides[at + 1] if at + 1 < len(overrides) and "=" not in overrides[at + 1].lstrip("=") else ""
        if "=" not in word and not word.startswith("~"):
            before = overrides[at - 1] if at else ""
            raise ValueError(
                f"{word} is not of the form key=value. Write {suggestion(word, before, after, config_name)}; "
                "--help lists the keys."
            )
        if re.search(r"=range\(", word) and (empty := key_of_empty_range(word)):
            raise ValueError(f"{word} names no value. Write for example '{empty}=range(0,3)', which is 0, 1 and 2.")
        if word.lstrip("+") in ("hydra.run.dir=", "hydra.sweep.dir=", "run=", "runs=", "folder="):
            raise ValueError(f"{word} must name a directory, got nothing. Write {word}<folder>, or leave it out.")
    if "hydra/launcher=slurm" in overrides and shutil.which("srun") is None:
        raise ValueError(
            "hydra/launcher=slurm needs the command srun of a Slurm cluster, found none. Write "
            "hydra/launcher=slurm_local, which runs the jobs as processes of this machine, or leave it out."
        )
    return [argv[0], *options, *overrides]


def options_of(words: Sequence[str], config_name: str) -> tuple[argparse.Namespace, list[str]]:
    """Hydra's options among ``words``, parsed, and the words that Hydra does not know.

    Raises:
        ValueError: an option without its value, or one that puts another file in place of the command's own.
    """
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise ValueError(f"{message.rstrip('.')}. {OWN}")

    parser.error = refuse  # type: ignore[method-assign]
    known, left = parser.parse_known_args(list(words))
    for name in ("config_name", "config_path"):
        if value := getattr(known, name):
            option = f"--{name.replace('_', '-')}={value}"
            raise ValueError(f"{option} would take another file in place of {config_name}.yaml. {OWN}")
    return known, left


def key_of_empty_range(word: str) -> str | None:
    """The key of ``key=range(...)`` where the range has no value; else None."""
    with contextlib.suppress(HydraException):
        override = OverridesParser.create().parse_overrides([word])[0]
        if override.is_range_sweep() and not list(override.sweep_iterator()):
            return override.key_or_group
    return None


def no_such_option(dashed: dict[str, str], config_name: str) -> str:
    """What to type instead of options that do not exist: the key without dashes, or this project's word for it.

    Args:
        dashed: each word as it was typed -> ``key=value``.
    """
    cfg = composed(config_name, [])
    names = names_in(OmegaConf.to_container(cfg))
    keys = {pair: pair.partition("=")[0] for pair in dashed.values()}
    ours = [pair for pair, key in keys.items() if key in names or (CONF / key).is_dir()]
    others = [no_such_key(key, config_name, [pair], cfg) for pair, key in keys.items() if pair not in ours]
    are = "is no option" if len(dashed) == 1 else "are no options"
    parts = [f"{', '.join(dashed)} {are}: keys are typed without dashes, as key=value."]
    parts += [f"Write {' '.join(ours)}"] if ours else []
    parts += [f"T{sentence[1:].removesuffix(LISTS)}" for sentence in others]  # "there is no key ..."
    return " ".join(parts)


LIKELY = ("run", "runs", "study", "folder")  # keys, in this order, whose value a word without = most often is


def suggestion(word: str, before: str, after: str, config_name: str) -> str:
    """What to type for a word without ``=``, which stands between ``before`` and ``after``."""
    if word in ("help", "?"):
        return "--help"
    if match := re.fullmatch(r"([A-Za-z_][\w.]*):(\S*)", word):  # as YAML has it
        return f"{match[1]}={match[2] or after.lstrip('=') or '<value>'}"
    if before.endswith("="):
        return before + word
    runs = {"evaluate": "run", "compare": "runs"}.get(config_name)
    if after and runs and after[0] != "=" and word not in ("metrics", *OmegaConf.load(CONF / f"{config_name}.yaml")):
        return f"{runs}={word}; several are a glob in quotes ('{runs}=<folder>/*')"
    if after:
        return f"{word}={after.lstrip('=')}"
    if config_name == "train" and word.endswith((".yaml", ".yml")):
        return f"experiment={Path(word).stem}, with the file in conf/experiment/"
    own = OmegaConf.load(CONF / f"{config_name}.yaml")
    names = {*own, *(name for entry in own.defaults if not isinstance(entry, str) for name in entry)}
    key = next((key for key in LIKELY if key in names), None)
    for group in sorted(p for p in CONF.iterdir() if p.is_dir() and config_name in ("train", "judge")):
        if (group / f"{word}.yaml").is_file():
            return f"technique=[{word}]" if group.name == "technique" else f"{group.name}={word}"
    if config_name == "study":
        word = word.partition(",")[0]
    if key:
        return f"{key}={word}"
    return f"{word}=<value>" if word in names_in(OmegaConf.to_container(composed(config_name, []))) else f"<key>={word}"
