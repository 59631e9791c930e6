"""Text from files on its way into a table: markup, formulas and a terminal's commands become plain text."""

import io
import json
import re
from array import array
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from gan_lightning.io.plain import LINE, printable

Curve = tuple[Any, Any]  # steps and values, two arrays of numbers
HIGHEST = 2**63  # a step or a value beyond it is nothing that is drawn

TITLE = 200  # characters; a hundred thousand take a minute to draw
FORMULA = ("=", "+", "-", "@")  # how a spreadsheet's formula begins (OWASP, "CSV injection")


def line(text: Any) -> str:
    """One line without control characters."""
    return re.sub(r"\s+", " ", printable(str(text)))


def markdown_cell(text: Any) -> str:
    """Text that stays text in a Markdown table, and in the HTML that is made of it."""
    escaped = line(text).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = escaped.replace("|", "\\|").replace("`", "\\`").replace("![", "!\\[")
    return re.sub(r"\](?=[(:\[])", r"]\\", escaped)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table without a last line break; the cells stand in it as they are."""
    return "\n".join([markdown_row(head), "|" + "---|" * len(head), *map(markdown_row, rows)])


def markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def csv_cell(value: Any) -> Any:
    """A number as it is; text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if isinstance(value, bool | int | float) or value is None or value == "-":
        return value
    text = line(value).strip()
    return "'" + text if text.startswith(FORMULA) and not reads_as_number(text) else text


def reads_as_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?( \+- [\d.e+-]+)?", text))


def title(text: Any) -> str:
    """Text for matplotlib, which would set what stands between dollar signs as a formula, and hides ``_names``."""
    shown = line(text)
    shown = (shown if len(shown) <= TITLE else shown[:TITLE] + "...").replace("$", r"\$")
    return " " + shown if shown.startswith("_") else shown


def curves(content: bytes, names: Collection[str]) -> dict[str, Curve]:
    """Steps and values of the named curves in a metrics.jsonl: of its whole lines, each number that can be drawn."""
    found = {name: (array("q"), array("d")) for name in names}
    for text in io.BytesIO(content):
        if len(text) > LINE:
            continue
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError):
            continue  # torn when the power went
        step = entry.get("step") if isinstance(entry, dict) else None
        if type(step) is not int or not abs(step) < HIGHEST:
            continue
        for name in found.keys() & entry.keys():
            if type(entry[name]) in (int, float) and abs(entry[name]) < HIGHEST:
                found[name][0].append(step)
                found[name][1].append(entry[name])
    return {name: (np.array(steps), np.array(values)) for name, (steps, values) in found.items() if steps}
