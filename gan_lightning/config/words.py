"""All choices of a configuration that is played, by their words, and what would be typed for any of its keys."""

from collections.abc import Mapping
from typing import Any

from gan_lightning.config.checks import leaves
from gan_lightning.config.choices import LONGEST, choice_of, smoothing_of, techniques_of
from gan_lightning.config.shipped import GLOBAL, groups
from gan_lightning.io.tables import line

NOT_TOLD = ("trainer", "callbacks", "logger", *GLOBAL)


def choice_words(config: Mapping[str, Any]) -> dict[str, str]:
    """Group -> word of what ``config``, the content of a config.yaml, has there; only groups that it has."""
    return {group: word_of(group, config) for group in groups() if group in config and group not in NOT_TOLD}


def word_of(group: str, config: Mapping[str, Any]) -> str:
    there = config[group]
    if not isinstance(there, Mapping):
        return line(there)[:LONGEST]  # a file that was written by hand
    if group == "technique":
        return techniques_of(config)
    if group == "smoothing":
        return smoothing_of(config)
    return choice_of(group, there) if there else "none"


def typed_as(config: Mapping[str, Any], key: str) -> str:
    """What ``config`` has under ``key``, as it would be typed: a group's word, a value, or "none" where it has none."""
    words = choice_words(config)
    if key in words:
        return words[key]
    values = dict(leaves(config))
    if key in values:
        return "none" if values[key] is None else str(values[key])
    items = [str(value) for name, value in values.items() if name.rpartition(".")[0] == key]
    return f"[{','.join(items)}]" if items else "none"
