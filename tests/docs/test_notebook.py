"""docs/notebook/first_game.py runs from its first cell to its last, and prints what its text says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
NOTEBOOK = ROOT / "docs" / "notebook" / "first_game.py"


def test_its_cells_are_those_of_a_notebook():
    """py:percent: each cell begins with a line of its own, text is comments."""
    cells = re.split(r"^# %%", NOTEBOOK.read_text(), flags=re.MULTILINE)
    kinds = ["text" if cell.startswith(" [markdown]") else "code" for cell in cells[1:]]
    assert (kinds.count("text"), kinds.count("code")) == (6, 5)
    for kind, cell in zip(kinds, cells[1:], strict=True):
        lines = cell.split("\n")[1:]
        assert kind == "code" or all(line.startswith("#") or not line for line in lines), cell


@pytest.mark.slow
def test_it_plays_and_comes_nearer_to_the_data(tmp_path):
    done = subprocess.run([sys.executable, str(NOTEBOOK)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^ *(\d+)  (0\.\d+)  (0\.\d+)    (0\.\d+) +(0\.\d+)$", done.stdout, re.MULTILINE)
    assert [int(row[0]) for row in rows] == [50, 100, 150, 200, 250, 300]
    assert all(float(fake) < float(real) for _, real, fake, *_ in rows), "D is better than a coin"
    (samples, floor) = re.search(r"samples (\d+\.\d+), real training images (\d+\.\d+)", done.stdout).groups()
    assert float(floor) < 0.5 < float(samples) < 8
    assert list(tmp_path.iterdir()) == [], "it writes nothing"
