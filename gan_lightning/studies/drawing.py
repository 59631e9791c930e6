"""Figures without a screen."""

from pathlib import Path
from typing import Any

import numpy as np

from gan_lightning.io.files import whole


def figure(rows: int, columns: int, width: float = 4.6, height: float = 3.6) -> tuple[Any, Any]:
    """A figure and its axes, flattened."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), layout="constrained", squeeze=False
    )
    return fig, axes.ravel()


def save(fig: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    with whole(path) as file:
        fig.savefig(file, dpi=110, format="png")
    plt.close(fig)


def picture(fig: Any) -> np.ndarray:
    """The figure as uint8 ``[H, W, 3]``, and closed."""
    import matplotlib.pyplot as plt

    fig.canvas.draw()
    image = np.asarray(fig.canvas.buffer_rgba())[..., :3].copy()
    plt.close(fig)
    return image


def animate(frames: list[np.ndarray], path: Path, frame_ms: int = 120) -> None:
    from PIL import Image

    pictures = [Image.fromarray(f).convert("P", palette=Image.Palette.ADAPTIVE) for f in frames]
    durations = [frame_ms] * (len(frames) - 1) + [20 * frame_ms]  # rest on the last
    with whole(path) as file:
        pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
