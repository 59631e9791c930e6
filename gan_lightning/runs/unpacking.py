"""Reading an exported generator whole: the bytes that were hashed are the bytes that are used."""

import hashlib
from pathlib import Path
from typing import Any

from gan_lightning.io.plain import parse_yaml, read_bytes
from gan_lightning.io.tensors import MOST, from_bytes, unpacked
from gan_lightning.runs.checkpoint import odd_values
from gan_lightning.runs.exported import CARD, CONFIG, CRITIC, WEIGHTS, read_card, remedy


def content_of(folder: Path, name: str, expected: Any) -> bytes:
    """The bytes of a file with the expected SHA-256; what is hashed is what is read. Raises ValueError."""
    content = read_bytes(folder / name, MOST)
    got = hashlib.sha256(content).hexdigest()
    if got != expected:
        raise ValueError(
            f"{folder / name} has SHA-256 {got} instead of {str(expected)[:80]} as {CARD} says: it is damaged. "
            + remedy(folder)
        )
    return content


def read_exported(weights: Path) -> dict[str, Any]:
    """An exported generator in the form of a checkpoint, with G's and D's weights under ``G.`` and ``D.``.

    Args:
        weights: the file WEIGHTS of its folder.

    Raises:
        ValueError: a file is missing or damaged, or is none of an export.
    """
    folder = weights.parent
    card = read_card(folder)
    state: dict[str, Any] = {}
    for name, player in ((WEIGHTS, "G"), (CRITIC, "D")):
        if name in card["sha256"]:
            content = content_of(folder, name, card["sha256"][name])
            try:
                tensors = unpacked(from_bytes(content))
            except ValueError as error:
                raise ValueError(f"{folder / name} cannot be used: {error}. {remedy(folder)}") from error
            state |= {f"{player}.{key}": value for key, value in tensors.items()}
    text = content_of(folder, CONFIG, card["sha256"][CONFIG]).decode(errors="replace")
    exported = {
        "state_dict": state,
        "config": parse_yaml(text, folder / CONFIG),
        "shape": card["shape"],
        "counters": {"g_steps_done": card["g_steps"]},
        "generator": card["generator"],
    }
    if fault := odd_values(exported):
        raise ValueError(f"{folder / CARD} is no card of an export ({fault}). {remedy(folder)}")
    return exported
