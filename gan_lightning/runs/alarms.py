"""alarms.json: what the watch found ill in a run, in the order in which it was said (``callbacks/alarms.py``)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan_lightning.io.plain import read_json

NAME = "alarms.json"
KEYS = {"alarm": str, "g_steps": int, "number": str, "value": float, "limit": float, "words": str}
MOST = 100  # alarms in a file; each kind comes once in a run


def is_alarm(entry: Any) -> bool:
    """Has ``entry`` the KEYS, each with a value of its type?"""
    return (
        isinstance(entry, Mapping)
        and entry.keys() == KEYS.keys()
        and all(type(entry[key]) is kind for key, kind in KEYS.items())
    )


def read_alarms(run: Path) -> list[dict[str, Any]]:
    """The alarms of a run, each with the KEYS; none where it has no alarms.json.

    Raises:
        ValueError: the file is not what the watch writes.
    """
    file = run / NAME
    if not file.is_file():
        return []
    found = read_json(file).get("alarms")
    if not isinstance(found, list) or len(found) > MOST or not all(map(is_alarm, found)):
        raise ValueError(
            f"{file} is not what the watch writes: a list of at most {MOST} alarms, each with {', '.join(KEYS)}. "
            "Restore it, or move it away."
        )
    return found
