"""Tables in Markdown and CSV, and a run's curves. Text may come from a stranger's files, and has to stay mere text."""

import io
import json
import re
import textwrap
from array import array
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from gan_lightning.io.plain import LINE, printable

Curve = tuple[Any, Any]  # steps and values, two arrays of numbers
HIGHEST = 2**63  # larger steps and values are left out of a curve

TITLE = 200  # characters of a title; matplotlib takes a minute for a hundred thousand
FORMULA = ("=", "+", "-", "@")  # how a spreadsheet's formula begins (OWASP, "CSV injection")


def line(text: Any) -> str:
    """``text`` as one line without control characters."""
    return re.sub(r"\s+", " ", printable(str(text)))


def markdown_cell(text: Any) -> str:
    """``text`` escaped, so that it is no markup in a Markdown table or in the HTML made of it."""
    escaped = line(text).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = escaped.replace("|", "\\|").replace("`", "\\`").replace("![", "!\\[")
    return re.sub(r"\](?=[(:\[])", r"]\\", escaped)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table without a final line break. Cells are not escaped here: see ``markdown_cell``."""
    return "\n".join([markdown_row(head), "|" + "---|" * len(head), *map(markdown_row, rows)])


def markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def text_table(rows: Sequence[Sequence[str]], width: int = 80) -> list[list[str]]:
    """The lines of each row, of at most ``width`` columns: cells are padded, and the last one goes on in further lines.

    It gets 20 columns at least, where the others leave fewer.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    before = sum(widths) + 2 * len(widths)
    found = []
    for row in rows:
        last = textwrap.wrap(row[-1], max(width - before, 20), break_on_hyphens=False) or [""]
        left = "".join(f"{cell:{size}}  " for cell, size in zip(row, widths, strict=False))
        found.append([left + last[0], *(" " * before + more for more in last[1:])])
    return found


def csv_cell(value: Any) -> Any:
    """A number as it is; text that a spreadsheet would read as a formula with an apostrophe in front."""
    if isinstance(value, bool | int | float) or value is None or value == "-":
        return value
    text = line(value).strip()
    return "'" + text if text.startswith(FORMULA) and not reads_as_number(text) else text


def reads_as_number(text: str) -> bool:
    """Is it a number, or ``mean +- sd``?"""
    return bool(re.fullmatch(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?( \+- [\d.e+-]+)?", text))


def title(text: Any) -> str:
    """``text`` for matplotlib, which typesets what is between dollar signs, and leaves ``_names`` out of a legend."""
    shown = line(text)
    shown = (shown if len(shown) <= TITLE else shown[:TITLE] + "...").replace("$", r"\$")
    return " " + shown if shown.startswith("_") else shown


def curves(content: bytes, names: Collection[str]) -> dict[str, Curve]:
    """Name -> (steps, values) of the named curves in ``content``, the bytes of a metrics.jsonl.

    Passed over: lines that are too long, damaged or without a whole number as step; values that are nan, infinite or
    not below HIGHEST. A name without any value is left out.
    """
    found = {name: (array("q"), array("d")) for name in names}
    for text in io.BytesIO(content):
        if len(text) > LINE:
            continue
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError):
            continue  # cut off by a power failure
        step = entry.get("step") if isinstance(entry, dict) else None
        if type(step) is not int or not abs(step) < HIGHEST:
            continue
        for name in found.keys() & entry.keys():
            if type(entry[name]) in (int, float) and abs(entry[name]) < HIGHEST:
                found[name][0].append(step)
                found[name][1].append(entry[name])
    return {name: (np.array(steps), np.array(values)) for name, (steps, values) in found.items() if steps}
