"""Pictures of a sweep's page: numbers of the arms by seed, curves with bands, samples of all arms from one z."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch
from markupsafe import Markup

from gan_lightning.core.pixels import to_signed_range
from gan_lightning.data.arrays import Source
from gan_lightning.io.plain import LARGE, read_bytes
from gan_lightning.io.tables import Curve, curves, title
from gan_lightning.report.arms import Run
from gan_lightning.report.contest import Contest
from gan_lightning.report.drawing import figure, headed, legend_below, logarithmic, svg_of
from gan_lightning.report.figures import ANYWHERE, BAND, FROM_ZERO, ZERO_TO_ONE, Range, draw_arm
from gan_lightning.report.page_curves import SIDE
from gan_lightning.report.page_pictures import png_of
from gan_lightning.report.pictures import POINTS, grid
from gan_lightning.report.style import PALETTE, QUIET
from gan_lightning.runs.load import LoadedGenerator, check_finite, check_picture, load

log = logging.getLogger(__name__)

WIDE = 20  # largest over smallest number from which a scale is logarithmic


@dataclass(frozen=True)
class Band:
    """One picture of the arms' curves; of ``tags`` the first that any run has is drawn."""

    heading: str
    unit: str
    tags: Sequence[str]
    within: Range = ANYWHERE
    logarithmic: bool = False


BANDS: Sequence[Band] = (
    Band("Frechet distance, cheap evaluation", "distance", ("metric/fd_judge_ema", "metric/fd_judge"), FROM_ZERO, True),
    Band(
        "Coverage of real data", "share of images", ("metric/coverage_judge_ema", "metric/coverage_judge"), ZERO_TO_ONE
    ),
    Band("Probability that D gives samples", "mean probability of real", ("d/fake_prob",), ZERO_TO_ONE),
    Band("Score that D gives samples", "mean score", ("d/fake_score",)),
    Band("D's loss", "loss", ("loss/d",)),
    Band("G's loss", "loss", ("loss/g",)),
)


def draw_numbers(contest: Contest) -> Markup:
    """An SVG with a row for each arm, the best on top: a dot a seed, a bar at their mean, the floor as a line."""
    rows = list(contest.means)
    numbers = [value for arm in rows for _, value in contest.values[arm]]
    fig, (axis,) = figure(1, 1, width=9, height=1.1 + 0.32 * len(rows))
    for row, arm in enumerate(rows):
        values = [value for _, value in contest.values[arm]]
        axis.plot(values, [row] * len(values), "o", color=PALETTE["blue"], alpha=0.6, markersize=7, markeredgewidth=0)
        axis.plot(contest.means[arm], row, "|", color="black", markersize=16, markeredgewidth=2)
    if contest.floor and contest.floor > 0:
        axis.axvline(contest.floor, color=QUIET, linestyle="--", linewidth=1.2)
        axis.annotate(f"real images {contest.floor:.3g}", (contest.floor, 1), (3, 3), fontsize=8, color=QUIET,
                      xycoords=("data", "axes fraction"), textcoords="offset points")  # fmt: skip
        numbers.append(contest.floor)
    if min(numbers) > 0 and max(numbers) / min(numbers) > WIDE:
        logarithmic(axis, over=True)
    else:
        axis.set_xlim(left=0 if min(numbers) >= 0 else None)
    axis.set_yticks(range(len(rows)), [title(arm) for arm in rows])
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel("Frechet distance (a dot: one seed; a bar: their mean)")
    axis.grid(visible=False, axis="y")
    return Markup(svg_of(fig))


def logged(run: Run) -> dict[str, Curve]:
    """The curves of BANDS that ``run`` has; none, with a warning, where its metrics.jsonl cannot be read."""
    file = run.path / "metrics.jsonl"
    try:
        return curves(read_bytes(file, LARGE), {tag for band in BANDS for tag in band.tags}) if file.is_file() else {}
    except ValueError as error:
        log.warning("no curves of %s: %s", run.path.name, error)
        return {}


def draw_bands(arms: Mapping[str, Sequence[Run]]) -> Markup:
    """An SVG of the curves of all arms over G steps: the mean of the seeds, shaded by their standard deviation."""
    found = {run.path: logged(run) for members in arms.values() for run in members}
    there = {tag for own in found.values() for tag in own}
    panels = [(band, next(t for t in band.tags if t in there)) for band in BANDS if there.intersection(band.tags)]
    if not panels:
        return Markup("")
    columns = min(SIDE, len(panels))
    fig, axes = figure(-(-len(panels) // columns), columns, width=4.3, height=3.1)
    for axis, (band, tag) in zip(axes, panels, strict=False):
        for i, (arm, members) in enumerate(arms.items()):
            mine = [found[run.path][tag] for run in members if tag in found[run.path]]
            if mine:
                draw_arm(axis, mine, f"{title(arm)} ({len(members)})", i, band.within)
        headed(axis, band.heading + (" of the average of G" if tag.endswith("_ema") else ""), "G steps", band.unit)
        if band.logarithmic and all((own[tag][1] > 0).all() for own in found.values() if tag in own):
            logarithmic(axis)
    for axis in axes[len(panels) :]:
        axis.remove()
    legend_below(fig, 3, BAND if any(len(members) > 1 for members in arms.values()) else None)
    return Markup(svg_of(fig))


def first_generator(runs: Sequence[Run], trust: str | None) -> LoadedGenerator | None:
    """G's average, else G, of the first run whose last checkpoint can be loaded; a warning for each before it."""
    for run in runs:
        if (run.path / "checkpoints" / "last.ckpt").is_file():
            try:
                G = load(run.path, None, trust)
                check_picture(G)
                check_finite(G.sample(2), G.path)
                return G
            except ValueError as error:
                log.warning("no samples of %s: %s", run.path.name, error)
    return None


def arm_samples(
    arms: Mapping[str, Sequence[Run]], n: int, seed: int, trust: str | None
) -> tuple[list[dict[str, str]], LoadedGenerator | None]:
    """A row of ``n`` samples for each arm, ``name``, ``whose``, ``src``, all from the z of ``seed``; of points a map.
    And the G of the first."""
    rows, first = [], None
    for arm, members in arms.items():
        G = first_generator(members, trust)
        if G is None:
            continue
        first = first or G
        whose = f"{'the average of G' if 'G' in G.others else 'G'} after {G.g_steps:,} steps, {G.run.name}"
        samples = G.sample(n if len(G.shape) == 3 else POINTS, seed)
        rows.append({"name": arm, "whose": whose, "src": png_of(grid(samples, columns=n))})
    return rows, first


def real_row(source: Source | None, n: int, seed: int) -> str | None:
    """A row of ``n`` test images, a function of ``seed``; of points a map; None where the data are not here."""
    if source is None:
        return None
    with suppress(ValueError):
        test = source.test().images
        rows = torch.randperm(len(test), generator=torch.Generator().manual_seed(seed))
        return png_of(grid(to_signed_range(test[rows[: n if test.ndim == 4 else POINTS]]), columns=n))
    return None
