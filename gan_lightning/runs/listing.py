"""``python -m gan_lightning.runs``: the runs that are there: when, how they ended, how good, which game."""

import datetime
import logging
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gan_lightning.config.choices import game_in_words
from gan_lightning.config.quoting import word
from gan_lightning.io.plain import DEPTH, LARGE, printable, read_bytes, read_json
from gan_lightning.io.tables import Curve, curves, text_table
from gan_lightning.runs.directory import (
    OUTPUTS,
    RECORD,
    folders,
    is_glob,
    is_run,
    matching,
    newest,
    several_hint,
    status_of,
    was_run,
)
from gan_lightning.runs.trust import plain_config

log = logging.getLogger(__name__)

WIDTH = 80  # columns of the list
HEAD = ("begun", "status", "G steps", "best FD", "game")
BEST, DISTANCE = "best_fd_over_coverage", "best_fd_judge"  # in status.json
CHOICE, FD = "metric/fd_over_coverage", "metric/fd_judge"  # in metrics.jsonl


@dataclass(frozen=True)
class Row:
    """A row of the list, as text."""

    path: Path
    begun: str
    status: str
    steps: str
    best: str
    game: str


def list_runs(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.runs`` does."""
    found = sorted(runs_named(cfg.runs), key=begun_at, reverse=True)
    shown = found if cfg.n is None else found[: cfg.n]
    rows, odd = [], []
    for path in shown:
        try:
            rows.append(row_of(path))
        except ValueError as error:
            odd.append(printable(f"skipped: {error}"))
    for text in lines_of(rows, cfg.paths):
        log.info("%s", text)
    for text in odd:
        log.warning("%s", text)
    more = f"; {len(found) - len(shown)} older ones: n=null" if len(shown) < len(found) else ""
    where = "" if cfg.paths else "; where they lie: paths=true"
    log.info("%d of %d runs%s%s", len(rows), len(found), more, where)


def runs_named(runs: str | None) -> list[Path]:
    """The run directories below outputs/, below a folder, of a glob, or of the sweep that was begun last (latest).

    With those of which only some file is left, or was written: but for folders within a run, such as a logger's.

    Raises:
        ValueError: there is none.
    """
    if runs is not None and is_glob(str(runs)):
        found = matching(str(runs), was_run)
    else:
        folder = OUTPUTS if runs is None else newest("multirun.yaml", "multirun") if runs == "latest" else Path(runs)
        found = [path for path in (folder, *folders(folder, DEPTH)) if was_run(path)]
    there = set(found)
    found = [path for path in found if is_run(path) or there.isdisjoint(path.parents)]
    if not found:
        where = f"below {OUTPUTS}/" if runs is None else f"in runs={printable(str(runs))}"
        raise ValueError(
            f"there is no run {where}. Train one (python -m gan_lightning.train), or name a folder or a glob in quotes "
            f"with runs=.{several_hint(runs or '')}"
        )
    return found


def begun_at(path: Path) -> float:
    """When the run was begun or resumed, in seconds since 1970; where status.json does not tell, its own time.

    Or that of another file of the run, where it has none.
    """
    with suppress(ValueError, TypeError, OverflowError):
        when = datetime.datetime.fromisoformat(read_json(path / "status.json")["started"]).timestamp()
        if 0 < when < 2**32:
            return when
    for name in ("status.json", *RECORD):
        with suppress(OSError):
            return (path / name).lstat().st_mtime
    return 0.0


def row_of(path: Path) -> Row:
    """The row of one run. Raises ValueError that names a file of it which is missing or cannot be read."""
    check_whole(path)
    config = plain_config(path / "config.yaml")
    read_json(path / "status.json")
    status = status_of(path)
    ended = status["status"] in ("done", "stopped")
    played, best = numbers_at_end(status) if ended else numbers_so_far(path, config)
    steps = config.get("steps")
    whole = f"/{steps}" if isinstance(steps, int) and played < steps else ""
    return Row(
        path, date(begun_at(path)), printable(status["status"])[:10], f"{played}{whole}", best, game_in_words(config)
    )


def check_whole(path: Path) -> None:
    """Raises ValueError where config.yaml or status.json is missing; one of what is there, if it cannot be read."""
    there = [name for name in RECORD if os.path.lexists(path / name)]
    missing = [name for name in ("config.yaml", "status.json") if name not in there]
    if missing:
        for name in there:
            (plain_config if name == "config.yaml" else read_json)(path / name)
        remedy = f"Begin it again ({word('resume', path)})" if there == ["record.json"] else "Restore it"
        raise ValueError(
            f"{path} is no whole run: it has {' and '.join(there)}, but no {' and no '.join(missing)}. "
            f"{remedy}, or remove the folder."
        )


def date(seconds: float) -> str:
    """Month, day and time; the whole date for another year."""
    when, now = datetime.datetime.fromtimestamp(seconds), datetime.datetime.now()
    return when.strftime("%m-%d %H:%M" if when.year == now.year else "%Y-%m-%d")


def best_numbers_of(status: Mapping[str, Any]) -> tuple[float, str]:
    """(Frechet distance, generator's suffix) of the best that a run's status.json has; (nan, "") if it has none."""
    found = {key.removeprefix(BEST): value for key, value in status.items() if key.startswith(BEST)}
    return best_pair({suffix: [(value, status.get(DISTANCE + suffix))] for suffix, value in found.items()})


def numbers_at_end(status: Mapping[str, Any]) -> tuple[int, str]:
    """(G steps, the best Frechet distance) as status.json has them of a run that ended."""
    return status["g_steps"], best_in_words(best_numbers_of(status))


def numbers_so_far(path: Path, config: Mapping[str, Any]) -> tuple[int, str]:
    """The same of a run that is running or was cut off, from its metrics.jsonl."""
    techniques = config.get("technique")
    averages = [f"_{name}" for name in techniques] if isinstance(techniques, Mapping) else []
    names = [f"{name}{suffix}" for suffix in ("", *averages) for name in (CHOICE, FD)]
    try:
        found = curves(read_bytes(path / "metrics.jsonl", LARGE), [*names, "loss/d"])
    except ValueError:  # it has logged nothing yet
        return 0, "-"
    played = max((int(steps.max()) for steps, _ in found.values()), default=0)
    pairs = {
        suffix: measured_together(found.get(CHOICE + suffix), found.get(FD + suffix)) for suffix in ("", *averages)
    }
    return played, best_in_words(best_pair(pairs))


def measured_together(choice: Curve | None, distance: Curve | None) -> list[tuple[float, float]]:
    """(fd_over_coverage, Frechet distance) of each step at which both were measured."""
    if choice is None or distance is None:
        return []
    distances = dict(zip(*distance, strict=True))
    return [(value, distances[step]) for step, value in zip(*choice, strict=True) if step in distances]


def best_pair(pairs: Mapping[str, list[tuple[Any, Any]]]) -> tuple[float, str]:
    """(Frechet distance, suffix) of the generator and step with the least fd_over_coverage; (nan, "") if there is none.

    Args:
        pairs: suffix of a generator's numbers (``""`` for G, ``"_ema"``) -> (fd_over_coverage, Frechet distance).
    """
    numbers = [
        (*pair, suffix)
        for suffix, found in pairs.items()
        for pair in found
        if all(isinstance(value, int | float) and math.isfinite(value) for value in pair)
    ]
    return min(numbers)[1:] if numbers else (math.nan, "")


def best_in_words(best: tuple[float, str]) -> str:
    """``1.19 ema``; - where there is none."""
    distance, suffix = best
    number = f"{distance:#.3g}".rstrip(".")
    return f"{number} {printable(suffix)[1:9]}".strip() if math.isfinite(distance) else "-"


def lines_of(rows: list[Row], paths: bool) -> list[str]:
    """Lines of at most WIDTH columns; with ``paths`` each row is followed by the directory, which is never cut."""
    cells = [HEAD, *((row.begun, row.status, row.steps, row.best, row.game) for row in rows)]
    lines = []
    for i, row in enumerate(text_table(cells, WIDTH)):
        lines += row
        if paths and i:
            lines.append(f"  {printable(str(rows[i - 1].path))}")
    return lines
