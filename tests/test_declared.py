"""Every package that the code imports is declared in pyproject.toml, not merely brought along by another one."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


def imported(source: str) -> set[str]:
    """The packages that ``source`` imports, anywhere in it, by their first name."""
    found = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_every_imported_package_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *(r for rs in project["optional-dependencies"].values() for r in rs)]
    declared = {canonicalize_name(Requirement(r).name) for r in required}
    provided_by = packages_distributions()
    files = sorted((ROOT / "gan_lightning").rglob("*.py"))
    names = set[str]().union(*(imported(file.read_text()) for file in files))
    others = names - set(sys.stdlib_module_names) - {"gan_lightning"}
    assert {"torch", "omegaconf", "sklearn"} <= others  # the files were found and read
    bringers = {name: {canonicalize_name(d) for d in provided_by.get(name, [name])} for name in others}
    assert {name for name, by in bringers.items() if not declared & by} == set()


def test_imported_finds_an_import_within_a_function_and_leaves_relative_ones_out() -> None:
    assert imported("import os.path\nfrom .near import x\ndef f():\n    from far.away import y\n") == {"os", "far"}
