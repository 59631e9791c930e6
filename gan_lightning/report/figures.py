"""What compare draws: curves with their spread, and samples of every arm from the same z."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan_lightning.io.plain import LARGE, read_bytes
from gan_lightning.io.tables import Curve, curves, title
from gan_lightning.report.arms import Run, arms
from gan_lightning.report.drawing import figure, save_figure
from gan_lightning.report.pictures import POINTS, grid
from gan_lightning.runs.load import LoadedGenerator, check_picture, load

log = logging.getLogger(__name__)

CURVES = ("metric/fd_judge", "metric/coverage_judge", "d/real_prob", "d/fake_prob", "d/real_score", "d/fake_score")
POINTS_DRAWN = 4000  # at most, of a curve; several for each column of pixels


def curves_of(runs: Sequence[Run]) -> dict[Path, dict[str, Curve]]:
    """Run directory -> its logged steps and values of CURVES; none, and a warning, where the file cannot be read."""
    found: dict[Path, dict[str, Curve]] = {}
    for run in runs:
        file = run.path / "metrics.jsonl"
        try:
            found[run.path] = curves(read_bytes(file, LARGE), CURVES) if file.is_file() else {}
        except ValueError as error:
            log.warning("no curves of %s: %s", run.path.name, error)
            found[run.path] = {}
    return found


def mean_and_spread(found: Sequence[Curve]) -> tuple[Any, Any, Any]:
    """(steps, mean, standard deviation with n - 1), at each step over the curves that have a value there.

    At most POINTS_DRAWN steps, evenly spaced among all.
    """
    steps, at, n = np.unique(np.concatenate([s for s, _ in found]), return_inverse=True, return_counts=True)
    values = np.concatenate([v for _, v in found])
    mean = np.bincount(at, values) / n
    sd = np.sqrt(np.bincount(at, (values - mean[at]) ** 2) / np.maximum(n - 1, 1))
    drawn = np.unique(np.linspace(0, len(steps) - 1, POINTS_DRAWN).round().astype(int))
    return steps[drawn], mean[drawn], sd[drawn]


def draw_curves(runs: Sequence[Run], path: Path) -> list[str]:
    """Draw the curves of all arms: mean over seeds, shaded by the standard deviation.

    Returns:
        The names of those CURVES that some run has. (D(x) is a probability or a score, depending on the loss.)
    """
    logged = curves_of(runs)
    metrics = [m for m in CURVES if any(m in found for found in logged.values())] or [CURVES[0]]
    fig, axes = figure(1, len(metrics), width=5.5, height=4)
    for axis, metric in zip(axes, metrics, strict=True):
        for name, members in arms(runs).items():
            found = [logged[run.path][metric] for run in members if metric in logged[run.path]]
            if not found:
                continue
            steps, mean, spread = mean_and_spread(found)
            label = f"{title(name)} ({len(members)})"
            if len(steps) == 1:  # one evaluation, at the end: a line through one point could not be seen
                axis.errorbar(steps, mean, yerr=spread, label=label, marker="o", linestyle="", capsize=4)
                continue
            (line2d,) = axis.plot(steps, mean, label=label, linewidth=1.2)
            axis.fill_between(steps, mean - spread, mean + spread, alpha=0.2, color=line2d.get_color())
        axis.set_title(metric)
        axis.set_xlabel("G steps")
        if metric == "metric/fd_judge" and axis.lines:
            axis.set_yscale("log")
    if axes[0].lines:
        axes[0].legend(fontsize=8)
    save_figure(fig, path)
    return metrics


def first_that_loads(runs: Sequence[Run], trust: str | None) -> LoadedGenerator | None:
    """G of the first run whose last checkpoint can be loaded, with a warning for each before it; None without one."""
    for run in runs:
        if (run.path / "checkpoints" / "last.ckpt").is_file():
            try:
                G = load(run.path, trust=trust)
                check_picture(G)
                return G
            except ValueError as error:
                log.warning("no samples of %s: %s", run.path.name, error)
    return None


def draw_samples(runs: Sequence[Run], path: Path, n: int, seed: int, trust: str | None = None) -> None:
    """Draw a row of ``n`` samples per arm, by the first of its runs that can be loaded, all from the same z."""
    rows = []
    for name, members in arms(runs).items():
        if G := first_that_loads(members, trust):
            images = G.sample(n, seed)
            if images.ndim == 2:  # one picture of the plane
                images = grid(G.sample(POINTS, seed))[None] * 2 - 1
            rows.append((name, images))
    if not rows:
        return
    fig, axes = figure(len(rows), 1, width=n * 0.8, height=1.15 if len(rows[0][1]) > 1 else 4)
    for (name, images), axis in zip(rows, axes, strict=True):
        strip = (torch.cat(list(images), dim=2).clamp(-1, 1) + 1) / 2
        axis.imshow(strip.permute(1, 2, 0).squeeze(2).numpy(), cmap="gray", vmin=0, vmax=1)
        axis.set_title(title(name), fontsize=9, loc="left")
        axis.axis("off")
    save_figure(fig, path)
