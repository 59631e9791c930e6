"""The installed conf/ as plain data. A configuration from a file is compared with it before anything is built."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gan_lightning.config.where import CONF
from gan_lightning.io.plain import PlainLoader

# groups whose choices set keys elsewhere: the configuration has no such key
GLOBAL = ("experiment", "ablation", "without", "arm", "search")
PATH = object()  # stands in a pattern for a folder: a value from the environment, such as data.root, or init


@cache
def train_yaml() -> dict[str, Any]:
    return dict(yaml.load((CONF / "train.yaml").read_text(), PlainLoader))


def groups() -> tuple[str, ...]:
    """The groups of ``train``."""
    named = [entry for entry in train_yaml()["defaults"] if isinstance(entry, dict)]
    return tuple(name for entry in named for name in entry if not name.startswith("override "))


def choices(group: str, *more: Path) -> set[str]:
    """Names of the installed choices of a group, and of those in further configuration directories."""
    return {file.stem for folder in (CONF, *more) for file in (folder / group).glob("*.yaml")}


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """``old`` with the values of ``new``, dict by dict."""
    both = {k for k in old.keys() & new.keys() if isinstance(old[k], dict) and isinstance(new[k], dict)}
    return {**old, **new, **{k: merged(old[k], new[k]) for k in both}}


def node(group: str, choice: str) -> dict[str, Any]:
    """A choice's YAML with what it inherits from its siblings; other values beside a network are of the same kinds."""
    own = dict(yaml.load((CONF / group / f"{choice}.yaml").read_text(), PlainLoader) or {})
    parents = own.pop("defaults", [])
    for parent in (p for p in parents if isinstance(p, str) and p != "_self_"):
        own = merged(node(group, parent), own)
    return own


@cache
def patterns(name: str) -> tuple[Any, ...]:
    """What may stand under a top-level name of a run's configuration: the node of each choice, or the default."""
    if name in groups() and name not in GLOBAL:
        # without data=auto, whose YAML contains other choices (group@key): a run's configuration has the chosen one
        files = [c for c in choices(name) if "@" not in (CONF / name / f"{c}.yaml").read_text()]
        return tuple(node(name, choice) for choice in sorted(files))
    if name == "init":
        return (PATH,)
    keys = {k: v for k, v in train_yaml().items() if k not in ("defaults", "hydra", *groups())}
    return (keys[name],) if name in keys else ()


def expanded(found: Any) -> list[Any]:
    """All that ``found``, a value in a pattern, may be: itself, or for ``${name.key}`` the values of that key."""
    if not (isinstance(found, str) and found.startswith("${")):
        return [found]
    if found.startswith("${oc.env:"):
        return [PATH]
    first, *rest = re.sub(r"[${}]", "", found).split(".")
    level = list(patterns(first))
    for part in rest:
        level = [child[part] for parent in level if isinstance(parent, dict) and part in parent for child in [parent]]
    return [deeper for item in level for deeper in expanded(item)]


def known_targets() -> set[str]:
    """Every ``_target_`` in the groups of ``train``."""
    found, todo = set[str](), [pattern for group in groups() for pattern in patterns(group)]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            found |= {item["_target_"]} if "_target_" in item else set()
            todo += item.values()
        elif isinstance(item, list):
            todo += item
    return found
