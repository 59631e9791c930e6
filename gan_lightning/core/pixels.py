"""Images as pixels, 0 to 255, and as the numbers in [-1, 1] that the players see."""

import torch
import torch.nn.functional as F
from torch import Tensor

POOLED_FROM = 16  # side of an image that ``pooled`` halves


def to_signed_range(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 0..255 to ``dtype`` [-1, 1]; what is not uint8 keeps its values."""
    return images.to(dtype).div_(127.5).sub_(1.0) if images.dtype == torch.uint8 else images.to(dtype)


def to_pixels(images: Tensor) -> Tensor:
    """uint8 0..255, the nearest level to each value of ``images``; values outside [-1, 1] are clamped."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().byte()


def pooled(x: Tensor) -> Tensor:
    """``[N, P]``: the values of samples ``x``; of images of 16 pixels a side and more, means of two by two pixels."""
    if x.ndim == 4 and min(x.shape[2:]) >= POOLED_FROM:
        x = F.avg_pool2d(x, 2)
    return x.flatten(1)
