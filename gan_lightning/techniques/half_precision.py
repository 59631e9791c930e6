"""For what has to be computed in float32 when the run is in half precision."""

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` itself, or in float32 where it is in half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
