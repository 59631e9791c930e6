"""The lines of a run on the console: what is trained, how it ended, what to type next."""

import logging
import shlex
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import OmegaConf

from gan_lightning.config.build import judge_of
from gan_lightning.config.choices import choice_of, labels_and_prior, optimizer_of, smoothing_of, techniques_in_words
from gan_lightning.config.launch import resume_command
from gan_lightning.config.quoting import word
from gan_lightning.training.training import Training

log = logging.getLogger(__name__)


def warn_loudly(note: str, loggers: dict[str, Any]) -> None:
    """Log ``note`` between two lines of =, and write it to TensorBoard for those who look at the run later."""
    log.warning("%s\n%s\n%s", "=" * 100, note, "=" * 100)
    for logger in loggers.values():
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_text("note", note)


def announce_start(training: Training) -> None:
    """Log which game is played, on what data and device, and in which directory."""
    cfg, gan, begun, source = training.cfg, training.gan, training.begun, training.data.source
    config: Any = OmegaConf.to_container(cfg)
    smoothing = smoothing_of(config)
    game = [techniques_in_words(config), "no smoothing" if smoothing == "none" else f"smoothing {smoothing}"]
    log.info(
        "%s %s (%s, k = %d, %s) on %d %s of %s, %d G steps of batch %d, %s on %s, in %s",
        f"going on after {begun} G steps with" if training.start.checkpoint else "training",
        choice_of("network", config["network"]),
        type(gan.loss).__name__,
        cfg.d_steps,
        ", ".join([*game, *labels_and_prior(config), optimizer_of(config)]),
        len(training.data.arrays or ()),
        "points" if len(source.shape) == 1 else "images",
        source.name,
        cfg.steps,
        cfg.batch_size,
        cfg.precision.name,
        type(training.trainer.accelerator).__name__.removesuffix("Accelerator"),
        training.shown,
    )
    if training.initial is not None:
        log.info("its weights are those of %s after %d G steps", cfg.init, training.initial.g_steps)
    if cfg.evaluate_every and training.judge is None:
        log.info("no evaluation: conf/judge has none for data=%s of shape %s", source.name, tuple(source.shape))


def announce_end(training: Training, status: dict[str, Any], page: Path | None = None) -> None:
    """Log how the run ended, what it wrote, which commands may come next, and last where its ``page`` lies."""
    run, gan, shown, steps = training.run, training.gan, training.shown, training.cfg.steps
    if gan.g_steps_done < steps:
        why = "max_time was reached" if status["by"] == "max_time" else f"{status['by']} came"
        log.info("%s after %d of %d G steps; to go on:", why, gan.g_steps_done, steps)
        log.info("       %s", resume_command(shown))
    ended = "stopped" if status["status"] == "stopped" else "done"
    made = sorted(f"{path.name}/" if path.is_dir() else path.name for path in run.iterdir() if path.name[0] != ".")
    log.info("%s after %.0f s; wrote in %s: %s", ended, status["seconds"], shown, ", ".join(made))
    if status.get("alarms"):
        log.warning("alarms in %s: %s", shown / "alarms.json", ", ".join(status["alarms"]))
    if not in_multirun():  # a sweep says at its end what comes next
        announce_next(training)
    if not torch.isfinite(torch.tensor(list(gan.numbers.values()))).all():
        log.warning("the last logged numbers are not finite: %s", gan.numbers)
    if page is not None:
        log.info("page:  %s", page)


def in_multirun() -> bool:
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def announce_next(training: Training) -> None:
    """Log what may be typed next."""
    shown, source = training.shown, training.data.source
    log.info("next:  python -m gan_lightning.sample %s", word("run", shown))
    if (training.judge or judge_of(source)) is not None:
        points = " metrics=points" if len(source.shape) == 1 else ""
        log.info("       python -m gan_lightning.evaluate %s%s", word("run", shown), points)
    if any(isinstance(logger, TensorBoardLogger) for logger in training.loggers.values()):
        log.info("       tensorboard --logdir %s", shlex.quote(str(shown.parent)))
