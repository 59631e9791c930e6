"""Rows of an earlier speedrun, for the tables and curves of another: read from the folder of its page, as data."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_lightning.io.files import whole
from gan_lightning.io.plain import read_bytes, read_json

Row = dict[str, Any]
NUMBER, TEXT = (int, float), (str,)
KEYS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("mark_s", "seconds", "gflop", "frechet_distance", "frechet_distance_live", "floor"), NUMBER),
    **dict.fromkeys(("seed", "g_steps", "images", "cores", "threads", "sample_seed", "n_fake", "n_real"), (int,)),
    **dict.fromkeys(("game", "judged", "run", "checkpoint", "weights", "overrides", "cpu", "platform", "torch"), TEXT),
    **dict.fromkeys(("dataset", "split", "judge_sha256"), TEXT),
    **dict.fromkeys(("git", "gpu"), (str, type(None))),
}
FLOOR = 1e-6  # the same floor, on another processor: largest relative difference


def rows_beside(
    folders: Sequence[str], games: Sequence[str], marks: Sequence[float], protocol: Mapping[str, Any], floor: float
) -> list[Row]:
    """The rows of the games in numbers.json of ``folders`` that are none of ``games``, which are measured now.

    Args:
        marks: in seconds; each run must have a row for each.
        protocol: keys of a row -> what they must be: the data, the judge, how many samples, the threads.
        floor: what the floor must be.

    Raises:
        ValueError: a file is missing or no speedrun's, or its rows do not compare with those of this one.
    """
    found: dict[str, tuple[str, list[Row]]] = {}
    for folder in folders:
        file = Path(folder) / "numbers.json"
        numbers = read_json(file).get("numbers")
        rows = numbers.get("rows") if isinstance(numbers, Mapping) else None
        if not isinstance(rows, list) or not all(is_row(row) for row in rows):
            raise ValueError(
                f"{file} must be a speedrun's, with the rows that study=speedrun writes, got others. Name the folder "
                "of its page, such as 'study.beside=[docs/studies/speedrun]'."
            )
        own: dict[str, list[Row]] = {}
        for row in rows:
            own.setdefault(row["game"], []).append(row)
        for game in (game for game in own if game not in games):
            if game in found:
                raise ValueError(
                    f"study.beside must not name a game twice, got {game} in {found[game][0]} and in {folder}. Leave "
                    "one of the two out."
                )
            check_comparable(own[game], folder, marks, {**protocol, "floor": floor})
            found[game] = (folder, own[game])
    return [row for _, rows in found.values() for row in rows]


def is_row(row: Any) -> bool:
    """Has it the keys of a row, with values of their kinds, and a game's plain name?"""
    return (
        isinstance(row, Mapping)
        and row.keys() == KEYS.keys()
        and all(isinstance(row[key], kinds) and not isinstance(row[key], bool) for key, kinds in KEYS.items())
        and re.fullmatch(r"\w[\w.-]*", row["game"]) is not None
    )


def check_comparable(rows: Sequence[Row], folder: str, marks: Sequence[float], asked: Mapping[str, Any]) -> None:
    """Raises ValueError: the ``rows`` of a game were made by other rules, or a run has other marks."""
    game = rows[0]["game"]
    for row in rows:
        for key, value in asked.items():
            same = abs(row[key] - value) <= FLOOR * value if key == "floor" else row[key] == value
            if not same:
                raise ValueError(
                    f"{game} in {folder} must be measured as the games of this speedrun are, with {key} {value}, got "
                    f"{row[key]}. Play it by the same rules, or leave the folder out of study.beside."
                )
    for seed in {row["seed"] for row in rows}:
        own = sorted(row["mark_s"] for row in rows if row["seed"] == seed)
        if own != list(marks):
            raise ValueError(
                f"{game} in {folder} must have rows at the marks {list(marks)} s for each seed, got {own} for seed "
                f"{seed}. Set study.minutes to its own."
            )


def copy_samples(games: Sequence[str], folders: Sequence[str], out: Path) -> None:
    """The pictures samples-<game>.png of ``games`` from ``folders`` into ``out``, where there are any."""
    for name in (f"samples-{game}.png" for game in games):
        for picture in (Path(folder) / name for folder in folders):
            if picture.is_file() and not (out / name).exists():
                with whole(out / name) as file:
                    file.write(read_bytes(picture))
