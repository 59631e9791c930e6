"""Figures without a screen, and animations."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_lightning.io.files import whole


def figure(rows: int, columns: int, width: float = 4.6, height: float = 3.6) -> tuple[Any, Any]:
    """A figure of matplotlib and its ``rows * columns`` axes in one array; ``width``, ``height`` of each in inches."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), layout="constrained", squeeze=False
    )
    return fig, axes.ravel()


def save_figure(fig: Any, path: Path) -> None:
    """Write the figure as a PNG, as ``io.files.whole`` does, and close it."""
    import matplotlib.pyplot as plt

    with whole(path) as file:
        fig.savefig(file, dpi=110, format="png")
    plt.close(fig)


def svg_of(fig: Any) -> str:
    """The figure as an ``<svg>`` element, without the lines before it; the figure is closed."""
    import matplotlib
    import matplotlib.pyplot as plt

    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "gan_lightning"}):  # the same bytes each time
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
