"""Memory formats of images and filters: channels first (contiguous) or last."""

import torch
from torch import Tensor

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def laid_out(x: Tensor, memory_format: str) -> Tensor:
    """``x`` ``[N, C, H, W]`` in the format of that name in FORMATS; a tensor with more or fewer axes as it is."""
    return x.contiguous(memory_format=FORMATS[memory_format]) if x.ndim == 4 else x
