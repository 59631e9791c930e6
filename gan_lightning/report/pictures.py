"""Pictures of samples: grids of images, maps of points, and a PNG that is whole."""

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.utils import make_grid

from gan_lightning.io.files import whole

POINTS = 2500  # how many samples a picture of points shows
READABLE = 400  # pixels of the shorter side of a picture with a heading, at least
LETTERS, MARGIN = 14, 6  # pixels


def grid(images: Tensor, limit: float | None = None, columns: int | None = None) -> Tensor:
    """Samples as one picture ``[C, H', W']`` in [0, 1]: images ``[N, C, H, W]`` in [-1, 1] in so many ``columns``,
    or in a nearly square grid.

    Points ``[N, 2]`` give a map of the plane from -``limit`` to ``limit`` (default: such that all lie in it).
    """
    if images.ndim == 2:
        return plane(images, limit or images.abs().max().item() * 1.1 + 1e-9)
    columns = columns or math.ceil(math.sqrt(len(images)))
    picture: Tensor = make_grid(images.clamp(-1, 1) / 2 + 0.5, nrow=columns, padding=2)
    return picture


def framed(picture: Tensor, words: str, real: Tensor | None = None) -> Tensor:
    """``picture`` ``[C, H, W]`` in [0, 1] with ``words`` above it, large enough to be seen; ``[C, H', W']``.

    Each pixel is repeated a whole number of times, until the shorter side has READABLE pixels or more, as long as the
    longer has twice as many at most. ``real``, a picture as wide, is put below under the word "real".
    """
    short, long = sorted(picture.shape[1:])
    times = max(1, min(math.ceil(READABLE / short), 2 * READABLE // long))
    parts = [heading(words, picture.shape[2] * times), enlarged(picture.float().cpu(), times)]
    if real is not None:
        parts += [heading("real", picture.shape[2] * times), enlarged(real.float().cpu(), times)]
    channels = max(part.shape[0] for part in parts)
    return torch.cat([part.expand(channels, -1, -1) for part in parts], 1)


def enlarged(picture: Tensor, times: int) -> Tensor:
    """``[C, times * H, times * W]``: each pixel as a square."""
    return picture.repeat_interleave(times, 1).repeat_interleave(times, 2)


def heading(words: str, width: int) -> Tensor:
    """``words`` in black on white, ``[1, H, width]`` in [0, 1], on as many lines as they need."""
    font = ImageFont.load_default(LETTERS)
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width - 2 * MARGIN:
            lines.append(word)
        else:
            lines[-1] = longer
    strip = Image.new("L", (width, len(lines) * (LETTERS + MARGIN) + MARGIN), 255)
    ImageDraw.Draw(strip).multiline_text((MARGIN, MARGIN // 2), "\n".join(lines), fill=0, font=font, spacing=MARGIN)
    return torch.from_numpy(np.array(strip)).float()[None] / 255


def save_picture(picture: Tensor, path: Path) -> None:
    """Write ``[C, H, W]`` in [0, 1] as a PNG, as ``io.files.whole`` does; in grey where all channels are alike."""
    pixels = (picture * 255 + 0.5).clamp(0, 255).to(torch.uint8).cpu()
    grey = bool((pixels == pixels[:1]).all())
    image = Image.fromarray(pixels[0].numpy() if grey else pixels.permute(1, 2, 0).numpy())
    with whole(path) as file:
        image.save(file, format="png")


def plane(points: Tensor, limit: float, side: int = 320) -> Tensor:
    """``[1, side, side]`` in [0, 1]: log(1 + number of points ``[N, 2]``) per pixel, over its maximum.

    The second coordinate points up; points beyond ``limit`` are left out.
    """
    inside = points[(points.abs() < limit).all(1)].double()
    at = ((inside / limit + 1) / 2 * side).long()
    counts = torch.bincount((side - 1 - at[:, 1]) * side + at[:, 0], minlength=side * side).double().view(1, side, side)
    blurred = torch.nn.functional.max_pool2d(counts, 3, stride=1, padding=1)  # a single point is seen too
    return (blurred.log1p() / blurred.max().clamp_min(1).log1p()).float()
