"""Text from files on its way into a table: markup, formulas and a terminal's commands become plain text."""

import json
import math
import re
from typing import Any

from gan_lightning.plain import printable

FORMULA = ("=", "+", "-", "@")  # how a spreadsheet's formula begins (OWASP, "CSV injection")


def line(text: Any) -> str:
    """One line without control characters."""
    return re.sub(r"\s+", " ", printable(str(text)))


def markdown_cell(text: Any) -> str:
    """Text that stays text in a Markdown table, and in the HTML that is made of it."""
    escaped = line(text).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = escaped.replace("|", "\\|").replace("`", "\\`").replace("![", "!\\[")
    return re.sub(r"\](?=[(:\[])", r"]\\", escaped)


def csv_cell(value: Any) -> Any:
    """A number as it is; text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if isinstance(value, bool | int | float) or value is None or value == "-":
        return value
    text = line(value).strip()
    return "'" + text if text.startswith(FORMULA) and not is_number(text) else text


def is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?( \+- [\d.e+-]+)?", text))


def title(text: Any) -> str:
    """Text for matplotlib, which would set what stands between dollar signs as a formula, and hides ``_names``."""
    shown = line(text).replace("$", r"\$")
    return " " + shown if shown.startswith("_") else shown


def is_finite(value: float) -> bool:
    return abs(value) < 2**63 if isinstance(value, int) else math.isfinite(value)


def curve(lines: str) -> list[dict[str, Any]]:
    """The whole lines of a metrics.jsonl, each with its ``step`` and the finite numbers in it."""
    entries = []
    for text in lines.splitlines():
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError):
            continue  # torn when the power went
        if isinstance(entry, dict) and type(entry.get("step")) is int and is_finite(entry["step"]):
            entries.append({k: v for k, v in entry.items() if type(v) in (int, float) and is_finite(v)})
    return entries
