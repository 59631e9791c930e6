"""What Lightning, curves, pictures and checkpoints cost: the training loop's time beside that of a bare torch loop.

Both play in turn on the same machine, so that what slows it slows both; times are wall-clock seconds per G step.
"""

import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from gan_lightning.callbacks.overhead import FewHooks, next_multiple
from gan_lightning.config.build import build_data, build_gan, build_source, make
from gan_lightning.config.compose import compose
from gan_lightning.config.where import CONF
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.game.loop import Loop
from gan_lightning.io.tables import markdown_table
from gan_lightning.training.bare import bare_loop
from gan_lightning.training.setup import train
from gan_lightning.training.watch_cost import watch_cost


def data_overrides() -> list[str]:
    """Overrides of ``train`` for real MNIST where it lies on disk, else for as many made-up images (60,000)."""
    mnist = build_source(compose("train", ["data=mnist"]).data)
    return ["data=mnist"] if mnist.is_complete() else ["data=synthetic", "data.n=60000"]


@dataclass(frozen=True)
class Turn:
    """Seconds in which either loop played its slice of G steps; ``due``: the run also evaluated, drew and saved."""

    run: float
    bare: float
    due: bool


def in_turn(overrides: list[str], steps: int, slice_: int, often: int) -> list[Turn]:
    """``train`` and the bare loop of the same game, in turn: a slice of G steps each.

    Until its first evaluation, for which the judge looks at the real images once, a run warms up: that is left out.

    Args:
        overrides: of the configuration that both play.
        steps: G steps of each loop.
        slice_: G steps after which the loops change places.
        often: G steps between two evaluations, pictures and checkpoints of ``train``, a multiple of ``slice_``.
    """
    turns: list[Turn] = []

    class Alternate(FewHooks):
        def next_due(self, step: int) -> int:
            return next_multiple(slice_, step)

        def on_train_start(self, trainer: Any, module: Any) -> None:
            self.bare = bare_loop(compose("train", [*overrides, f"steps={steps}"]), slice_)
            self.since = time.perf_counter()

        def on_train_batch_end(self, trainer: Any, module: Any, *args: Any) -> None:
            if module.g_steps_done % slice_ == 0:
                end = time.perf_counter()
                next(self.bare)
                now = time.perf_counter()
                turns.append(Turn(end - self.since, now - end, module.g_steps_done % often == 0))
                self.since = time.perf_counter()

    intervals = [f"{name}_every={often}" for name in ("sample", "evaluate", "checkpoint")]
    with tempfile.TemporaryDirectory() as folder:
        cfg = compose("train", [*overrides, f"steps={steps}", *intervals, "checkpoint_seconds=0", "trainer=cpu"])
        train(cfg, Path(folder), extra_callbacks=[Alternate()])
    return turns[often // slice_ :]


@dataclass(frozen=True)
class Ratio:
    """Time per G step of ``train`` over that of the bare loop.

    Attributes:
        step: seconds of the bare loop per G step, the median of its slices.
        quartiles: of the ratio of the slices in which nothing was due.
        due: seconds that evaluation, picture and checkpoint take together, the median.
        total: the median ratio, and what is due every so many G steps shared out among them.
    """

    step: float
    quartiles: tuple[float, float, float]
    due: float
    total: float


def ratio_of(turns: Sequence[Turn], slice_: int, every: int) -> Ratio:
    """What ``turns`` of ``slice_`` G steps say of a run that evaluates, draws and saves every ``every`` G steps."""
    low, median, high = statistics.quantiles([t.run / t.bare for t in turns if not t.due], n=4)
    step = statistics.median(t.bare for t in turns) / slice_
    due = statistics.median(t.run - median * t.bare for t in turns if t.due)
    return Ratio(step, (low, median, high), due, median + due / (every * step))


def steps_of(cfg: DictConfig, slice_: int) -> Iterator[None]:
    """The game of ``cfg`` played by ``game.loop.Loop``, without a Trainer: ``slice_`` D steps at each ``next``."""
    data = build_data(cfg)
    data.setup()
    torch.manual_seed(0)
    loop = Loop(build_gan(cfg, data.source.shape, class_counts=data.class_counts, labelled=data.known))
    batches = iter(data.batches())
    while True:
        for images, labels in islice(batches, slice_):
            loop.step(to_signed_range(images), labels)
        yield


def technique_costs(overrides: list[str], rounds: int, slice_: int) -> str:
    """A Markdown table: milliseconds per step of the plain game and with each technique, and the ratio (medians).

    Args:
        overrides: of both games.
        rounds: of both in turn, after one that warms up and is dropped.
        slice_: D steps of each in a round.
    """
    rows = []
    for name in sorted(p.stem for p in (CONF / "technique").glob("*.yaml")):
        mine = [f"technique=[{name}]"]
        if make(compose("train", [*overrides, *mine]).technique[name]).needs_labelled:
            mine.append("data.labelled=100")
        games = [compose("train", [*overrides, *choice]) for choice in ([], mine)]
        loops = [steps_of(cfg, slice_) for cfg in games]
        seconds: list[list[float]] = [[], []]
        for turn in range(rounds + 1):  # the first warms up
            for loop, kept in zip(loops, seconds, strict=True):
                start = time.perf_counter()
                next(loop)
                kept += [(time.perf_counter() - start) / slice_] if turn else []
        plain, with_it = (1e3 * statistics.median(s) for s in seconds)
        ratio = statistics.median(b / a for a, b in zip(*seconds, strict=True))
        rows.append((f"`{name}`", f"{plain:.1f}", f"{with_it:.1f}", f"{ratio:.2f}"))
        print(f"  {name}: {ratio:.2f}", flush=True)
    return markdown_table(("technique", "plain, ms", "with it, ms", "ratio"), rows)


def images_per_s(overrides: list[str], batches: int = 3000) -> float:
    """Images per second that the data module serves over so many ``batches``, with no model to train."""
    cfg = compose("train", overrides)
    data = build_data(cfg)
    data.setup()
    loader = iter(data.batches())
    next(loader)
    start = time.perf_counter()
    for _ in islice(loader, batches):
        pass
    images: int = batches * cfg.batch_size
    return images / (time.perf_counter() - start)


def start_and_memory(overrides: list[str]) -> tuple[float, float]:
    """Of a run of 100 G steps: seconds from the command to its first logged step, peak resident memory in MiB.

    Raises:
        RuntimeError: the run failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "gan_lightning.train", *overrides, "steps=100", "log_every=1", "report=false"]
        began = time.time()
        process = subprocess.Popen([*command, f"hydra.run.dir={folder}/run"], stdout=subprocess.DEVNULL)
        lines = Path(folder) / "run" / "metrics.jsonl"
        while process.poll() is None and not (lines.is_file() and lines.stat().st_size):
            time.sleep(0.02)
        first = time.time() - began
        _, status, usage = os.wait4(process.pid, 0) if process.returncode is None else (0, 1, None)
        if status or usage is None:
            raise RuntimeError(f"a run of 100 steps failed: {' '.join(command)}")
        return first, usage.ru_maxrss / 1024  # Linux counts in KB


def loop_ratio(name: str, overrides: list[str], steps: int, cfg: DictConfig) -> float:
    """The ratio for one game, told in two lines."""
    every = compose("train", overrides).evaluate_every
    print(f"  {name}: {steps} steps of both loops in turn, {cfg.slice} at a time ...", flush=True)
    ratio = ratio_of(in_turn(overrides, steps, cfg.slice, cfg.often), cfg.slice, every)
    low, median, high = ratio.quartiles
    print(f"    bare loop {1e3 * ratio.step:.1f} ms per step, training {median:.3f} of it ({low:.3f} to {high:.3f})")
    print(f"    evaluation, picture and checkpoint {1e3 * ratio.due:.0f} ms every {every:,} steps", flush=True)
    return ratio.total


@contextmanager
def warnings_only() -> Iterator[None]:
    """The project's loggers say nothing below a warning; afterwards they speak as before, also after an error."""
    logger = logging.getLogger("gan_lightning")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


@warnings_only()
def measure(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.bench`` does. Raises ValueError where a promise of conf/bench.yaml is missed."""
    data = data_overrides()
    mlp, recipe = [*data, "experiment=mlp"], [*data, "experiment=best_mnist_cpu"]
    if cfg.techniques:
        print(technique_costs(mlp, cfg.rounds, cfg.slice // 2))
        return
    if cfg.watch:
        for name, game in (("experiment=mlp", mlp), ("experiment=best_mnist_cpu", recipe)):
            cost = watch_cost(game, cfg.rounds, max(cfg.slice // 5, 1))
            print(
                f"{name}: a step {cost['step_ms']:.1f} ms, a look {cost['look_ms']:.0f} ms, a point of the curves "
                f"{cost['point_ms']:.1f} ms more: {cost['share']:.2%} of the steps",
                flush=True,
            )
        return
    print("  a run of 100 steps, for its start and its memory ...", flush=True)
    start, resident = start_and_memory(mlp)
    results = [
        ("experiment=mlp: time per step over the bare loop", loop_ratio("experiment=mlp", mlp, cfg.steps, cfg)),
        (
            "experiment=best_mnist_cpu: the same",
            loop_ratio("experiment=best_mnist_cpu", recipe, cfg.recipe_steps, cfg),
        ),
    ]
    ratios = [(name, value, "<=", cfg.max_ratio) for name, value in results]
    promises = [
        *ratios,
        ("images served per second", images_per_s(mlp), ">=", cfg.min_images_per_s),
        ("seconds from the command to the first step", start, "<=", cfg.max_start_s),
        ("peak resident MB", resident, "<=", cfg.max_resident_mb),
    ]
    print(f"{data[0]}, batch 64")
    missed = False
    for name, value, relation, limit in promises:
        kept = value <= limit if relation == "<=" else value >= limit
        missed |= not kept
        print(f"  {'ok    ' if kept else 'MISSED'} {name}: {value:,.3f} ({relation} {limit:,})")
    if missed:
        raise ValueError("a promise about speed or memory was missed; see MISSED above")
