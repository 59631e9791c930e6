"""The results page says what the committed rows say, and nothing else."""

import csv
import json
import re
from pathlib import Path

import pytest

from gan_lightning.report.results_page import origin, page

DOCS = Path(__file__).parent.parent.parent / "docs"


def a_result(folder: Path, name: str = "one") -> Path:
    (folder / name / "configs").mkdir(parents=True)
    (folder / name / "about.md").write_text("## Which is better?\n\nBoth.\n")
    (folder / name / "table.md").write_text("| arm | fd |\n|---|---|\n| a | 1.5 |\n")
    (folder / name / "table.csv").write_text("arm,fd\na,1.5\n")
    record = {"seconds": 61.2, "versions": {"torch": "2", "lightning": "3"}, "gpu": None, "threads": 1, "git": "a" * 40}
    (folder / name / "runs.json").write_text(
        json.dumps({"sweep": [], "runs": {"x": record, "y": {**record, "seconds": 40}}})
    )
    return folder / name


def test_the_page_has_text_table_and_origin(tmp_path):
    a_result(tmp_path, "two")
    (a_result(tmp_path) / "samples.png").write_bytes(b"")
    text = page(tmp_path)
    assert text.count("## Which is better?\n\nBoth.\n\n| arm | fd |") == 2
    assert (
        "2 run(s), 40 to 61 s each, 101 s in all, on CPU, 1 thread(s); torch 2, lightning 3; commit aaaaaaaaaa." in text
    )
    assert re.findall(r"!\[.*\]\((.*)\)", text) == [f"{tmp_path.name}/one/samples.png"]


def test_what_is_missing_is_named(tmp_path):
    (a_result(tmp_path) / "table.csv").unlink()
    with pytest.raises(ValueError, match=r"one lacks table.csv. Write about.md by hand.*compare runs="):
        page(tmp_path)
    with pytest.raises(ValueError, match="has no results. Make some"):
        page(tmp_path / "one" / "configs")


def test_runs_from_outside_a_repository_are_said_to_have_no_commit():
    record = {"seconds": 40, "versions": {"torch": "2", "lightning": "3"}, "gpu": None, "threads": 1, "git": None}
    assert origin({"runs": {"a": record}}).endswith("torch 2, lightning 3; no commit recorded.")


@pytest.mark.skipif(not (DOCS / "results").is_dir(), reason="no committed results")
def test_the_committed_page_is_the_generated_one():
    assert (DOCS / "results.md").read_text() == page(DOCS / "results")


@pytest.mark.parametrize("folder", sorted((DOCS / "results").glob("*/")), ids=lambda p: p.name)
def test_each_committed_row_has_its_config_and_record(folder):
    rows = list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
    assert rows
    records = json.loads((folder / "runs.json").read_text())["runs"]
    for row in rows:
        assert (folder / "configs" / f"{row['run']}.yaml").is_file()
        status = records[row["run"]]["status"]
        assert status == "done" or (status == "stopped" and "stopped" in (folder / "about.md").read_text())
        assert float(row["g_steps"]) <= records[row["run"]]["g_steps"]
