"""Sheets of images: a row for each thing that is shown, with words beside it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from gan_lightning.io.tables import title
from gan_lightning.report.drawing import figure, save_figure
from gan_lightning.report.pictures import framed, grid


def sheet_of_rows(rows: Mapping[str, Tensor], path: Path, caption: str, heads: list[str] | None = None) -> None:
    """Write a sheet with a row of images ``[n, C, S, S]`` in [-1, 1] for each name, ``caption`` above, as a PNG.

    ``heads`` stand above the columns.
    """
    n = max(len(images) for images in rows.values())
    beside = 0.075 * max(map(len, rows)) + 0.2  # inches, for the words
    fig, axes = figure(len(rows), 1, width=beside + 0.66 * n, height=0.76)
    for axis, (name, images) in zip(axes, rows.items(), strict=True):
        strip = grid(images, columns=len(images)).permute(1, 2, 0)
        axis.imshow(strip.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_ylabel(title(name), rotation=0, ha="right", va="center", fontsize=9)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.grid(False)
        for spine in axis.spines.values():
            spine.set_visible(False)
    if heads:
        step = rows[next(iter(rows))].shape[-1] + 2
        words = ["\n".join(map(title, head.split("\n"))) for head in heads]
        axes[0].set_xticks([step * (i + 0.5) for i in range(len(heads))], words, fontsize=7)
        axes[0].xaxis.tick_top()
        axes[0].tick_params(length=0)
    fig.suptitle(title(caption), fontsize=10)
    save_figure(fig, path, vector=False)


def moment(images: Tensor, columns: int, words: str) -> np.ndarray:
    """Images ``[N, C, S, S]`` in [-1, 1] in so many columns below ``words``, uint8 ``[H, W, 3]``, for an animation."""
    picture = framed(grid(images, columns=columns), words)
    return (picture * 255).round().byte().permute(1, 2, 0).numpy()
