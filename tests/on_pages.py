"""The commands that stand on the pages: README.md and docs/."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if "results" not in p.parts)]
COMMAND = re.compile(r"^(?P<before>.*?)-m gan_lightning\.(?P<verb>\w+)(?P<words>(?:[^\n`\\]|\\\n?)*)", re.MULTILINE)
MISTAKE = re.compile(r"\n *(>|\$)? *(?P<line>[^\n]*)\n *error:")  # a command that is shown with what is wrong with it


def commands(text: str) -> list[tuple[str, str]]:
    """(verb, words) of each command in ``text``, comments and marks of what is left out taken away."""
    mistakes = {match["line"].strip() for match in MISTAKE.finditer(text)}
    found = []
    for match in COMMAND.finditer(text):
        if f"{match['before']}-m gan_lightning.{match['verb']}{match['words']}".strip(" $") in mistakes:
            continue
        words = re.sub(r"\\\n", " ", match["words"])
        words = re.sub(r"\s(#|or |\(|\)).*", "", words)
        words = re.sub(r"(<[^>]*>|\.\.\.)", lambda m: "name" if m[1] != "..." else "", words)
        words = re.sub(r"\S+=(?=\s|$)", "", re.sub(r"\$\w+", "0", words))  # data=... is left out
        found.append((match["verb"], " ".join(words.split())))
    return found


TYPED = sorted({(str(page.relative_to(ROOT)), *typed) for page in PAGES for typed in commands(page.read_text())})
