"""docs/tutorial.md in short form: its commands one after the other, in an empty folder, as a reader types them."""

import re
import shlex
from pathlib import Path

import pytest
from commands import run

PAGE = (Path(__file__).parent.parent.parent / "docs" / "tutorial.md").read_text()
TYPED = re.compile(r"^    \$ python -m gan_lightning\.(\w+) ?((?:.*\\\n)*.*)(?:\n    (error: [^\n]*))?", re.MULTILINE)
FILE = re.compile(r"^`([\w/]+\.(?:py|yaml))`\n\n((?:    .*\n|\n)+)", re.MULTILINE)
SHORTER = {r"\bsteps=\d{3,}": "steps=24", r"_every=(\d{2,})": "_every=12", "max_time=5": "max_time=1", "n=100": "n=9"}


def shorter(words: str) -> list[str]:
    for long, short in SHORTER.items():
        words = re.sub(long, short, words)
    if "max_time" in words:
        words = words.replace("steps=24", "steps=5000")
    return shlex.split(words.replace("\\\n", " "))


@pytest.mark.slow
def test_the_tutorial_in_short_form(tmp_path):
    for name, block in FILE.findall(PAGE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(re.sub(r"^ {4}", "", block, flags=re.MULTILINE))
    played = TYPED.findall(PAGE)
    assert len(played) >= 14
    for verb, words, error in played:
        code, text = run(tmp_path, *shorter(words), module=f"gan_lightning.{verb}")
        assert code == (1 if error else 0), (words, text)
        if error:
            said = [part.strip() for part in error.split("...") if part.strip()]
            assert all(part in text for part in said), (error, text)
