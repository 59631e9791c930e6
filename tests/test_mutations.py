"""The list of classic mistakes fits the code: `make mutants` applies it."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "mutations"))

from classic import CLASSIC  # noqa: E402


def functions(file: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("mutation", CLASSIC, ids=lambda m: m.name)
def test_a_mutation_changes_one_place_and_names_a_test(mutation):
    code = (ROOT / mutation.file).read_text()
    assert code.count(mutation.old) == 1
    ast.parse(code.replace(mutation.old, mutation.new))
    file, test = mutation.test.split("::")
    assert test in functions(ROOT / file)


def test_no_mistake_is_there_twice():
    assert len({m.name for m in CLASSIC}) == len({(m.file, m.old, m.new) for m in CLASSIC}) == len(CLASSIC) >= 31
