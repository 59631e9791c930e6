"""What is taken over the global batch, whichever of several processes holds which part of it."""

import torch.distributed as dist
from torch import Tensor


def processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def global_mean(x: Tensor) -> Tensor:
    """``x``, of any shape, averaged over all processes, without a gradient; itself where there is one."""
    if processes() == 1:
        return x
    total = x.detach().clone()
    dist.all_reduce(total)
    return total / processes()


def global_std(x: Tensor) -> Tensor:
    """``x.std()``, a scalar, with the values of all processes, each of which holds as many."""
    if processes() == 1:
        return x.std()
    n = x.numel() * processes()
    variance = global_mean((x - global_mean(x.mean())).square().mean())
    return (variance * n / (n - 1)).sqrt()
