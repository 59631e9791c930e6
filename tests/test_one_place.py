"""What two places would do in two ways is written in one."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import gan_lightning

PACKAGE = Path(gan_lightning.__file__).parent
SOURCES = {str(path.relative_to(PACKAGE)): path.read_text() for path in PACKAGE.rglob("*.py")}


@pytest.mark.parametrize(
    ("what", "where"),
    [
        (r'"GIF"', ["report/drawing.py"]),
        (r"\.savefig\(", ["report/drawing.py"]),
        (r"save_image\(", []),  # torchvision's writes a grey picture three times as large
        (r"127\.5", ["core/pixels.py"]),
        (r"---\|", ["io/tables.py"]),  # below a Markdown table's head
        (r"json\.dumps?\([^\n]*indent", ["io/files.py"]),
        (r"\.write_(text|bytes)\(", []),  # a reader could see half of it
        (r"torch\.save\(", ["training/train_judge.py"]),  # Lightning writes a run's checkpoints
        # files of their own, beside `whole`: a checkpoint, which Lightning writes, and what several may unpack at once
        (r"\.replace\((path|new|target)\)", ["callbacks/checkpoints.py", "data/fetch.py", "io/files.py"]),
    ],
)
def test_one_place_writes(what, where):
    assert sorted(name for name, text in SOURCES.items() if re.search(what, text)) == where


def test_no_two_public_things_have_one_name():
    """But for what is one concept: each family's players, a study's run, divergences of numbers and of densities."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    names = [n.name for text in SOURCES.values() for n in ast.parse(text).body if isinstance(n, kinds)]
    shared = {name for name, times in Counter(names).items() if times > 1 and name[0] != "_"}
    assert shared == {"Generator", "Discriminator", "run", "kl", "js", "total_variation"}
