"""One run of ``train``, in four steps: settle the configuration, build its parts, play, announce the end."""

import copy
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch import seed_everything
from omegaconf import DictConfig, OmegaConf

from gan_lightning.callbacks.alarms import alarms_of
from gan_lightning.callbacks.libraries import silence_libraries
from gan_lightning.callbacks.max_time import MaxTime
from gan_lightning.config.build import (
    build_data,
    build_gan,
    check_lipschitz,
    decide_data,
    drop_unchosen,
    judge_of,
    make,
)
from gan_lightning.config.checks import check_device, check_objective, check_values, leaves
from gan_lightning.config.launch import choose_ddp
from gan_lightning.config.rules import duration
from gan_lightning.config.words import choice_words
from gan_lightning.data.arrays import GANData
from gan_lightning.game.module import GAN
from gan_lightning.io.lock import sole
from gan_lightning.io.plain import check_links
from gan_lightning.runs.checkpoint import load_weights, read_checkpoint
from gan_lightning.runs.fit import check_fit
from gan_lightning.runs.initial import Initial, read_initial
from gan_lightning.runs.own_code import check_trust
from gan_lightning.runs.record import record
from gan_lightning.runs.resumable import check_resumable
from gan_lightning.runs.resume import check_same_game, check_something_left, drop_lines_after
from gan_lightning.runs.start import Start
from gan_lightning.runs.trust import checked, plain_config
from gan_lightning.training.announce import announce_end, announce_start, warn_loudly
from gan_lightning.training.capturing import capture
from gan_lightning.training.fastest import decide, recall
from gan_lightning.training.grouping import find_within
from gan_lightning.training.loggers import build_loggers, end_loggers
from gan_lightning.training.pages import page_of_run
from gan_lightning.training.processes import fit, gather_results
from gan_lightning.training.ranks import cluster_environment, joined, leading
from gan_lightning.training.training import Training

NEW = Start()
NO_KNOBS = ("callbacks.", "logger.", "trainer.", "precision.", "data.root", "resume", "continue", "trust")


def train(
    cfg: DictConfig,
    run: Path,
    overrides: list[str] | None = None,
    extra_callbacks: Sequence[Any] = (),
    start: Start = NEW,
    page: bool = False,
) -> dict[str, Any]:
    """Play the game of ``cfg`` in the directory ``run``.

    Args:
        cfg: the composed configuration; it becomes the one that is played (``settle``).
        run: an empty directory, or that of a run which goes on or begins again, as ``start`` says. Where it begins
            again, what it holds is moved to .unfinished/ beside it when all parts have been built.
        overrides: what was typed, for record.json.
        extra_callbacks: of Lightning, beside those of the configuration.
        start: how the run starts.
        page: write report.html at the end (``training/pages.py``).

    Returns:
        What status.json has at the end.

    Raises:
        ValueError: another process plays this run, ``run`` holds another, or ``cfg`` describes no game.
    """
    with sole(run), leading(joined()) as ranks:
        training = prepare(cfg, run, overrides or [], start, extra_callbacks)
        if ranks is not None:
            ranks.begin(training)
            training.ranks = ranks
        status = play_run(training)
        written = page_of_run(training, status) if page else None
        announce_end(training, status, written)
        return status


def prepare(cfg: DictConfig, run: Path, overrides: list[str], start: Start, extra_callbacks: Sequence[Any]) -> Training:
    """Check the configuration and build all parts of the run. Mistakes are found here, before anything is written."""
    check_values(cfg)
    silence_libraries()
    if start.checkpoint is not None or start.again:
        recall(cfg, run)
    trust, note, composed = settle(cfg)
    if start.from_file:
        checked(OmegaConf.to_container(cfg), run, trust, whole=True)
    return build_training(cfg, run, overrides, start, checkpoint_of(start, run, cfg, composed), note, extra_callbacks)


def build_training(
    cfg: DictConfig,
    run: Path,
    overrides: list[str],
    start: Start,
    checkpoint: dict[str, Any] | None,
    note: str | None = None,
    extra_callbacks: Sequence[Any] = (),
) -> Training:
    """Build data, players, callbacks and Trainer of a settled ``cfg``. Nothing is written."""
    begun = checkpoint["counters"]["g_steps_done"] if checkpoint else 0
    initial = read_initial(cfg.init) if cfg.get("init") and checkpoint is None else None
    data = build_data(cfg)
    judge = judge_of(data.source) if cfg.evaluate_every else None
    check_objective(cfg, judge is not None)
    data.prepare_data()
    data.setup()
    decide(cfg, data)
    gan = build_game(cfg, data, run, start, checkpoint, initial)
    callbacks = callbacks_of(cfg, data, judge)
    capture(cfg, gan, [*callbacks.values(), *extra_callbacks])
    training = Training(cfg, run, overrides, start, note, begun, data, gan, judge, callbacks, initial=initial)
    training.loggers = build_loggers(cfg.logger, run, begun if checkpoint else None)
    training.trainer = make(
        cfg.trainer,
        default_root_dir=str(run),
        max_steps=(cfg.d_steps + 1) * cfg.steps,  # Lightning counts the steps of both optimizers
        callbacks=[*training.callbacks.values(), *extra_callbacks],
        logger=list(training.loggers.values()),
        **cluster_environment(),
    )
    if checkpoint and start.checkpoint:
        check_resumable(checkpoint, start.checkpoint, gan, training.trainer)
    return training


