"""README.md: its links lead somewhere, and each promise names the tests that hold it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
PROMISES = re.split(r"^\* ", TEXT.split("## What it promises\n")[1].split("\n\nEach of these")[0], flags=re.MULTILINE)[
    1:
]


def targets(text: str) -> list[str]:
    return [t.split("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in t]


def test_every_link_of_a_page_leads_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        missing = [t for t in targets(page.read_text()) if t and not (page.parent / t).exists()]
        assert missing == [], page


@pytest.mark.parametrize("promise", PROMISES, ids=lambda p: p.split("\n")[0][:40])
def test_every_promise_names_a_test(promise):
    held = [t for t in targets(promise) if t.startswith("tests/")]
    assert held, promise
    for test in held:
        assert "def test_" in (ROOT / test).read_text() or test == "tests/survive.py", test


def test_there_are_promises():
    assert len(PROMISES) >= 6
