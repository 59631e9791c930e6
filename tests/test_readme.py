"""README.md: its links lead somewhere, and each promise names the tests that hold it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
PROMISES = re.split(r"^\* ", TEXT.split("## What it promises\n")[1].split("\n\nEach of these")[0], flags=re.MULTILINE)[
    1:
]


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def links(text: str) -> list[str]:
    """Where a page's links lead, outside of its code; not to other sites."""
    prose = re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE)
    return [t for t in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in t]


def targets(text: str) -> list[str]:
    return [t.split("#")[0] for t in links(text)]


def anchors(text: str) -> set[str]:
    """Of the headings, as GitHub names them: small letters, hyphens for spaces, no other signs."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page):
    """Files are there, and what stands behind # is a heading of theirs."""
    for target in links(page.read_text()):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text()), target


@pytest.mark.parametrize("promise", PROMISES, ids=lambda p: p.split("\n")[0][:40])
def test_every_promise_names_a_test(promise):
    held = [t for t in targets(promise) if t.startswith("tests/")]
    assert held, promise
    for test in held:
        assert "def test_" in (ROOT / test).read_text() or test == "tests/survive.py", test


def test_there_are_promises():
    assert len(PROMISES) >= 6
