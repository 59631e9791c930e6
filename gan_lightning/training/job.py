"""What ``python -m gan_lightning.train`` does in a run directory, alone or as a job of a sweep or a search."""

import logging
import math
import sys
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_lightning.callbacks.finite import NotFinite
from gan_lightning.config.quoting import word
from gan_lightning.io.lock import sole
from gan_lightning.io.plain import check_links
from gan_lightning.runs.directory import status_of
from gan_lightning.runs.start import start_of_job
from gan_lightning.runs.sweep import objective_of
from gan_lightning.training.announce import in_multirun
from gan_lightning.training.pages import wants_page
from gan_lightning.training.setup import train
from gan_lightning.training.sweep_end import say_progress

log = logging.getLogger(__name__)


def train_job(cfg: DictConfig) -> float | None:
    """Train in Hydra's output directory. Returns the number that a search minimises (``objective=``), if any."""
    run = Path(HydraConfig.get().runtime.output_dir)
    check_place(run)
    with sole(run):
        start = start_of_job(cfg, run)
        if start is None:
            log.info("done before: %s", run)
            return objective_of(cfg, status_of(run))
        once = ("continue=", *(() if cfg.resume == "auto" else ("resume=",)))
        overrides = [o for o in HydraConfig.get().overrides.task if not o.startswith(once)]
        try:
            status = train(cfg, run, overrides, start=start, page=wants_page(cfg))
        except NotFinite as error:
            if cfg.objective is None:
                raise
            log.warning("%s", error)
            return math.inf  # the worst result for a search, which goes on
    if status["status"] == "stopped" and status["by"] != "max_time":
        end_sweep()
    if in_multirun():
        say_progress()
    return objective_of(cfg, status)


def end_sweep() -> None:
    """Where a job of a sweep or search was stopped by a signal, end all of it, with a line that says how to go on."""
    job = HydraConfig.get()
    if job.mode != RunMode.MULTIRUN:
        return
    if "optuna" in str(job.sweeper.get("_target_")).lower():
        sys.exit(f"the search was stopped, and cannot be continued; its trials lie in {job.sweep.dir}")
    command = f"python -m gan_lightning.train -m {word('continue', job.sweep.dir)}"
    sys.exit(f"the sweep was stopped; to go on: {command}")


def check_place(run: Path) -> None:
    """Raises ValueError where a link leads out of ``run``, and closes its log first, which may be such a link."""
    try:
        check_links(run, played=True)
    except ValueError:
        for handler in [h for h in logging.root.handlers if isinstance(h, logging.FileHandler)]:
            logging.root.removeHandler(handler)
            handler.close()
        raise
