"""What compare draws: curves with their spread, and samples of every arm from the same z."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan_lightning.io.plain import LARGE, read_bytes
from gan_lightning.io.tables import Curve, curves, title
from gan_lightning.report.arms import Run, arms
from gan_lightning.report.drawing import figure, headed, legend_below, level, logarithmic, save_figure
from gan_lightning.report.pictures import POINTS, grid
from gan_lightning.report.real import real_samples
from gan_lightning.report.style import FEW, HEADING, PAGE, look
from gan_lightning.runs.directory import status_of
from gan_lightning.runs.load import LoadedGenerator, check_picture, load

log = logging.getLogger(__name__)

Range = tuple[float, float]  # the values that a quantity may have, from the first to the second
ZERO_TO_ONE: Range = (0.0, 1.0)
FROM_ZERO: Range = (0.0, np.inf)
ANYWHERE: Range = (-np.inf, np.inf)

# tag -> what it is, unit, its values
CURVES: dict[str, tuple[str, str, Range]] = {
    "metric/fd_judge": ("Frechet distance of G", "distance to validation images", FROM_ZERO),
    "metric/coverage_judge": ("Coverage of real data by G", "share of validation images", ZERO_TO_ONE),
    "d/real_prob": ("Probability that D gives real data", "mean probability of real", ZERO_TO_ONE),
    "d/fake_prob": ("Probability that D gives samples", "mean probability of real", ZERO_TO_ONE),
    "d/real_score": ("Score that D gives real data", "mean score", ANYWHERE),
    "d/fake_score": ("Score that D gives samples", "mean score", ANYWHERE),
}
FLOORS = {"metric/fd_judge": "floor_fd_judge", "metric/coverage_judge": "floor_coverage_judge"}  # of status.json
POINTS_DRAWN = 4000  # at most, of a curve; several for each column of pixels
MEANS = 50  # points of a curve in a figure; of more each is the mean of several
BAND = "mean over the seeds (their number), shaded: standard deviation (n - 1)"


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


def smoothed(found: Sequence[Curve], most: int = MEANS) -> list[Curve]:
    """The curves in ``most`` equal stretches of all their steps: the mean of each that has values, at its middle.

    Curves with no more than ``most`` different steps together stay as they are.
    """
    steps = np.unique(np.concatenate([s for s, _ in found]))
    if len(steps) <= most:
        return list(found)
    edges = np.linspace(steps[0], steps[-1], most + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    means = []
    for s, v in found:
        at = np.clip(np.searchsorted(edges, s, side="right") - 1, 0, most - 1)
        n = np.bincount(at, minlength=most)
        means.append((middle[n > 0], np.bincount(at, v, minlength=most)[n > 0] / n[n > 0]))
    return means


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


def floor_of(runs: Sequence[Run], tag: str) -> float | None:
    """The same number of real training images, which the runs noted; None where they do not agree on one."""
    noted = [status_of(run.path).get(FLOORS.get(tag, "")) for run in runs]
    found = [value for value in noted if isinstance(value, int | float) and 0 < value < np.inf]
    if not found or max(found) > 1.05 * min(found):
        return None
    return float(np.mean(found))


def draw_curves(runs: Sequence[Run], path: Path) -> list[str]:
    """Draw the curves of all arms: mean over seeds, shaded by the standard deviation; as PNG, and as SVG beside it.

    Returns:
        The names of those CURVES that some run has. (D(x) is a probability or a score, depending on the loss.)
    """
    logged = curves_of(runs)
    metrics = [m for m in CURVES if any(m in found for found in logged.values())] or [next(iter(CURVES))]
    columns = min(len(metrics), 2 if len(metrics) in (2, 4) else 3)
    fig, axes = figure(-(-len(metrics) // columns), columns, width=PAGE / columns, height=3.1)
    for axis, metric in zip(axes, metrics, strict=False):
        draw_metric(axis, metric, runs, {path: found[metric] for path, found in logged.items() if metric in found})
    for axis in axes[len(metrics) :]:
        axis.remove()
    named = arms(runs)
    legend_below(fig, 2 if max(map(len, named)) > 30 else 3, BAND if len(runs) > len(named) else None)
    save_figure(fig, path)
    return metrics


def draw_metric(axis: Any, metric: str, runs: Sequence[Run], logged: dict[Path, Curve]) -> None:
    """One of CURVES: ``logged`` of the runs that have it, arm by arm, and its floor."""
    heading, unit, within = CURVES[metric]
    headed(axis, heading, "G steps", unit)
    if not logged:
        return
    means = dict(zip(logged, smoothed(list(logged.values())), strict=True))
    for i, (name, members) in enumerate(arms(runs).items()):
        found = [means[run.path] for run in members if run.path in means]
        if found:
            draw_arm(axis, found, f"{title(name)} ({len(members)})", i, within)
    several = max(len(steps) for steps, _ in logged.values()) / max(len(steps) for steps, _ in means.values())
    if several > 1.5:
        axis.set_xlabel(f"G steps (a point: the mean of {several:.0f} logged)")
    floor = floor_of(runs, metric)
    if floor is not None:
        level(axis, floor, f"real training images: {floor:.3g}")
    if metric == "metric/fd_judge":
        logarithmic(axis)


def draw_arm(axis: Any, found: Sequence[Curve], label: str, i: int, within: Range) -> None:
    """The curves of the seeds of the ``i``-th arm: their mean, and a band of one standard deviation on each side, as
    far as a value may lie there (``within``)."""
    steps, mean, spread = mean_and_spread(found)
    low, high = np.clip(mean - spread, *within), np.clip(mean + spread, *within)
    if len(steps) == 1:  # one evaluation, at the end: a line through one point could not be seen
        ends = np.abs([mean - low, high - mean])
        axis.errorbar(steps, mean, yerr=ends, label=label, marker="o", capsize=4, **look(i) | {"linestyle": ""})
        return
    axis.plot(steps, mean, label=label, linewidth=1.4, marker="." if len(steps) < FEW else None, **look(i))
    axis.fill_between(steps, low, high, alpha=0.15, color=look(i)["color"], linewidth=0)


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
    """Draw a row of ``n`` samples per arm, by the first of its runs that can be loaded, all from the same z.

    A row of real test images below them, where the dataset is at hand.
    """
    rows: list[tuple[str, Tensor]] = []
    real: Tensor | None = None
    for name, members in arms(runs).items():
        if G := first_that_loads(members, trust):
            points = len(G.shape) == 1
            many = POINTS if points else n
            real = real_samples(G, many) if real is None else real
            images = G.sample(many, seed)
            rows.append((f"{name}: {G.run.name}, after {G.g_steps:,} G steps", as_row(images)))
    if not rows:
        return
    if real is not None:
        rows.append(("real: test images", as_row(real)))
    wide = rows[0][1].shape[-1] > 2 * rows[0][1].shape[-2]
    fig, axes = figure(len(rows), 1, width=PAGE, height=PAGE / n + 0.3 if wide else 4)
    for (name, strip), axis in zip(rows, axes, strict=True):
        axis.imshow(strip.permute(1, 2, 0).squeeze(2).numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(title(name), fontsize=9, loc="left")
        axis.axis("off")
    fig.suptitle(f"Samples of each arm, by G itself, all from the z of seed {seed}", fontsize=HEADING)
    save_figure(fig, path, vector=False)


def as_row(samples: Tensor) -> Tensor:
    """Samples side by side as one picture in [0, 1]; points as a map of the plane."""
    if samples.ndim == 2:
        return grid(samples)
    return (torch.cat(list(samples), dim=2).clamp(-1, 1) + 1) / 2
