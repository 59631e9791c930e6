"""``trust=<package>``: which modules a person may declare to be their own, and which classes in them may be built."""

import importlib
import importlib.metadata
import inspect
import keyword
import re
import sys
from functools import cache
from typing import Any


@cache
def dependencies() -> set[str]:
    """Top-level modules of all that gan_lightning depends on, directly or not, and of pip and setuptools."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    names, todo = set[str](), ["gan-lightning", "pip", "setuptools"]
    while todo:
        name = canonicalize_name(todo.pop())
        if name in names:
            continue
        names.add(name)
        try:
            required = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        todo += [Requirement(r).name for r in required]
    found = importlib.metadata.packages_distributions()
    return {module for module, owners in found.items() if names & {canonicalize_name(o) for o in owners}}


def check_trust(trust: Any) -> str:
    """What was typed behind ``trust=``, as the dotted prefix of the modules whose classes may be built; "" for none.

    Raises:
        ValueError: it is no dotted name, or is a module of Python, of gan_lightning or of a dependency.
    """
    if trust is None:
        return ""
    parts = trust.split(".") if isinstance(trust, str) else [""]
    if not all(re.fullmatch("[A-Za-z][A-Za-z0-9_]*", p) and not keyword.iskeyword(p) for p in parts):
        raise ValueError(f"trust must be the dotted name of your own package, got {trust!r}. Write trust=my_package")
    top = parts[0]
    if top in sys.stdlib_module_names or top in sys.builtin_module_names or top in {"gan_lightning", *dependencies()}:
        raise ValueError(
            f"trust must name your own package, got {trust}, which comes with Python, gan_lightning or what it depends "
            "on, and has functions that run anything. Write trust=my_package"
        )
    return str(trust)


def own_class(target: str, trust: str, where: str) -> Any:
    """The class or function with the dotted name ``target``, imported.

    Each part of the name, from ``trust`` on, must be defined in ``trust``. In ``my_package.os.system``, which Python
    finds where my_package imports os, ``os`` is not.

    Args:
        trust: dotted prefix of the reader's own modules.
        where: file and key, for messages.

    Raises:
        ValueError: it cannot be imported, is defined somewhere else, or is neither a class nor a function.
    """
    parts = target.split(".")
    found: Any = None
    try:
        for i in range(len(parts)):
            if found is not None and hasattr(found, parts[i]):
                found = getattr(found, parts[i])
            else:
                found = importlib.import_module(".".join(parts[: i + 1]))
            home = found.__name__ if inspect.ismodule(found) else getattr(found, "__module__", "") or "Python itself"
            if i + 1 >= len(trust.split(".")) and not is_below(home, trust):
                raise ValueError(f"{where}: {'.'.join(parts[: i + 1])} is from {home}, which trust={trust} is not.")
    except ImportError as error:
        raise ValueError(f"{where}: {target} cannot be imported: {error}. Run where {parts[0]} can be.") from error
    if not (inspect.isclass(found) or inspect.isfunction(found)):
        raise ValueError(f"{where}: {target} is neither a class nor a function. Name one.")
    return found


def is_below(name: str, prefix: str) -> bool:
    """Is the dotted ``name`` the prefix itself or a module or name in it? Nothing is below ""."""
    return bool(prefix) and (name == prefix or name.startswith(prefix + "."))
