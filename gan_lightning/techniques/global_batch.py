"""Statistics of the global batch, of which each process holds a part."""

import torch.distributed as dist
from torch import Tensor


def processes() -> int:
    """How many play the game."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def global_mean(x: Tensor) -> Tensor:
    """``x``, of any shape, averaged over all processes, without a gradient; ``x`` itself where there is only one."""
    if processes() == 1:
        return x
    total = x.detach().clone()
    dist.all_reduce(total)
    return total / processes()


def global_std(x: Tensor) -> Tensor:
    """Standard deviation, a scalar, of the values of ``x`` in all processes; each must have as many."""
    if processes() == 1:
        return x.std()
    n = x.numel() * processes()
    variance = global_mean((x - global_mean(x.mean())).square().mean())
    return (variance * n / (n - 1)).sqrt()
