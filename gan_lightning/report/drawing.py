"""Figures without a screen, and animations."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_lightning.io.files import whole
from gan_lightning.report.style import AXES, DPI, HEADING, PALETTE, QUIET

VECTOR: Any = {"svg.hashsalt": "gan_lightning"}  # the same bytes each time


def figure(rows: int, columns: int, width: float = 4.6, height: float = 3.6) -> tuple[Any, Any]:
    """A figure of matplotlib and its ``rows * columns`` axes in one array; ``width``, ``height`` of each in inches."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from cycler import cycler

    with matplotlib.rc_context(AXES | {"axes.prop_cycle": cycler(color=list(PALETTE.values()))}):
        fig, axes = plt.subplots(
            rows, columns, figsize=(width * columns, height * rows), layout="constrained", squeeze=False
        )
    return fig, axes.ravel()


def headed(axis: Any, heading: str, over: str, unit: str) -> None:
    """Name a panel: what it shows, over what, in which unit."""
    axis.set_title(heading, fontsize=HEADING, pad=12)  # room for the words of a line at the top
    axis.set_xlabel(over)
    axis.set_ylabel(unit)


def legend_below(fig: Any, columns: int = 4, words: str | None = None) -> None:
    """One legend for all panels, below them, with ``words`` above it: each label once, in the order of the panels."""
    _legend(fig, "outside lower center", columns, words)


def legend_above(fig: Any, columns: int) -> None:
    """The same above the panels: for a figure taller than a screen."""
    _legend(fig, "outside upper center", columns, None)


def _legend(fig: Any, place: str, columns: int, words: str | None) -> None:
    named: dict[str, Any] = {}
    for axis in fig.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if named:
        fig.legend(
            named.values(), named.keys(), loc=place, ncols=columns, fontsize=9, frameon=False,
            title=words, title_fontsize=9,
        )  # fmt: skip


def logarithmic(axis: Any, over: bool = False) -> None:
    """Make the values logarithmic, with plain numbers at two ticks at least; call it when all is drawn.

    Args:
        axis: of one panel.
        over: what the values are drawn over, the x-axis, instead.
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter

    (axis.set_xscale if over else axis.set_yscale)("log")
    side = axis.xaxis if over else axis.yaxis
    side.set_major_locator(_plain_ticks(*(axis.get_xlim() if over else axis.get_ylim())))
    side.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    side.set_minor_formatter(NullFormatter())


def _plain_ticks(low: float, high: float) -> Any:
    """Powers of ten; where they are fewer than three, 1, 2 and 5 of each; else more digits, or even steps.

    (A LogLocator that finds less than two ticks takes even steps.)
    """
    from matplotlib.ticker import LogLocator

    for digits in ((1,), (1, 2, 5), (1, 2, 3, 5, 7)):
        ticks = LogLocator(subs=digits)
        if sum(low <= tick <= high for tick in ticks.tick_values(low, high)) >= 3:
            return ticks
    return LogLocator(subs=range(1, 10))


def level(axis: Any, value: float, words: str, below: bool = False) -> None:
    """A dashed line at the height ``value``, such as a floor, with ``words`` on or ``below`` it."""
    axis.axhline(value, color=QUIET, linestyle="--", linewidth=1)
    axis.annotate(
        words, (1, value), (-2, -3 if below else 2), xycoords=("axes fraction", "data"), textcoords="offset points",
        ha="right", va="top" if below else "bottom", fontsize=8, color=QUIET,
    )  # fmt: skip


def save_figure(fig: Any, path: Path, vector: bool = True) -> None:
    """Write the figure as a PNG, and as an SVG beside it unless ``vector`` is false; then close it.

    Each is written as ``io.files.whole`` does. The SVG has no date, and its text is drawn as curves, so that it looks
    the same everywhere.
    """
    import matplotlib
    import matplotlib.pyplot as plt

    with whole(path) as file:
        fig.savefig(file, dpi=DPI, format="png")
    if vector:
        with whole(path.with_suffix(".svg")) as file, matplotlib.rc_context(VECTOR):
            fig.savefig(file, dpi=DPI, format="svg", metadata={"Date": None})
    plt.close(fig)


def svg_of(fig: Any) -> str:
    """The figure as an ``<svg>`` element, without the lines before it; the figure is closed."""
    import matplotlib
    import matplotlib.pyplot as plt

    file = io.StringIO()
    with matplotlib.rc_context(VECTOR | {"svg.fonttype": "none"}):
        fig.savefig(file, format="svg", metadata={"Date": None})
    plt.close(fig)
    return re.sub(r"^.*?(?=<svg)", "", file.getvalue(), flags=re.DOTALL)


def frame(fig: Any) -> np.ndarray:
    """The figure as uint8 ``[H, W, 3]``, for an animation. It is closed."""
    import matplotlib.pyplot as plt

    fig.canvas.draw()
    image = np.asarray(fig.canvas.buffer_rgba())[..., :3].copy()
    plt.close(fig)
    return image


def save_animation(frames: Sequence[np.ndarray | Image.Image], path: Path, frame_ms: int = 120) -> None:
    """Write a GIF that shows each frame for ``frame_ms`` milliseconds, and the last one 20 times as long.

    Frames are pictures with a palette, or uint8 ``[H, W, 3]``, each of which gets a palette of its own.
    """
    pictures = [
        f if isinstance(f, Image.Image) else Image.fromarray(f).convert("P", palette=Image.Palette.ADAPTIVE)
        for f in frames
    ]
    durations = [frame_ms] * (len(frames) - 1) + [20 * frame_ms]
    with whole(path) as file:
        pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
