"""precision=auto and memory_format=auto: the faster choice on this machine, timed before the game begins.

Throw-away games with the same parts play the same real batch in turn; the game itself and its random numbers are not
touched. The choice is written into config.yaml, and a run that is resumed keeps it.
"""

import json
import logging
import math
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import product
from pathlib import Path
from typing import TypeVar

import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from gan_lightning.config.build import build_gan
from gan_lightning.config.shipped import choices
from gan_lightning.config.where import CONF
from gan_lightning.core.layout import FORMATS, laid_out
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.data.arrays import GANData
from gan_lightning.game.loop import Loop
from gan_lightning.runs.trust import plain_config

log = logging.getLogger(__name__)

AUTO = "auto"
ENOUGH = 0.95  # a choice is taken in place of a simpler one if it needs at most this share of its time
WARM_UP, ROUNDS = 3, 8  # rounds that are not counted, and rounds that are
SLOW = 3.0  # a choice that needs this many times the fastest one's time is not timed any more
SECONDS = 5.0  # no round begins later than this
GAME = ("network", "condition", "data", "prior", "loss", "technique", "optimizer", "batch_size", "devices", "d_steps",
        "update", "precision", "memory_format")  # fmt: skip

T = TypeVar("T")
Choice = tuple[str, str]  # precision, memory format
decided: dict[str, Choice] = {}  # of games that this process has timed, such as the jobs of a multirun


def recall(cfg: DictConfig, run: Path) -> None:
    """Replace ``auto`` in ``cfg`` by the choice in the config.yaml of ``run``, which is resumed or begins again."""
    if AUTO not in (cfg.precision.name, cfg.memory_format):
        return
    try:
        own = plain_config(run / "config.yaml")
    except ValueError:
        return  # raised again where the run's configuration is checked
    precision, memory_format = own.get("precision"), own.get("memory_format", "contiguous")
    name = str(precision.get("name")) if isinstance(precision, dict) else ""
    if cfg.precision.name == AUTO and name in choices("precision") - {AUTO}:
        cfg.precision = OmegaConf.load(CONF / "precision" / f"{name}.yaml")
    if cfg.memory_format == AUTO and memory_format in list(FORMATS):
        cfg.memory_format = memory_format


def decide(cfg: DictConfig, data: GANData) -> None:
    """Replace ``precision=auto`` and ``memory_format=auto`` in the resolved ``cfg`` by what is faster for its game.

    With several processes only the first is timed, with its share of a batch.
    """
    asked = {"precision": cfg.precision.name == AUTO, "memory_format": cfg.memory_format == AUTO}
    if not any(asked.values()):
        return
    game = json.dumps([OmegaConf.to_container(cfg, resolve=True)[key] for key in GAME])  # type: ignore[index,call-overload]
    game += str(device_of(cfg))
    why = "as timed for the run before"
    if game not in decided:
        decided[game], why = chosen(cfg, data, asked)
    precision, memory_format = decided[game]
    if asked["precision"]:
        cfg.precision = OmegaConf.load(CONF / "precision" / f"{precision}.yaml")
        cfg.trainer.precision = cfg.precision.lightning
    cfg.memory_format = memory_format
    values = {"precision": precision, "memory_format": memory_format}
    log.info("%s: %s", ", ".join(f"{key}=auto is {values[key]}" for key in asked if asked[key]), why)