def settle(cfg: DictConfig) -> tuple[str, str | None, DictConfig]:
    """Change ``cfg`` into the configuration that is played: ``data=auto`` decided, every interpolation resolved.

    Returns:
        The prefix of modules that the person trusts, why data=auto took another dataset, and the configuration with
        its interpolations.
    """
    trust, cfg.trust = check_trust(cfg.trust), None  # trust holds for this command, so config.yaml has none
    cfg["continue"], cfg.resume = None, cfg.resume if cfg.resume == "auto" else None  # nor a resumption
    check_device(cfg)
    note = decide_data(cfg)
    drop_unchosen(cfg)
    choose_ddp(cfg)
    composed = copy.deepcopy(cfg)
    OmegaConf.resolve(cfg)
    return trust, note, composed


def checkpoint_of(start: Start, run: Path, cfg: DictConfig, composed: DictConfig) -> dict[str, Any] | None:
    """The content of the checkpoint from which the run goes on; None where it begins.

    Raises:
        ValueError: ``composed`` is another game than the run's, the checkpoint is damaged, or nothing is left to play.
    """
    if start.checkpoint is None:
        return None
    check_links(run, played=True)
    check_same_game(OmegaConf.create(plain_config(run / "config.yaml")), composed)
    checkpoint = read_checkpoint(start.checkpoint)
    check_something_left(run, checkpoint["counters"]["g_steps_done"], cfg.steps)
    return checkpoint


def build_game(
    cfg: DictConfig,
    data: GANData,
    run: Path,
    start: Start,
    checkpoint: dict[str, Any] | None,
    initial: Initial | None = None,
) -> GAN:
    """The game, with new weights, with those of the checkpoint, or with the ``initial`` ones of another game."""
    shape = data.source.shape
    if initial is not None:
        initial.check_shape(shape, data.source.name)
    seed_everything(cfg.seed, verbose=False)
    build = partial(build_gan, cfg, shape, class_counts=data.class_counts, labelled=data.known)
    if checkpoint and start.checkpoint:  # a configuration may ask for any width: compare shapes before memory is taken
        check_fit(build, checkpoint, start.checkpoint, run / "config.yaml")
    gan: GAN = build(data.mean, samples=data.reference, begin=initial.fill if initial else None)
    find_within(gan, data, begun=checkpoint is not None)
    gan.lay_out(cfg.memory_format)
    check_lipschitz(gan)
    if checkpoint and start.checkpoint:
        load_weights(gan, checkpoint, start.checkpoint, run / "config.yaml")  # raises before anything is written
    return gan


def callbacks_of(cfg: DictConfig, data: GANData, judge: Any) -> dict[str, Any]:
    """The callbacks of the configuration, completed by what it does not name: the judge, the shape of the data."""
    callbacks = {name: make(node) for name, node in cfg.callbacks.items()}
    config = OmegaConf.to_container(cfg)
    callbacks["checkpoints"].identity = {"config": config, "shape": list(data.source.shape)}
    callbacks["hparams"].config = flat(config)
    callbacks["evaluation"].judge = judge
    if "watch" in callbacks:
        callbacks["watch"].evaluation = callbacks["evaluation"]
    if cfg.max_time is not None:
        callbacks["max_time"] = MaxTime(duration(cfg.max_time))
    return callbacks


def flat(config: Any) -> dict[str, bool | int | float | str]:
    """For the hparams tab: the word of each choice (``choice_words``), and the knobs by dotted key."""
    knobs = {
        key: value
        for key, value in leaves(config)
        if isinstance(value, bool | int | float | str)
        and not key.startswith(NO_KNOBS)
        and key.rpartition(".")[2] not in ("_target_", "_partial_", "fused")
    }
    return {**choice_words(config), **knobs}


def play_run(training: Training) -> dict[str, Any]:
    """Play the game, with its record in the run's directory. Returns what status.json has at the end."""
    run, cfg, gan, start = training.run, training.cfg, training.gan, training.start
    resumed = start.checkpoint is not None
    evaluation = training.callbacks["evaluation"]
    init = training.initial.record() if training.initial else None
    with record(run, cfg, training.note, training.overrides, resumed=resumed, again=start.again, init=init) as status:
        if training.note:
            warn_loudly(training.note, training.loggers)
        announce_start(training)
        if resumed:
            drop_lines_after(run / "metrics.jsonl", training.begun)
        began = time.perf_counter()
        try:
            fit(training.trainer, gan, training.data, start.checkpoint, run, training.ranks)
        finally:
            status["alarms"] = alarms_of(run) if "watch" in training.callbacks else []
            end_loggers()
        if training.trainer.world_size > 1 and training.ranks is None:
            gather_results(gan, evaluation, run, training.begun)
        seconds = round(time.perf_counter() - began, 2)
        status |= {"g_steps": gan.g_steps_done, "images": gan.images_seen, "seconds": seconds, **gan.numbers}
        status |= evaluation.best_numbers() | evaluation.floor_numbers()
        came = training.callbacks["signals"].came
        if came or gan.g_steps_done < cfg.steps:
            status |= {"status": "stopped", "by": came or "max_time"}
    return status
