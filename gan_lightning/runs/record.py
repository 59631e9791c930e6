"""The files in which a run is recorded: config.yaml, record.json (command, versions, machine) and status.json."""

import logging
import os
import platform
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from gan_lightning.config.launch import resume_command, starter
from gan_lightning.config.mistakes import explain
from gan_lightning.io.files import sync_folder, write_json, write_text
from gan_lightning.io.lock import NAME
from gan_lightning.io.plain import read_json

log = logging.getLogger(__name__)

ASIDE = ".unfinished"  # where the directories of jobs that are begun again go


def cpu(listing: Path = Path("/proc/cpuinfo")) -> str:
    """The model of this machine's CPU as Linux lists it; elsewhere what Python knows of it."""
    with suppress(OSError):
        if match := re.search(r"^model name\s*:\s*(.+)$", listing.read_text(), flags=re.MULTILINE):
            return match[1].strip()
    return platform.processor() or platform.machine()


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
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
    }


def now() -> str:
    """The time, with its zone."""
    return datetime.now().astimezone().isoformat()


@contextmanager
def record(
    run: Path,
    cfg: DictConfig,
    note: str | None,
    overrides: list[str],
    resumed: bool = False,
    again: bool = False,
    init: dict[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Write the record of a run around the block that plays it. The caller holds the lock of ``run``.

    Yields a dict that goes into status.json when the block ends: the caller puts the results there, and may set another
    "status" than "done". Where the block raises, the status is "failed", with the error.

    config.yaml is written last: a directory with config.yaml has record.json and status.json too, and a run that was
    killed before config.yaml was there has not begun.

    Args:
        run: the run's directory.
        cfg: the resolved configuration.
        note: why data=auto took another dataset.
        overrides: what was typed.
        resumed: the run goes on in its directory: config.yaml is replaced, record.json gets one more resumption.
        again: the run begins again: what the directory holds is moved to .unfinished/ first.
        init: what is to be known of the weights that it begins with, where they are another game's.

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
    command = " ".join([starter(), *map(shlex.quote, overrides)])
    entry = {"command": command, "overrides": overrides, "note": note, **environment()}
    if init is not None:
        entry["init"] = init
    if resumed:
        first = read_json(run / "record.json") if (run / "record.json").is_file() else {}
        again_at = {"at": now(), **entry}
        entry = {**first, "overrides": overrides, "resumed": [*(first.get("resumed") or []), again_at]}
    try:
        write_json(run / "record.json", entry)
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
            more = f"Its checkpoints are whole; then: {resume_command(run)}" if saved else ""
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
    """Move what is in ``run``, but for its lock, to .unfinished/ beside it.

    record.json is copied and stays, and config.yaml is moved last, so that the run can be begun again even if the
    process is killed in between.

    Returns:
        The new folder, relative to the parent of ``run``.
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
