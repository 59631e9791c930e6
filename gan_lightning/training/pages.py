"""The page with which a run ends, and that of a sweep. What goes wrong with one is a warning, and fails nothing."""

import logging
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_lightning.config.mistakes import explain
from gan_lightning.config.quoting import word
from gan_lightning.report.arms import gather
from gan_lightning.report.page import NAME, check_replaceable, save_page
from gan_lightning.report.run_page import run_page
from gan_lightning.report.sweep_page import sweep_page
from gan_lightning.runs.load import LoadedGenerator, load
from gan_lightning.training.training import Training

log = logging.getLogger(__name__)

SEED, FRAMES, SAMPLES = 0, 30, 10  # as in conf/report.yaml


def wants_page(cfg: DictConfig) -> bool:
    """Is a page wanted of this run? Of a job of a multirun only where ``report=true`` was typed: the sweep gets one."""
    if not cfg.report or not HydraConfig.initialized():
        return bool(cfg.report)
    job = HydraConfig.get()
    return job.mode != RunMode.MULTIRUN or any(o.lstrip("+").startswith("report=") for o in job.overrides.task)


def page_of_run(training: Training, status: dict[str, Any]) -> Path | None:
    """Write report.html of a run that has been played, and return its path as a person types it.

    None, with a warning, where it cannot be written; and where a signal has stopped the run, which then has to end.
    """
    if status["status"] == "stopped" and status["by"] != "max_time":
        return None
    try:
        out = check_replaceable(training.run / NAME)
        save_page(run_page(training.run, generator_of(training), SEED, FRAMES, training.shown), out)
    except Exception as error:  # whatever it is, the run has been played
        warn_of(error, word("run", training.shown))
        return None
    return training.shown / NAME


def generator_of(training: Training) -> LoadedGenerator:
    """G's average, else G, as ``load`` gives it; read from disk where it was trained in processes of its own."""
    if training.trainer.world_size > 1 and training.ranks is None:
        return load(training.run, None)
    gan = training.gan
    name = [*gan.generators][:2][-1]  # G is the first
    G = LoadedGenerator(gan.generators[name].cpu(), gan.prior, training.cfg, training.run, gan.g_steps_done)
    G.path, G.shape = training.run / "checkpoints" / "last.ckpt", list(training.data.source.shape)
    G.others = [other for other in gan.generators if other != name]
    return G


def page_of_sweep(sweep: Path) -> None:
    """Write report.html of a multirun that has ended, and say where it lies; a warning where it cannot be written."""
    try:
        runs, missing, folder = gather(str(sweep))
        page = sweep_page(runs, missing, folder, SAMPLES, SEED, None)
        log.info("page of the sweep:  %s", save_page(page, check_replaceable(folder / NAME)))
    except Exception as error:  # whatever it is, the jobs have ended
        warn_of(error, word("runs", sweep))


def warn_of(error: Exception, what: str) -> None:
    """One line: why there is no page, and what to type for it."""
    why = explain(error).removeprefix("error: ").splitlines()[0]
    log.warning("no page was written: %s Once it is mended: python -m gan_lightning.report %s", why, what)
