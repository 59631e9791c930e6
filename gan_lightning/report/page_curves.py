"""A run's curves as one SVG, for a page that has no other file beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from gan_lightning.io.plain import LARGE, read_bytes
from gan_lightning.io.tables import Curve, curves
from gan_lightning.report.drawing import figure, svg_of

# Okabe & Ito 2008: told apart by readers who do not see red and green, and in grey
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
SPEED = "speed/g_steps_per_s"

# title, unit of the values, logarithmic?, tags with their names in the legend
PANELS: Sequence[tuple[str, str, bool, Mapping[str, str]]] = (
    ("Losses", "loss", False, {"loss/d": "D", "loss/g": "G"}),
    ("What D says", "mean probability of real", False, {"d/real_prob": "of real data", "d/fake_prob": "of samples"}),
    ("What D says", "mean score", False, {"d/real_score": "of real data", "d/fake_score": "of samples"}),
    ("Gradients", "norm", True, {"grad/d_norm": "D", "grad/g_norm": "G"}),
    (
        "Frechet distance, cheap evaluation",
        "distance",
        True,
        {"metric/fd_judge": "G", "metric/fd_judge_ema": "average of G"},
    ),
    (
        "Coverage of real data",
        "share",
        False,
        {"metric/coverage_judge": "G", "metric/coverage_judge_ema": "average of G"},
    ),
    (
        "Errors on validation images",
        "share",
        False,
        {"metric/validation_error": "D", "metric/validation_error_ema_d": "average of D"},
    ),
)


def seconds_at(found: Mapping[str, Curve]) -> Curve | None:
    """(G steps, seconds of training until then), added up from the speed that was logged; None where none was."""
    if SPEED not in found:
        return None
    steps, speed = found[SPEED]
    steps, at = np.unique(steps, return_index=True)
    return steps, np.cumsum(np.diff(steps, prepend=0) / np.maximum(speed[at], 1e-9))


def draw_panels(found: Mapping[str, Curve]) -> Markup:
    """An SVG with a panel for each of PANELS of which the run has a curve, over G steps and over seconds."""
    panels = [panel for panel in PANELS if any(tag in found for tag in panel[3])]
    if not panels:
        return Markup("")
    columns = min(3, len(panels))
    fig, axes = figure(-(-len(panels) // columns), columns, width=4.3, height=3.3)
    clock = seconds_at(found)
    for axis, (heading, unit, logarithmic, tags) in zip(axes, panels, strict=False):
        for colour, tag in zip(COLOURS, (tag for tag in tags if tag in found), strict=False):
            steps, values = found[tag]
            axis.plot(
                steps, values, color=colour, label=tags[tag], linewidth=1.1, marker="." if len(steps) < 30 else ""
            )
        if logarithmic and all((found[tag][1] > 0).all() for tag in tags if tag in found):
            axis.set_yscale("log")
        axis.set_title(heading, fontsize=10)
        axis.set_xlabel("G steps")
        axis.set_ylabel(unit)
        axis.grid(alpha=0.25)
        axis.legend(fontsize=8, frameon=False)
        if clock is not None and len(clock[0]) > 1:
            over_time(axis, clock)
    for axis in axes[len(panels) :]:
        axis.remove()
    return Markup(svg_of(fig))


def over_time(axis: Any, clock: Curve) -> None:
    """A second scale on top: seconds of training, with a few numbers, since where a run waited they crowd."""
    from matplotlib.ticker import MaxNLocator

    steps, seconds = (np.concatenate([[-part[-1], 0.0], part, [2 * part[-1]]]) for part in clock)  # beyond the ends too
    top = axis.secondary_xaxis(
        "top", functions=(lambda x: np.interp(x, steps, seconds), lambda x: np.interp(x, seconds, steps))
    )
    top.xaxis.set_major_locator(MaxNLocator(4))
    top.set_xlabel("seconds of training", fontsize=8)
    top.tick_params(labelsize=7)


def curves_page(run: Path) -> Markup:
    """The curves of ``run`` as an SVG, from its metrics.jsonl; empty where it has none."""
    file = run / "metrics.jsonl"
    if not file.is_file():
        return Markup("")
    tags = {tag for *_, names in PANELS for tag in names}
    return draw_panels(curves(read_bytes(file, LARGE), {*tags, SPEED}))
