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
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch import Callback
from omegaconf import DictConfig

from gan_lightning.config.build import build_data, build_gan, build_source
from gan_lightning.config.compose import compose
from gan_lightning.config.where import CONF
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.game.loop import Loop
from gan_lightning.io.tables import markdown_table
from gan_lightning.training.setup import train


def data_overrides() -> list[str]:
    """Overrides of ``train`` for real MNIST where it lies on disk, else for as many made-up images (60,000)."""
    mnist = build_source(compose("train", ["data=mnist"]).data)
    return ["data=mnist"] if mnist.is_complete() else ["data=synthetic", "data.n=60000"]


def loop_ratios(overrides: list[str], rounds: int, steps: int, slice_: int) -> list[tuple[float, float]]:
    """Seconds per G step of ``train`` and of the bare loop, a pair for each round.

    ``train`` has its curves, pictures, evaluations and checkpoints at their default intervals. After each ``slice_`` G
    steps it waits while the bare loop plays as many.

    Args:
        overrides: of the configuration that both play.
        rounds: pairs to return; one round more comes first and is dropped, since it warms up.
        steps: G steps of each loop in a round, a multiple of ``slice_``.
    """
    seconds: dict[str, list[float]] = {"real": [], "bare": []}

    class Alternate(Callback):
        def on_train_start(self, trainer: Any, module: Any) -> None:
            self.bare = bare_loop(compose("train", [*overrides, "steps=1"]), slice_)
            next(self.bare)  # both have warmed up when the first round begins
            self.since = time.perf_counter()

        def on_train_batch_end(self, trainer: Any, module: Any, *args: Any) -> None:
            if module.g_steps_done % slice_ == 0:
                real_end = time.perf_counter()
                next(self.bare)
                seconds["real"].append(real_end - self.since)
                self.since = time.perf_counter()
                seconds["bare"].append(self.since - real_end)

    with tempfile.TemporaryDirectory() as folder:
        cfg = compose("train", [*overrides, f"steps={(rounds + 1) * steps}", "trainer=cpu"])
        train(cfg, Path(folder), extra_callbacks=[Alternate()])
    per_round = steps // slice_
    ends = range(per_round, (rounds + 1) * per_round, per_round)  # the first round warms up
    real, bare = ([sum(s[i : i + per_round]) / steps for i in ends] for s in seconds.values())
    return list(zip(real, bare, strict=True))


def bare_loop(cfg: DictConfig, slice_: int) -> Iterator[None]:
    """The non-saturating game with k = 1 in plain torch: ``slice_`` G steps at each ``next``.

    Networks, batch size, optimizers and data are those of ``cfg``; nothing else of it is used.
    """
    data = build_data(cfg)
    data.setup()
    assert data.arrays is not None
    torch.manual_seed(0)
    gan = build_gan(cfg, data.source.shape)
    G, D = gan.G, gan.D
    opt_d, opt_g = gan.configure_optimizers()
    images, order, at = data.arrays.images, torch.randperm(len(data.arrays)), 0
    while True:
        for _ in range(slice_):
            if at + cfg.batch_size > len(order):
                order, at = torch.randperm(len(order)), 0
            real = to_signed_range(images[order[at : at + cfg.batch_size]])
            at += cfg.batch_size
            with torch.no_grad():
                fake = G(torch.randn(cfg.batch_size, gan.prior.dim))
            loss = F.softplus(-D(real)).mean() + F.softplus(D(fake)).mean()
            opt_d.zero_grad()
            loss.backward()
            opt_d.step()
            D.requires_grad_(False)
            loss = F.softplus(-D(G(torch.randn(cfg.batch_size, gan.prior.dim)))).mean()
            opt_g.zero_grad()
            loss.backward()
            opt_g.step()
            D.requires_grad_(True)
        yield


def steps_of(cfg: DictConfig, slice_: int) -> Iterator[None]:
    """The game of ``cfg`` played by ``game.loop.Loop``, without a Trainer: ``slice_`` D steps at each ``next``."""
    data = build_data(cfg)
    data.setup()
    torch.manual_seed(0)
    loop = Loop(build_gan(cfg, data.source.shape))
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
        games = [compose("train", [*overrides, *choice]) for choice in ([], [f"technique=[{name}]"])]
        loops = [steps_of(cfg, slice_) for cfg in games]
        seconds: list[list[float]] = [[], []]
        for turn in range(rounds + 1):  # the first warms up
            for loop, kept in zip(loops, seconds, strict=True):
                start = time.perf_counter()
                next(loop)
                kept += [(time.perf_counter() - start) / slice_] if turn else []
        plain, mine = (1e3 * statistics.median(s) for s in seconds)
        ratio = statistics.median(b / a for a, b in zip(*seconds, strict=True))
        rows.append((f"`{name}`", f"{plain:.1f}", f"{mine:.1f}", f"{ratio:.2f}"))
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
        command = [sys.executable, "-m", "gan_lightning.train", *overrides, "steps=100", "log_every=1"]
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


def measure(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.bench`` does. Raises ValueError where a promise of conf/bench.yaml is missed."""
    logging.getLogger("gan_lightning").setLevel(logging.WARNING)
    overrides = [*data_overrides(), "experiment=mlp"]
    if cfg.techniques:
        print(technique_costs(overrides, 4 * cfg.rounds, cfg.slice // 5))
        return
    print("  a run of 100 steps, for its start and its memory ...", flush=True)
    start, resident = start_and_memory(overrides)
    ratios = []
    print(f"  {cfg.rounds} rounds of both loops in turn ...", flush=True)
    for real, bare in loop_ratios(overrides, cfg.rounds, cfg.steps, cfg.slice):
        ratios.append(real / bare)
        print(
            f"  training loop {1e3 * real:.2f} ms per step, bare loop {1e3 * bare:.2f} ms: {real / bare:.3f}",
            flush=True,
        )
    results = [
        ("time per step over the bare loop, median", statistics.median(ratios), "<=", cfg.max_ratio),
        ("images served per second", images_per_s(overrides), ">=", cfg.min_images_per_s),
        ("seconds from the command to the first step", start, "<=", cfg.max_start_s),
        ("peak resident MB", resident, "<=", cfg.max_resident_mb),
    ]
    print(f"{overrides[0]}, batch 64, mlp, {cfg.rounds} rounds of {cfg.steps} steps, {cfg.slice} at a time")
    missed = False
    for name, value, relation, limit in results:
        kept = value <= limit if relation == "<=" else value >= limit
        missed |= not kept
        print(f"  {'ok    ' if kept else 'MISSED'} {name}: {value:,.2f} ({relation} {limit:,})")
    if missed:
        raise ValueError("a promise about speed or memory was missed; see MISSED above")
