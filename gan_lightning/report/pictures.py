"""Pictures of samples: grids of images, maps of points, and a PNG that is whole."""

import math
from pathlib import Path

import torch
from torch import Tensor
from torchvision.utils import make_grid, save_image

from gan_lightning.io.files import whole

POINTS = 2500  # how many samples a picture of points shows


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


def save_picture(picture: Tensor, path: Path) -> None:
    """Write ``[C, H, W]`` in [0, 1] as a PNG, as ``io.files.whole`` does."""
    with whole(path) as file:
        save_image(picture, file, format="png")


def plane(points: Tensor, limit: float, side: int = 320) -> Tensor:
    """``[1, side, side]`` in [0, 1]: log(1 + number of points ``[N, 2]``) per pixel, over its maximum.

    The second coordinate points up; points beyond ``limit`` are left out.
    """
    inside = points[(points.abs() < limit).all(1)].double()
    at = ((inside / limit + 1) / 2 * side).long()
    counts = torch.bincount((side - 1 - at[:, 1]) * side + at[:, 0], minlength=side * side).double().view(1, side, side)
    blurred = torch.nn.functional.max_pool2d(counts, 3, stride=1, padding=1)  # a single point is seen too
    return (blurred.log1p() / blurred.max().clamp_min(1).log1p()).float()
