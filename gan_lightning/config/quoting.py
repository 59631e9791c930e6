"""Quotes around paths on command lines: a person quotes for the shell, and those for Hydra's grammar are added here."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

# their values are paths
KEYS = ("run", "runs", "out", "to", "init", "images", "mask", "root", "data.root", "hydra.run.dir", "hydra.sweep.dir")


def quoted(text: str) -> str:
    """``text`` as a quoted string of Hydra's grammar, in which ``${...}`` still means an interpolation."""
    return "'" + re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), text) + "'"


def for_hydra(path: str | Path) -> str:
    """What Hydra reads back as exactly this path; without quotes where it needs none."""
    text = re.sub(r"(\\*)\$\{", lambda m: m[1] * 2 + r"\${", str(path))
    return text if reads_as(text) == text == str(path) else quoted(text)


def reads_as(text: str) -> object:
    """The value that Hydra's grammar sees in ``text``; None where it sees none, or several."""
    try:
        return OverridesParser.create().parse_override(f"key={text}").value()
    except HydraException:
        return None


def typed_for_hydra(arguments: Sequence[str]) -> list[str]:
    """The arguments, with quotes around each path that Hydra would not read as the text it is.

    A person may thus type ``'run=a b=c'`` for a directory ``a b=c``. What is quoted for Hydra already stays, and so
    does a list in a multirun, which is a sweep.
    """
    multirun = bool({"-m", "--multirun"} & set(arguments))
    return [_quote_path(_expand_home(argument), multirun) for argument in arguments]


def _expand_home(argument: str) -> str:
    """``key=~/folder`` with the home folder in place of ``~``, which shells do not expand behind ``=``."""
    key, _, text = argument.partition("=")
    return f"{key}={Path(text).expanduser()}" if re.match(r"~(/|$)", text) else argument


def _quote_path(argument: str, multirun: bool) -> str:
    key, equals, text = argument.partition("=")
    sweep = multirun and not key.startswith("hydra.")
    if not equals or key.lstrip("+") not in KEYS or text in ("", "null") or sweep or _in_quotes(text):
        return argument
    return argument if reads_as(text) == text.strip() else f"{key}={quoted(text)}"


def _in_quotes(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" and isinstance(reads_as(text), str)


def typed_path(text: str) -> str:
    """The path behind ``resume=`` or ``continue=``, which Hydra never sees; with or without its quotes."""
    text = str(reads_as(text)) if _in_quotes(text) and not Path(text).exists() else text
    return str(Path(text).expanduser()) if re.match(r"~(/|$)", text) else text


def word(key: str, path: str | Path) -> str:
    """``key=path`` as one word of a command to be pasted into a shell."""
    return shlex.quote(f"{key}={path}")
