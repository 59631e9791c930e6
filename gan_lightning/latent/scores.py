"""How near an answer is to the image: in decibels, in the judge's features, and in the label that the judge sees."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gan_lightning.io.tables import markdown_table
from gan_lightning.metrics.judge import Judge

Scores = dict[str, float]


def psnr(x: Tensor, y: Tensor, where: Tensor | None = None) -> Tensor:
    """``[N]`` peak signal-to-noise ratios in dB of images in [-1, 1]: 10 log10(2^2 / mean square difference).

    Args:
        x, y: ``[N, C, S, S]``.
        where: bool ``[S, S]``: the pixels that are compared; None: all.
    """
    square = (x - y).double().square()
    mean = square.flatten(1).mean(1) if where is None else square[:, :, where].flatten(1).mean(1)
    return 10 * torch.log10(4 / mean.clamp_min(1e-12))


def scores(
    answer: Tensor, images: Tensor, judge: Judge | None, hole: Tensor | None = None, made: Tensor | None = None
) -> Scores:
    """Means over images of an answer to each.

    With a hole: ``psnr_inside`` of the answer, and ``psnr_outside`` of ``made``, the answer before known pixels
    were put back.

    ``label_kept`` is the share of answers in which the judge sees the class that it sees in the image itself, and
    ``feature_distance`` the Euclidean distance of its features.
    """
    found = {"psnr": float(psnr(answer, images).mean())}
    if hole is not None:
        found = {"psnr_inside": float(psnr(answer, images, hole).mean())}
        found["psnr_outside"] = float(psnr(answer if made is None else made, images, ~hole).mean())
    if judge is not None:
        (features, verdict), (own, label) = judge(answer), judge(images)
        found["label_kept"] = float((verdict.argmax(1) == label.argmax(1)).double().mean())
        found["feature_distance"] = float((features - own).norm(dim=1).mean())
    return found


def scores_table(rows: Mapping[str, Scores]) -> str:
    """Markdown: a row for each answer."""
    keys = list(dict.fromkeys(key for row in rows.values() for key in row))
    body = [[name, *(f"{row[key]:.4g}" if key in row else "-" for key in keys)] for name, row in rows.items()]
    return markdown_table(["", *(f"`{key}`" for key in keys)], body)
