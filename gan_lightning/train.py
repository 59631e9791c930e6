"""``python -m gan_lightning.train``: compose, instantiate, play."""

import copy
import logging
import math
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from gan_lightning.cli import verb
from gan_lightning.lock import sole
from gan_lightning.paths import word

log = logging.getLogger(__name__)


def train(
    cfg: DictConfig,
    run: Path,
    overrides: list[str] | None = None,
    extra_callbacks: Sequence[Any] = (),
    resume: Path | None = None,
    again: bool = False,
) -> dict[str, Any]:
    """Play the game of ``cfg`` in the empty directory ``run``, or go on with the run there from a checkpoint of it.

    With ``again``, what is in ``run`` moves to .unfinished/ beside it when all is ready to begin.

    Returns what status.json says of it.

    Raises:
        ValueError: another process plays this run, ``run`` holds another, or ``cfg`` is not a game.
    """
    with sole(run):
        return play(cfg, run, overrides or [], extra_callbacks, resume, again)


def play(
    cfg: DictConfig, run: Path, overrides: list[str], extra_callbacks: Sequence[Any], resume: Path | None, again: bool
) -> dict[str, Any]:
    """What ``train`` says, when nobody else plays this run."""
    from gan_lightning.checks import check_device, check_objective, check_values

    check_values(cfg)

    import torch
    from lightning.pytorch import seed_everything

    from gan_lightning.build import (
        build_data,
        build_gan,
        check_lipschitz,
        decide_data,
        drop_unchosen,
        judge_of,
        make,
        spread,
    )
    from gan_lightning.callbacks.libraries import quiet_libraries
    from gan_lightning.callbacks.max_time import MaxTime
    from gan_lightning.loading import check_fit, load_weights, read_checkpoint
    from gan_lightning.own_code import check_trust
    from gan_lightning.plain import check_links
    from gan_lightning.processes import fit, gather_results
    from gan_lightning.resumable import check_resumable
    from gan_lightning.resuming import check_same_game, check_something_left, cut, resumed_loggers
    from gan_lightning.rules import duration
    from gan_lightning.runs import record
    from gan_lightning.sweeps import CONTINUE
    from gan_lightning.trust import checked, plain_config

    trust, cfg.trust = check_trust(cfg.trust), None  # the word of the person who types it; config.yaml keeps none
    quiet_libraries()
    check_device(cfg)
    note = decide_data(cfg)
    drop_unchosen(cfg)
    spread(cfg)
    composed = copy.deepcopy(cfg)  # with its interpolations
    OmegaConf.resolve(cfg)
    begun = 0
    replayed = (resume is not None or again) and cfg.resume != "auto"  # with auto, all of it is typed
    if replayed or os.environ.get(CONTINUE):  # written in a file that may be a stranger's
        checked(OmegaConf.to_container(cfg), run, trust, whole=True)
    if resume is not None:
        check_links(run)
        check_same_game(OmegaConf.create(plain_config(run / "config.yaml")), composed)
        checkpoint = read_checkpoint(resume)
        begun = checkpoint["counters"]["g_steps_done"]
        check_something_left(run, begun, cfg.steps)
    data = build_data(cfg)
    judge = judge_of(data.source) if cfg.evaluate_every else None
    check_objective(cfg, judge is not None)
    data.prepare_data()
    data.setup()
    seed_everything(cfg.seed, verbose=False)
    if resume is not None:  # what a file asks for may have any width, what a checkpoint holds has the file's size
        check_fit(lambda: build_gan(cfg, data.source.shape), checkpoint, resume, run / "config.yaml")
    gan = build_gan(cfg, data.source.shape, data.mean)
    check_lipschitz(gan)
    if resume is not None:
        load_weights(gan, checkpoint, resume, run / "config.yaml")  # before anything of the run is touched
    purge = resumed_loggers(cfg.logger, begun) if resume is not None else {}
    loggers = {name: make(node, save_dir=str(run), **purge.get(name, {})) for name, node in cfg.logger.items()}
    callbacks = {name: make(node) for name, node in cfg.callbacks.items()}
    config = OmegaConf.to_container(cfg)
    callbacks["checkpoints"].identity = {"config": config, "shape": list(data.source.shape)}
    callbacks["hparams"].config = flat(config)
    if cfg.evaluate_every:
        callbacks["evaluation"].judge = judge
    if cfg.max_time is not None:
        callbacks["max_time"] = MaxTime(duration(cfg.max_time))
    trainer = make(
        cfg.trainer,
        default_root_dir=str(run),
        max_steps=(cfg.d_steps + 1) * cfg.steps,  # Lightning counts the steps of both optimizers
        callbacks=[*callbacks.values(), *extra_callbacks],
        logger=list(loggers.values()),
    )
    if resume is not None:
        check_resumable(checkpoint, resume, gan, trainer)
    shown = Path(os.path.relpath(run)) if run.is_relative_to(Path.cwd()) else run
    with record(run, cfg, note, overrides, resumed=resume is not None, again=again) as status:
        if note:
            warn_loudly(note, loggers)
        choice = HydraConfig.get().runtime.choices if HydraConfig.initialized() else {}
        log.info(
            "%s %s (%s, k = %d) on %d %s of %s, %d G steps of batch %d, %s on %s, in %s",
            f"going on after {begun} G steps with" if resume is not None else "training",
            choice.get("network", "a GAN"),
            type(gan.loss).__name__,
            cfg.d_steps,
            len(data.arrays or ()),
            "points" if len(data.source.shape) == 1 else "images",
            data.source.name,
            cfg.steps,
            cfg.batch_size,
            cfg.precision.name,
            type(trainer.accelerator).__name__.removesuffix("Accelerator"),
            shown,
        )
        if cfg.evaluate_every and judge is None:
            log.info("no evaluation: conf/judge has none for data=%s of shape %s", data.source.name,
                     tuple(data.source.shape))  # fmt: skip
        if resume is not None:
            cut(run / "metrics.jsonl", begun)
        start = time.perf_counter()
        fit(trainer, gan, data, resume, run)
        if trainer.world_size > 1:
            gather_results(gan, callbacks["evaluation"], run, begun)
        status |= {
            "g_steps": gan.g_steps_done,
            "images": gan.images_seen,
            "seconds": round(time.perf_counter() - start, 2),
            **gan.numbers,
        }
        status |= callbacks["evaluation"].reached()
        came = callbacks["signals"].came
        if came or gan.g_steps_done < cfg.steps:
            status |= {"status": "stopped", "by": came or "max_time"}
    if gan.g_steps_done < cfg.steps:
        why = f"{came} came" if came else "max_time was reached"
        log.info("%s after %d of %d G steps; to go on:", why, gan.g_steps_done, cfg.steps)
        log.info("       python -m gan_lightning.train %s", word("resume", shown))
    ended = "stopped" if status["status"] == "stopped" else "done"
    made = sorted(f"{path.name}/" if path.is_dir() else path.name for path in run.iterdir() if path.name[0] != ".")
    log.info("%s after %.0f s; wrote in %s: %s", ended, status["seconds"], shown, ", ".join(made))
    log.info("next:  python -m gan_lightning.sample %s", word("run", shown))
    if (judge or judge_of(data.source)) is not None:
        points = " metrics=points" if len(data.source.shape) == 1 else ""
        log.info("       python -m gan_lightning.evaluate %s%s", word("run", shown), points)
    log.info("       tensorboard --logdir %s", shlex.quote(str(shown.parent)))
    if not torch.isfinite(torch.tensor(list(gan.numbers.values()))).all():
        log.warning("the last logged numbers are not finite: %s", gan.numbers)
    return status


