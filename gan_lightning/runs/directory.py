"""Run directories: finding them, and reading their status."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from gan_lightning.io.lock import held
from gan_lightning.io.plain import DEPTH, printable, read_json
from gan_lightning.runs.exported import find_export, is_export

log = logging.getLogger(__name__)

OUTPUTS = Path("outputs")
RECORD = ("config.yaml", "record.json", "status.json")  # files that a run has from its first step on


def is_run(path: Path) -> bool:
    """Is ``path`` the directory of a run that has begun?"""
    return (path / "config.yaml").is_file() and (path / "status.json").is_file()


def was_run(path: Path) -> bool:
    """Has ``path`` some file of a run, whole or not, and is it no exported generator?"""
    return any(os.path.lexists(path / name) for name in RECORD) and not is_export(path)


def find(run: str | Path, key: str = "run") -> tuple[Path, Path]:
    """(run directory, checkpoint) for a run directory, a checkpoint or ``latest`` (the newest below outputs/).

    For an exported generator, ``zoo:<name>`` or its folder, the folder for what is written of it, and its weights.

    Args:
        run: what was typed behind ``key=``.
        key: for messages.

    Raises:
        ValueError: there is no such run, or it has no checkpoint yet.
    """
    if exported := find_export(run, key, OUTPUTS):
        return exported
    path = latest(key) if str(run) == "latest" else Path(run)
    if path.suffix in (".yaml", ".json", ".jsonl", ".log") and is_run(path.parent):
        what = "the configuration of a run" if path.name == "config.yaml" else "a file of a run, and no checkpoint"
        raise ValueError(f"{key}={run} is {what}. Give the run directory: {key}={path.parent}")
    if path.is_file():
        return path.parent.parent if path.parent.name == "checkpoints" else path.parent, path
    if not path.exists():
        raise ValueError(
            f"{key}={run} does not exist. Give a run directory, a checkpoint or latest.{several_hint(run)}"
        )
    if not is_run(path):
        raise ValueError(
            f"{key}={run} is not a run directory: it has no config.yaml and status.json. "
            "Give the directory that train names when it begins, a checkpoint in it, or latest."
        )
    checkpoint = path / "checkpoints" / "last.ckpt"
    if not checkpoint.is_file():
        raise ValueError(f"{key}={run} has no checkpoint yet ({checkpoint} is missing). Let it train longer.")
    return path, checkpoint


def several_hint(text: str | Path) -> str:
    """The end of a message where several names were typed with commas between them."""
    return " Several runs are a glob in quotes, such as '<folder>/*'." if "," in str(text) else ""


def is_glob(text: str) -> bool:
    """Is ``text`` a pattern? It is none where a file or folder has that very name."""
    return any(c in text for c in "*?[") and not Path(text).exists()


def matching(pattern: str, wanted: Callable[[Path], bool] = is_run) -> list[Path]:
    """The run directories that match a glob. ``**`` stands for up to ``DEPTH`` folders and follows no link."""
    path = Path(pattern)
    found, before = {Path(path.anchor)}, ""
    for part in path.relative_to(path.anchor).parts:
        if part == "**":
            found |= set() if before == part else {child for folder in found for child in folders(folder, DEPTH)}
        elif any(c in part for c in "*?["):
            found = {child for folder in found for child in folders(folder, 1, links=True, hidden=part[0] == ".")
                     if fnmatch(child.name, part)}  # fmt: skip
        else:
            found = {folder / part for folder in found if (folder / part).is_dir()}
        before = part
    return sorted(filter(wanted, found))


def folders(folder: Path, depth: int, *, links: bool = False, hidden: bool = False) -> Iterator[Path]:
    """The folders below ``folder``, at most ``depth`` levels down; links and hidden folders only if asked for."""
    todo = [(folder, depth)]
    while todo:
        here, left = todo.pop()
        with suppress(OSError), os.scandir(here) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=links) and (hidden or entry.name[0] != "."):
                    yield here / entry.name
                    if left > 1:
                        todo.append((here / entry.name, left - 1))


def latest(key: str = "run") -> Path:
    """Of the runs below outputs/ that have a checkpoint, the one begun or resumed last; stderr says which it is."""
    found = [p for p in below_outputs("config.yaml") if (p.parent / "checkpoints/last.ckpt").is_file()]
    return _newest_run(found, f"{key}=latest", "finished run", "Train one (python -m gan_lightning.train)")


def last_begun() -> Path:
    """Of the runs below outputs/ that are no job of a sweep, the one begun or resumed last; stderr says which it is."""
    found = [p for p in below_outputs("record.json") if not (p.parent.parent / "multirun.yaml").is_file()]
    return _newest_run(found, "resume=latest", "run", "Train one (a sweep goes on with -m continue=latest)")


def below_outputs(name: str) -> list[Path]:
    """The files of that name in outputs/ and in its folders."""
    return [folder / name for folder in (OUTPUTS, *folders(OUTPUTS, DEPTH)) if (folder / name).is_file()]


def _newest_run(files: list[Path], asked: str, what: str, remedy: str) -> Path:
    if not files:
        raise ValueError(f"{asked} found no {what} below {OUTPUTS.resolve()}. {remedy}, or name its directory.")
    run = max(files, key=lambda p: p.stat().st_mtime_ns).parent
    print(printable(f"{asked} is {run}"), file=sys.stderr)
    return run


def status_of(run: Path) -> dict[str, Any]:
    """status.json as data. Its status is ``unfinished`` where it says running but no process holds the run's lock."""
    try:
        status = read_json(run / "status.json")
    except ValueError:
        return {"status": "unfinished"}
    if not isinstance(status.get("status"), str):
        status["status"] = "unfinished"
    if not isinstance(status.get("g_steps"), int):
        status["g_steps"] = 0
    if status["status"] == "running" and not held(run):
        status["status"] = "unfinished"
    return status


def newest(pattern: str, what: str) -> Path:
    """The newest directory below outputs/ that holds a file ``pattern``."""
    found = [p.parent for p in below_outputs(pattern)]
    if not found:
        raise ValueError(f"latest found no {what} below {OUTPUTS.resolve()}. Name its directory.")
    return max(found, key=lambda d: (d / pattern).stat().st_mtime_ns)
