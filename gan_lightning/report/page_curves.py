"""A run's curves as one SVG, for a page that has no other file beside it, and its alarms on a line of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from gan_lightning.io.plain import LARGE, read_bytes
from gan_lightning.io.tables import Curve, curves, title
from gan_lightning.report.drawing import figure, headed, legend_above, logarithmic, svg_of
from gan_lightning.report.style import FEW, PALETTE

# whose a curve is -> how it is drawn; no two alike, since one legend names them for all panels
LOOKS: Mapping[str, Mapping[str, str]] = {
    "D": {"color": PALETTE["blue"]},
    "G": {"color": PALETTE["vermilion"]},
    "average of G": {"color": PALETTE["green"]},
    "average of D": {"color": PALETTE["sky"]},
    "real data": {"color": PALETTE["black"]},
    "samples": {"color": PALETTE["orange"]},
    "training images": {"color": PALETTE["purple"]},
    "held-out images": {"color": PALETTE["purple"], "linestyle": "--"},
}
SPEED = "speed/g_steps_per_s"
SIDE = 3  # panels in a row


@dataclass(frozen=True)
class Panel:
    """One picture of curves: its heading, the unit of the values, tag of a curve -> whose it is (LOOKS)."""

    heading: str
    unit: str
    tags: Mapping[str, str]
    logarithmic: bool = False


def of_both(tag: str) -> dict[str, str]:
    return {tag: "G", f"{tag}_ema": "average of G"}


PANELS: Sequence[Panel] = (
    Panel("Frechet distance, cheap evaluation", "distance", of_both("metric/fd_judge"), True),
    Panel("Coverage of real data", "share of images", of_both("metric/coverage_judge")),
    Panel("Distance over coverage", "chooses the best", of_both("metric/fd_over_coverage"), True),
    Panel("Losses", "loss", {"loss/d": "D", "loss/g": "G"}),
    Panel("What D says", "mean probability of real", {"d/real_prob": "real data", "d/fake_prob": "samples"}),
    Panel("What D says", "mean score", {"d/real_score": "real data", "d/fake_score": "samples"}),
    Panel("How D ranks real above fake", "share of pairs", {"d/accuracy_train": "training images",
                                                            "d/accuracy_held_out": "held-out images"}),
    Panel("Laws are apart, at least", "nats, at most 0.69", {"d/jsd_lower_bound": "G"}),
    Panel("Slope of G's loss", "per unit of D's logit", {"grad/g_slope": "G"}),
    Panel("Gradients", "norm", {"grad/d_norm": "D", "grad/g_norm": "G"}, True),
    Panel("Length of a step", "share of the weights'", {"update/d_to_weight": "D", "update/g_to_weight": "G"}, True),
    Panel("How samples differ", "share of the data's", {"samples/diversity": "G"}),
    Panel("Classes that hardly come", "classes", {"labels/missing": "G"}),
    Panel("Copies of training images", "share of samples", {"samples/copied": "G"}),
    Panel("Errors on validation images", "share of images", {"metric/validation_error": "D",
                                                             "metric/validation_error_ema_d": "average of D"}),
)  # fmt: skip


def seconds_at(found: Mapping[str, Curve]) -> Curve | None:
    """(G steps, seconds of training until then), added up from the speed that was logged; None where none was."""
    if SPEED not in found:
        return None
    steps, speed = found[SPEED]
    steps, at = np.unique(steps, return_index=True)
    return steps, np.cumsum(np.diff(steps, prepend=0) / np.maximum(speed[at], 1e-9))


def draw_panels(found: Mapping[str, Curve], alarms: Sequence[Mapping[str, Any]] = ()) -> Markup:
    """An SVG with a panel for each of PANELS of which the run has a curve, over G steps; the first row over seconds
    too. An alarm is a numbered line in the panel with the curve that raised it."""
    panels = [panel for panel in PANELS if any(tag in found for tag in panel.tags)]
    if not panels:
        return Markup("")
    columns = min(SIDE, len(panels))
    fig, axes = figure(-(-len(panels) // columns), columns, width=4.3, height=3.3)
    clock = seconds_at(found)
    for place, (axis, panel) in enumerate(zip(axes, panels, strict=False)):
        drawn = {tag: whose for tag, whose in panel.tags.items() if tag in found}
        for tag, whose in drawn.items():
            steps, values = found[tag]
            axis.plot(steps, values, label=whose, linewidth=1.2, marker="." if len(steps) < FEW else "", **LOOKS[whose])
        headed(axis, panel.heading, "G steps", panel.unit)
        if panel.logarithmic and all((found[tag][1] > 0).all() for tag in drawn):
            logarithmic(axis)
        mark_alarms(axis, panel, alarms)
        if place < columns and clock is not None and len(clock[0]) > 1:
            over_time(axis, clock)
    for axis in axes[len(panels) :]:
        axis.remove()
    legend_above(fig, len(LOOKS))
    return Markup(svg_of(fig))


def mark_alarms(axis: Any, panel: Panel, alarms: Sequence[Mapping[str, Any]]) -> None:
    """A line with the alarm's number at the step at which a curve of ``panel`` raised it."""
    for number, alarm in enumerate(alarms, 1):
        if any(tag == alarm["number"] or tag.startswith(alarm["number"] + "/") for tag in panel.tags):
            axis.axvline(alarm["g_steps"], color="black", linewidth=1, linestyle="--")
            axis.annotate(
                f"alarm {number}", (alarm["g_steps"], 1), (3, -3), xycoords=("data", "axes fraction"),
                textcoords="offset points", fontsize=8, va="top", fontweight="bold",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
            )  # fmt: skip


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


def curves_page(run: Path, alarms: Sequence[Mapping[str, Any]] = ()) -> Markup:
    """The curves of ``run`` as an SVG, from its metrics.jsonl; empty where it has none."""
    file = run / "metrics.jsonl"
    if not file.is_file():
        return Markup("")
    tags = {tag for panel in PANELS for tag in panel.tags}
    return draw_panels(curves(read_bytes(file, LARGE), {*tags, SPEED}), alarms)


def time_line(alarms: Sequence[Mapping[str, Any]], g_steps: int) -> Markup:
    """An SVG with a row for each alarm: from its step on, over the ``g_steps`` of the run. Empty without alarms."""
    if not alarms:
        return Markup("")
    end = max(g_steps, *(alarm["g_steps"] for alarm in alarms), 1)
    fig, (axis,) = figure(1, 1, width=9, height=0.9 + 0.32 * len(alarms))
    for row, alarm in enumerate(alarms):
        axis.plot([alarm["g_steps"], end], [row, row], color=PALETTE["vermilion"], linewidth=1, alpha=0.5)
        axis.plot(alarm["g_steps"], row, marker="o", color=PALETTE["vermilion"], markersize=7)
    axis.set_yticks(range(len(alarms)), [title(f"{n}: {alarm['alarm']}") for n, alarm in enumerate(alarms, 1)])
    axis.set_xlim(0, end * 1.02)
    axis.set_ylim(len(alarms) - 0.5, -0.5)
    axis.set_xlabel("G steps")
    axis.grid(visible=False, axis="y")
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)
    return Markup(svg_of(fig))