def warn_loudly(note: str, loggers: dict[str, Any]) -> None:
    log.warning("%s\n%s\n%s", "=" * 100, note, "=" * 100)
    for logger in loggers.values():
        if hasattr(getattr(logger, "experiment", None), "add_text"):
            logger.experiment.add_text("note", note)


def flat(config: Any) -> dict[str, bool | int | float | str]:
    """What may differ between runs, as scalars under dotted keys."""
    from gan_lightning.checks import leaves

    return {
        key: value if isinstance(value, bool | int | float | str) else str(value)
        for key, value in leaves(config)
        if not key.startswith(("callbacks.", "logger.", "trainer."))
    }


def check_place(run: Path) -> None:
    """Nothing is written through a link that leads out of ``run``, the log of this included. Raises ValueError."""
    from gan_lightning.plain import check_links

    try:
        check_links(run)
    except ValueError:
        for handler in [h for h in logging.root.handlers if isinstance(h, logging.FileHandler)]:
            logging.root.removeHandler(handler)
        raise


@verb("train")
def main(cfg: DictConfig) -> float | None:
    run = Path(HydraConfig.get().runtime.output_dir)
    check_place(run)
    with sole(run):
        return job(cfg, run)


def job(cfg: DictConfig, run: Path) -> float | None:
    """What the command does in its run directory; what a search minimises."""
    from gan_lightning.callbacks.finite import NotFinite
    from gan_lightning.resuming import AlreadyDone, taken_start, unfinished_start
    from gan_lightning.runs import status_of
    from gan_lightning.sweeps import already_done, reached

    hydra = HydraConfig.get()
    if already_done(run):
        log.info("done before: %s", run)
        return reached(cfg, status_of(run))
    checkpoint, again = taken_start()
    if cfg.resume == "auto":
        try:
            checkpoint, again = unfinished_start(run, cfg.steps)
        except AlreadyDone:
            log.info("done before: %s", run)
            return reached(cfg, status_of(run))
    try:
        status = train(cfg, run, list(hydra.overrides.task), resume=checkpoint, again=again)
    except NotFinite as error:
        if cfg.objective is None:
            raise
        log.warning("%s", error)
        return math.inf  # for a search, the worst there is
    if status["status"] == "stopped" and status["by"] != "max_time" and hydra.mode == RunMode.MULTIRUN:
        if "optuna" in str(hydra.sweeper.get("_target_")).lower():
            sys.exit(f"the search was stopped, and cannot be continued; its trials lie in {hydra.sweep.dir}")
        sweep = word("continue", hydra.sweep.dir)
        sys.exit(f"the sweep was stopped; to go on: python -m gan_lightning.train -m {sweep}")
    return reached(cfg, status)


if __name__ == "__main__":
    main()
