"""Run directories: the record a run leaves, and finding it again."""

import logging
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from gan_lightning.files import sync_folder, write_json, write_text
from gan_lightning.lock import NAME, held
from gan_lightning.mistakes import explain
from gan_lightning.paths import word
from gan_lightning.plain import DEPTH, printable, read_json

log = logging.getLogger(__name__)

OUTPUTS = Path("outputs")
ASIDE = ".unfinished"  # where the directories of jobs that are begun again go


# Writing ---------------------------------------------------------------------------------------------------


def environment() -> dict[str, Any]:
    """What the run ran on: commit, versions, machine."""
    try:
        git = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        git = None
    names = ("gan-lightning", "torch", "torchvision", "lightning", "hydra-core", "numpy")
    versions: dict[str, str | None] = {}
    for name in names:
        try:
            versions[name] = version(name)
        except ImportError:
            versions[name] = None
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "git": git,
        "python": platform.python_version(),
        "versions": versions,
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
    }


def now() -> str:
    """The time, with its zone."""
    return datetime.now().astimezone().isoformat()


@contextmanager
def record(
    run: Path, cfg: DictConfig, note: str | None, overrides: list[str], resumed: bool = False, again: bool = False
) -> Iterator[dict[str, Any]]:
    """Keep the status of ``run``, whose lock the caller holds: running, then done (or as it says), or failed, and why.

    What the caller puts into the yielded dict goes into status.json. A ``resumed`` run keeps its directory: config.yaml
    becomes what is played now, record.json remembers each resumption. One that begins ``again`` finds it empty.

    config.yaml is written last. So a run that has one has the other two, and one that was killed before that has not
    begun.

    Raises:
        ValueError: the directory holds a run already, or cannot be written.
    """
    if again:
        aside = set_aside(run)
        log.info("%s had no checkpoint yet and begins again; what it had written lies in %s beside it", run.name, aside)
    elif not resumed and (run / "config.yaml").exists():
        raise ValueError(f"{run} holds a run already, and a run never overwrites another. Name another hydra.run.dir.")
    status: dict[str, Any] = {
        "status": "running",
        "started": now(),
        "host": platform.node(),
        "pid": os.getpid(),
    }
    command = shlex.join(["python", "-m", "gan_lightning.train", *overrides])
    told = {"command": command, "overrides": overrides, "note": note, **environment()}
    if resumed:
        first = read_json(run / "record.json") if (run / "record.json").is_file() else {}
        again_at = {"at": now(), **told}
        told = {**first, "overrides": overrides, "resumed": [*(first.get("resumed") or []), again_at]}
    try:
        write_json(run / "record.json", told)
        write_json(run / "status.json", status)
        write_text(run / "config.yaml", OmegaConf.to_yaml(cfg))
    except OSError as error:
        raise ValueError(
            f"the run directory {run} cannot be written: {error.strerror}. Name another with hydra.run.dir=<folder>."
        ) from error
    try:
        try:
            yield status
        except OSError as error:
            saved = (run / "checkpoints" / "last.ckpt").is_file()
            more = (
                f"Its checkpoints are whole; then: python -m gan_lightning.train {word('resume', run)}" if saved else ""
            )
            why = f"{run} cannot be written any more: {error.strerror or error}. Make room, or allow writing."
            raise ValueError(f"{why} {more}".strip()) from error
    except BaseException as error:
        reason = explain(error) if isinstance(error, Exception) else type(error).__name__
        with suppress(OSError):  # where nothing can be written, the reason still goes to the caller
            write_json(run / "status.json", {**status, "status": "failed", "ended": now(), "error": reason})
        raise
    ended = "done" if status["status"] == "running" else status["status"]
    write_json(run / "status.json", {**status, "status": ended, "ended": now()})


def set_aside(run: Path) -> Path:
    """Move what is in ``run`` to .unfinished/ beside it, but for its lock; record.json is copied, until it is renewed.

    Returns where in the folder above it that is.

    config.yaml goes last. So whoever is killed on the way leaves a run that can be begun again.
    """
    inside = [p for p in run.iterdir() if p.name not in (NAME, "record.json")]
    aside = run.parent / ASIDE / f"{run.name}-{time.time_ns()}"
    aside.mkdir(parents=True)
    if (run / "record.json").is_file():
        write_text(aside / "record.json", (run / "record.json").read_text())
    for path in sorted(inside, key=lambda p: p.name == "config.yaml"):
        path.rename(aside / path.name)
    sync_folder(run)
    return aside.relative_to(run.parent)


# Finding ---------------------------------------------------------------------------------------------------


def is_run(path: Path) -> bool:
    return (path / "config.yaml").is_file() and (path / "status.json").is_file()


def find(run: str | Path, key: str = "run") -> tuple[Path, Path]:
    """(run directory, checkpoint) for a run directory, a checkpoint or ``latest`` (the newest below outputs/).

    ``key`` is what was typed before it.

    Raises:
        ValueError: there is no such run, or it has no checkpoint yet.
    """
    path = latest(key) if str(run) == "latest" else Path(run)
    if path.is_file():
        return path.parent.parent if path.parent.name == "checkpoints" else path.parent, path
    if not path.exists():
        raise ValueError(f"{key}={run} does not exist. Give a run directory, a checkpoint or latest.{of_several(run)}")
    if not is_run(path):
        raise ValueError(
            f"{key}={run} is not a run directory: it has no config.yaml and status.json. "
            "Give the directory that train names when it begins, a checkpoint in it, or latest."
        )
    checkpoint = path / "checkpoints" / "last.ckpt"
    if not checkpoint.is_file():
        raise ValueError(f"{key}={run} has no checkpoint yet ({checkpoint} is missing). Let it train longer.")
    return path, checkpoint


def of_several(text: str | Path) -> str:
    """What to add where names with commas between them were typed."""
    return " Several runs are a glob in quotes, such as '<folder>/*'." if "," in str(text) else ""


def is_glob(text: str) -> bool:
    """Does ``text`` stand for what matches it, rather than for the file or folder of that name?"""
    return any(c in text for c in "*?[") and not Path(text).exists()


def matching(pattern: str) -> list[Path]:
    """The run directories that match a glob; ``**`` stands for any folders, but follows no link and no 30 of them."""
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
    return sorted(path for path in found if is_run(path))


def folders(folder: Path, depth: int, *, links: bool = False, hidden: bool = False) -> Iterator[Path]:
    """The folders in ``folder`` and in those, ``depth`` deep, with or without ``links`` to some and ``hidden`` ones."""
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
    """The run below outputs/ that was begun, or resumed, last and has a checkpoint; stderr says which it is."""
    found = [p for p in below_outputs("config.yaml") if (p.parent / "checkpoints/last.ckpt").is_file()]
    return _newest_run(found, f"{key}=latest", "finished run", "Train one (python -m gan_lightning.train)")


def last_begun() -> Path:
    """The run below outputs/ that was begun, or resumed, last, and is no job of a sweep; stderr says which it is."""
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
    """status.json, with ``unfinished`` for a run that says running but that no process plays."""
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
