"""Pictures for a page that has no other file beside it: as data in its text."""

import base64
import io
import logging
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from gan_lightning.core.lines import spherical, straight
from gan_lightning.core.pixels import to_pixels
from gan_lightning.core.prior import Uniform
from gan_lightning.core.sampler import in_batches
from gan_lightning.io.plain import read_bytes
from gan_lightning.report.pictures import POINTS, grid
from gan_lightning.runs.load import LoadedGenerator

log = logging.getLogger(__name__)

LARGEST = 2**20  # bytes of a picture of a run
SIDE = 4000  # pixels of a side of it
ROOM = 2**20  # bytes of all frames together
CELLS, LEAST = 12, 4  # pictures of a side of the sheet between four z, and how many where they are large
WALK, SHEET = 5 * 2**18, 2**18  # values of pixels in all sheets of the walk, and in a sheet of samples


def as_data(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def png_of(picture: Tensor) -> str:
    """``[C, H, W]`` in [0, 1] as data of a PNG."""
    file = io.BytesIO()
    to_pil_image(picture).save(file, "PNG", optimize=True)
    return as_data(file.getvalue())


def read_png(path: Path) -> bytes:
    """The bytes of a PNG of modest size. Raises ValueError where it is something else."""
    content = read_bytes(path, LARGEST)
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            size = image.size
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is no PNG ({error}). Draw it again, or remove it.") from error
    if max(size) > SIDE:
        raise ValueError(f"{path} must have at most {SIDE} pixels a side, got {size}. Remove it.")
    return content


def frames(run: Path, most: int) -> list[dict[str, Any]]:
    """Pictures of training, ``step`` and ``src``: those of G's average where the run kept some, evenly thinned out.

    A picture that cannot be read is left out, with a warning.
    """
    folder = run / "samples" / "ema"
    folder = folder if folder.is_dir() else folder.parent
    named = {int(path.stem): path for path in folder.glob("*.png") if re.fullmatch(r"\d{1,9}", path.stem)}
    found = []
    for step in sorted(named):
        try:
            found.append((step, read_png(named[step])))
        except ValueError as error:
            log.warning("a picture is left out: %s", error)
    if found:
        most = max(1, min(most, ROOM // max(len(png) for _, png in found)))
    if len(found) > most:
        rows = torch.linspace(0, len(found) - 1, most).round().long().unique().tolist() if most > 1 else [-1]
        found = [found[row] for row in rows]
    return [{"step": step, "src": as_data(png)} for step, png in found]


def four_corners(z: Tensor, cells: int, line: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
    """``[cells * cells, dim]`` points between the four rows of ``z``: row after row from the top left corner."""
    share = torch.linspace(0, 1, cells)
    top, bottom = line(z[0], z[1], share), line(z[2], z[3], share)
    columns = [line(a, b, share) for a, b in zip(top, bottom, strict=True)]
    return torch.stack(columns, 1).flatten(0, 1)


@torch.no_grad()
def explorer(G: LoadedGenerator, seed: int) -> dict[str, Any]:
    """Sheets of CELLS x CELLS images between four z, one for each of the first ten classes where G takes labels; fewer
    of either where images are so large that they would be more than WALK values.

    Points have none. ``src`` are data of PNGs without gaps between the images.
    """
    if len(G.shape) != 3:
        return {}
    size = math.prod(G.shape)
    cells = max(LEAST, min(CELLS, math.isqrt(WALK // size)))
    box = isinstance(G.prior, Uniform)
    z = four_corners(G.z(4, seed), cells, straight if box else spherical)
    shown = max(1, min(G.classes, 10, WALK // (cells**2 * size)))
    classes: list[int | None] = list(range(shown)) if G.classes else [None]
    sheets = []
    for label in classes:
        y = None if label is None else torch.full((len(z),), label)
        images = to_pixels(in_batches(G.G, z, y)).float() / 255
        c, h, w = images.shape[1:]
        picture = images.view(cells, cells, c, h, w).permute(2, 0, 3, 1, 4).reshape(c, cells * h, cells * w)
        sheets.append({"label": label, "src": png_of(picture)})
    way = "on straight lines" if box else "along great circles"
    return {"sheets": sheets, "cells": cells, "width": G.shape[2], "height": G.shape[1], "way": way}


def samples(G: LoadedGenerator, seed: int) -> str:
    """A sheet of 64 samples, or a row of eight for each class; fewer of large images; of points a map."""
    if len(G.shape) != 3:
        return png_of(grid(G.sample(POINTS, seed)))
    fit = max(1, SHEET // math.prod(G.shape))
    if G.classes:
        columns = max(1, min(8, fit // G.classes))
        return png_of(grid(G.sheet(columns, seed), columns=columns))
    return png_of(grid(G.sample(min(64, fit), seed)))
