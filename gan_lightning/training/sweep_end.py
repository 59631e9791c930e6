"""What a multirun says: after each job how far it is, and at its end a table of its arms and what may be typed next."""

import logging
import math
import os
from collections import Counter
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from gan_lightning.config.hydra_hooks import Brief
from gan_lightning.config.quoting import word
from gan_lightning.io.plain import printable
from gan_lightning.io.tables import text_table
from gan_lightning.report.arms import Run, arms, gather
from gan_lightning.report.columns import summary
from gan_lightning.runs.directory import status_of
from gan_lightning.runs.listing import best_numbers_of
from gan_lightning.runs.sweep import progress_of
from gan_lightning.training.pages import page_of_sweep

log = logging.getLogger(__name__)

HEAD = ("seeds", "status", "best FD", "arm")


def say_progress() -> None:
    """Log how many jobs of this multirun have ended, and how long the others may take; for a search, nothing."""
    job = HydraConfig.get()
    if "Basic" not in str(job.sweeper.get("_target_")):
        return
    workers = job.launcher.get("n_jobs") or 1
    alone = "Basic" in str(job.launcher.get("_target_"))
    try:
        played = job.job.num + 1 if alone else None
        log.info("%s", progress_of(Path(job.sweep.dir), played, workers if workers > 0 else os.cpu_count() or 1))
    except ValueError as error:  # multirun.yaml cannot be read any more
        log.warning("%s", error)


def end_of_sweep(sweep: Path, page: bool) -> None:
    """Log a table of the sweep, with a row for each arm, and what may be typed next; write its page if one is wanted.

    It raises nothing: the jobs have ended, and have told their errors.
    """
    try:
        runs, missing, folder = gather(str(sweep))
    except ValueError:  # no job has begun
        return
    for handler in logging.root.handlers:  # those of Hydra, whose lines begin with the time
        handler.setFormatter(Brief())
    shown = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)
    for lines in text_table([HEAD, *(row_of_arm(name, members) for name, members in arms(runs).items())]):
        for text in lines:
            log.info("%s", text)
    if missing:
        log.info("not in the table: %s", ", ".join(f"{printable(n)} ({printable(s)})" for n, s in missing.items()))
    log.info("next:  python -m gan_lightning.evaluate 'run=\"%s/*\"' metrics=fast", shown)
    log.info("       python -m gan_lightning.compare %s", word("runs", shown))
    if page:
        page_of_sweep(sweep)


def row_of_arm(name: str, runs: list[Run]) -> tuple[str, str, str, str]:
    """How many seeds, how they ended, mean and spread of the best Frechet distances, and the arm's name."""
    ended = Counter(run.status for run in runs)
    status = next(iter(ended)) if len(ended) == 1 else ", ".join(f"{n} {status}" for status, n in ended.items())
    distances = [d for run in runs if math.isfinite(d := best_numbers_of(status_of(run.path))[0])]
    return str(len(runs)), printable(status), summary(distances, len(runs)), printable(name)
