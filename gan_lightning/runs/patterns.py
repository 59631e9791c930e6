"""Checks of a configuration from a file against conf/: each value must be of a kind that conf/ has at the same key.

A pattern is a value that conf/ has at a key, as plain data; several choices of a group give several patterns. In all
methods ``shapes`` are the patterns for a value, and ``at`` is its dotted key, for messages.
"""

import importlib
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_lightning.config.shipped import PATH, expanded
from gan_lightning.io.plain import CONTROL, printable
from gan_lightning.runs.own_code import is_below, own_class

WORD = re.compile(r"[A-Za-z0-9_.:+-]{0,100}")  # a string that names a choice, never a path


NUMBERS, LONGEST = 2.0**63, 1000  # limits of a number's size, and of the length of a list or a path
OPEN = re.compile(r"(technique|callbacks|logger)\.[A-Za-z][A-Za-z0-9_]*")  # keys whose last part may be any name


@dataclass(frozen=True)
class Check:
    """The rules for one file: each method checks a value against its patterns and returns a copy that may be built.

    Nothing of the given value is handed on that was not checked. Each method raises ValueError where the value breaks a
    rule, with the key, the rule and the value.

    Attributes:
        origin: the file, for messages.
        trust: prefix of the modules of the reader's own code, whose classes may be built; "" for none.
    """

    origin: Path
    trust: str = ""

    def fault(self, at: str, rule: str, got: Any) -> ValueError:
        """The error for a value ``got`` at ``at`` that breaks ``rule``."""
        shown = printable(repr(got))[:200]
        return ValueError(
            f"{self.origin} is not the configuration of a run: {at} must be {rule}, got {shown}. "
            "A configuration from a file may only say what the installed conf/ has in that place."
        )

    def node(self, value: Any, shapes: Sequence[Any], at: str) -> Any:
        """Any value at the key ``at``, against the patterns ``shapes``."""
        shapes = [deeper for shape in shapes for deeper in expanded(shape)]
        if isinstance(value, dict):
            return self.built(value, shapes, at) if "_target_" in value else self.mapping(value, shapes, at)
        if isinstance(value, list):
            return self.sequence(value, shapes, at)
        return self.scalar(value, shapes, at)

    def built(self, value: dict[str, Any], shapes: Sequence[Any], at: str) -> dict[str, Any]:
        """A mapping with a ``_target_``: conf/ names that target at this key, or it is the reader's own code.

        Its arguments are those that conf/ lists for the target, or that the class has with a default.
        """
        target = value["_target_"]
        candidates = [s for s in shapes if isinstance(s, dict) and "_target_" in s]
        same = [s for s in candidates if s["_target_"] == target]
        if not same:
            own_place = candidates or OPEN.fullmatch(at)
            if own_place and isinstance(target, str) and is_below(target, self.trust):
                return self.own(value, any("_partial_" in s for s in candidates), at)
            raise self.foreign(target, at)
        name = same[0]["_target_"]
        result: dict[str, Any] = {"_target_": name}
        for key, child in value.items():
            here = f"{at}.{key}"
            listed = [s[key] for s in same if key in s]
            if key == "_partial_" and listed == [child] * len(same):
                result[key] = True
            elif key.startswith("_") and key != "_target_":
                raise self.fault(here, "left out, as in conf/", child)
            elif key != "_target_":
                result[key] = self.node(child, listed or [self.default(name, key, here, child)], here)
        if any("_partial_" in s for s in same) and "_partial_" not in result:
            raise self.fault(f"{at}._partial_", "true, as in conf/", None)
        return result

    def default(self, target: str, key: str, at: str, got: Any) -> Any:
        """The pattern of an argument that conf/ does not list: the default that the class has for it.

        Of another library's class only numbers and booleans may be set: a string could be a path or a command.
        """
        module, _, name = target.rpartition(".")
        known = inspect.signature(getattr(importlib.import_module(module), name)).parameters
        if key not in known or known[key].default is inspect.Parameter.empty:
            raise self.fault(at, f"an argument of {target} that has a default", got)
        default = known[key].default
        if isinstance(default, tuple):
            return list(default)
        if not target.startswith("gan_lightning.") and not isinstance(default, bool | int | float):
            return 0 if not isinstance(got, bool) else False
        return default

    def foreign(self, target: Any, at: str) -> ValueError:
        """The error for a ``_target_`` that may not be built at ``at``."""
        shown = printable(str(target))[:200]
        package = shown.split(".")[0]
        hint = package if package.isidentifier() and package.isascii() else "my_package"
        return ValueError(
            f"{self.origin} names _target_: {shown}, which is not among those of the installed conf/ for {at}. "
            "A configuration from a file may only build what this project ships. If it is your own code, say so: "
            f"trust={hint}"
        )

    def own(self, value: dict[str, Any], partial: bool, at: str) -> dict[str, Any]:
        """A mapping whose ``_target_`` is in ``trust``; its arguments are plain data or such mappings again.

        ``partial`` allows ``_partial_: true``.
        """
        target = value["_target_"]
        if not all(re.fullmatch("[A-Za-z][A-Za-z0-9_]*", p) for p in target.split(".")):
            raise self.foreign(target, at)
        known = inspect.signature(own_class(target, self.trust, f"{self.origin}, {at}")).parameters
        anything = any(p.kind == p.VAR_KEYWORD for p in known.values())
        result: dict[str, Any] = {}
        for key, child in value.items():
            if key == "_target_" or (key == "_partial_" and partial and child is True):
                result[key] = child
            elif key.startswith("_") or not (anything or key in known):
                raise self.fault(f"{at}.{key}", f"an argument of {target}", child)
            else:
                result[key] = self.free(child, f"{at}.{key}")
        return result

    def free(self, value: Any, at: str) -> Any:
        """An argument of a class in ``trust``: plain data of any form; each ``_target_`` in it is in ``trust`` too."""
        if isinstance(value, dict):
            if "_target_" in value:
                if not (isinstance(value["_target_"], str) and is_below(value["_target_"], self.trust)):
                    raise self.foreign(value["_target_"], at)
                return self.own(value, True, at)
            return {key: self.free(child, f"{at}.{self.word(key, at)}") for key, child in value.items()}
        if isinstance(value, list):
            return [self.free(child, at) for child in value]
        return self.path(value, at) if isinstance(value, str) else self.number(value, at)

    def mapping(self, value: dict[str, Any], shapes: Sequence[Any], at: str) -> dict[str, Any]:
        """A mapping without a ``_target_``: its keys are those that conf/ has there.

        Only techniques, callbacks and loggers may have names of their own, for what has a ``_target_``.
        """
        candidates = [s for s in shapes if isinstance(s, dict) and "_target_" not in s]
        if not candidates:
            rule = "built from a _target_" if any(isinstance(s, dict) for s in shapes) else "a plain value"
            raise self.fault(at, rule, value)
        result = {}
        for key, child in value.items():
            here = f"{at}.{key}" if at else key
            below = [s[key] for s in candidates if key in s]
            if not below and not (OPEN.fullmatch(here) and isinstance(child, dict) and "_target_" in child):
                raise self.fault(printable(here)[:200], "a key of the installed conf/", child)
            result[key] = self.node(child, below, here)
        return result

    def sequence(self, value: list[Any], shapes: Sequence[Any], at: str) -> list[Any]:
        """A list of at most LONGEST plain values where conf/ has a list or null; each fits one of conf/'s items."""
        candidates = [s for s in shapes if isinstance(s, list) or s is None]
        if not candidates or len(value) > LONGEST:
            raise self.fault(at, self.rule(shapes), value)
        items = [item for s in candidates if s for item in s]
        if any(isinstance(child, list) for child in value):
            raise self.fault(at, "a list of plain values", value)
        return [self.node(child, items or [None], f"{at}.{i}") for i, child in enumerate(value)]

    def scalar(self, value: Any, shapes: Sequence[Any], at: str) -> Any:
        """A string, number, boolean or null of a kind that conf/ has there; null in conf/ allows any of them."""
        if value is None:
            return None
        kinds = {type(s) for s in shapes}
        if isinstance(value, str):
            if PATH in shapes:
                return self.path(value, at)
            if kinds & {str, type(None)}:
                return self.word(value, at)
        elif isinstance(value, bool):
            if kinds & {bool, type(None)}:
                return value
        elif kinds & {int, float, type(None)}:
            return self.number(value, at)
        raise self.fault(at, self.rule(shapes), value)

    def rule(self, shapes: Sequence[Any]) -> str:
        """The kinds that the patterns allow, in words."""
        names = {bool: "true or false", int: "a number", float: "a number", str: "a word", list: "a list",
                 dict: "built from a _target_", type(None): "a plain value"}  # fmt: skip
        return " or ".join(dict.fromkeys(names.get(type(s), "a folder") for s in shapes)) or "left out"

    def number(self, value: Any, at: str) -> Any:
        """A number below NUMBERS in size, and no nan. (What is no number passes, such as a boolean or null.)"""
        if isinstance(value, int | float) and not abs(value) < NUMBERS:  # nan too
            raise self.fault(at, "a finite number", value)
        return value

    def word(self, value: str, at: str) -> str:
        """A string that can name a choice, and no path: WORD, without two dots in a row."""
        if not WORD.fullmatch(value) or ".." in value:
            raise self.fault(at, "a word of letters, digits and _.:+-", value)
        return value

    def path(self, value: str, at: str) -> str:
        """A string of one line without interpolations, of at most LONGEST characters."""
        if "${" in value or CONTROL.search(value) or "\n" in value or len(value) > LONGEST:
            raise self.fault(at, "one line without interpolations", value)
        return value