def chosen(cfg: DictConfig, data: GANData, asked: Mapping[str, bool]) -> tuple[Choice, str]:
    """The choice, and the reason in words. ``asked``: which of precision and memory_format are auto."""
    precisions = ["fp32", "bf16"] if asked["precision"] else [cfg.precision.name]
    formats = list(FORMATS) if asked["memory_format"] else [cfg.memory_format]
    images, labels = next(iter(data.batches()))
    rows, device = cfg.batch_size // cfg.devices, device_of(cfg)
    batch = to_signed_range(images[:rows].to(device)), labels[:rows].to(device)
    with torch.random.fork_rng(devices=[]):  # a device's own generator is seeded when the game is built
        first = Trial(cfg, data, batch, (precisions[0], formats[0]))
        if not first.convolves:
            formats = formats[:1]
        if len(precisions) * len(formats) == 1:
            return first.choice, "neither player has convolutions"
        others = [Trial(cfg, data, batch, choice) for choice in list(product(precisions, formats))[1:]]
        seconds = medians({trial.choice: trial for trial in (first, *others)})
    parts = [i for i, of in enumerate((precisions, formats)) if len(of) > 1]
    times = [
        f"{1e3 * s:.1f} ms per G step with {' '.join(choice[i] for i in parts)}"
        if math.isfinite(s)
        else f"no step with {' '.join(choice[i] for i in parts)} on this device"
        for choice, s in seconds.items()
    ]
    return fastest(seconds), ", ".join(times)


def device_of(cfg: DictConfig) -> torch.device:
    """The device on which the run will be played."""
    if cfg.trainer.accelerator == "cpu":
        return torch.device("cpu")
    return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")


class Trial:
    """A game of ``cfg`` that is played for its time only: each call plays ``d_steps`` times the same ``batch``."""

    def __init__(self, cfg: DictConfig, data: GANData, batch: tuple[Tensor, Tensor], choice: Choice) -> None:
        precision, memory_format = self.choice = choice
        images, self.labels = batch
        self.images, self.device = laid_out(images, memory_format), images.device
        torch.manual_seed(cfg.seed)
        gan = build_gan(cfg, data.source.shape, class_counts=data.class_counts, labelled=data.known).to(self.device)
        gan.lay_out(memory_format)
        self.convolves = any(isinstance(m, nn.Conv2d | nn.ConvTranspose2d) for m in gan.modules())
        self.loop, self.d_steps = Loop(gan), cfg.d_steps
        self.mixed = {"bf16": "bf16-mixed", "fp16": "16-mixed"}.get(precision)

    def context(self) -> AbstractContextManager[None]:
        """The autocast context in which Lightning runs a step."""
        if self.mixed is None:
            return nullcontext()
        return MixedPrecision(self.mixed, self.device.type).forward_context()  # type: ignore[arg-type]

    def __call__(self) -> None:
        with self.context():
            for _ in range(self.d_steps):
                self.loop.step(self.images, self.labels)
        if self.device.type != "cpu":
            torch.get_device_module(self.device).synchronize()


def medians(plays: Mapping[T, Callable[[], None]], clock: Callable[[], float] = time.perf_counter) -> dict[T, float]:
    """Seconds of each of ``plays``: median over ROUNDS in which all play in turn, after WARM_UP rounds.

    From the third round on, one that has always been SLOW is timed no more. After SECONDS no round begins, but for the
    second; where there were too few rounds, all but the first count. One that raises RuntimeError, since the device
    cannot do it, has inf seconds; the first one must not raise.
    """
    seconds: dict[T, list[float]] = {name: [] for name in plays}
    begun, still = clock(), list(plays)
    for turn in range(WARM_UP + ROUNDS):
        if turn > 0 and (len(still) == 1 or (turn > 1 and clock() - begun > SECONDS)):
            break
        for name in list(still):
            since = clock()
            try:
                plays[name]()
            except RuntimeError:
                if name == next(iter(plays)):
                    raise
                seconds[name] = [math.inf] * (WARM_UP + 1)
                still.remove(name)
                continue
            seconds[name].append(clock() - since)
        if turn >= 2:
            best = min(min(seconds[name][1:]) for name in still)
            still = [name for name in still if min(seconds[name][1:]) <= SLOW * best]
    return {name: statistics.median(s[WARM_UP:] or s[1:] or s) for name, s in seconds.items()}


def fastest(seconds: Mapping[T, float]) -> T:
    """The first, unless a later one takes at most ENOUGH of its time, and so on: simpler choices come first."""
    held, *others = seconds
    for name in others:
        if seconds[name] <= ENOUGH * seconds[held]:
            held = name
    return held
