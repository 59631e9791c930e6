"""What a step of a game costs, whatever the machine: its floating point operations."""

from typing import Any

import torch
from omegaconf import DictConfig
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from gan_lightning.config.build import build_gan
from gan_lightning.core.play import Shape
from gan_lightning.game.loop import Loop
from gan_lightning.game.module import GAN

STEPS = 16  # a penalty that is computed at every 16th D step is in their mean once


class Counter(TorchDispatchMode):
    """Counts by the formulas of ``torch.utils.flop_counter``.

    Its own FlopCounterMode also tells in which module, by hooks that refuse ``torch.autograd.grad`` at a module's
    input, which a gradient penalty takes.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func.overloadpacket):
            self.flops += formula(*args, **(kwargs or {}), out_val=out)
        return out


def flops_per_g_step(gan: GAN, batch_size: int, shape: Shape, steps: int = STEPS) -> float:
    """Operations of a whole G step, with the D steps before it and all penalties: the mean over the first ``steps``.

    PyTorch's formulas are of matrix products and convolutions, forward and backward: two operations for each product
    that is summed. What is done element by element (activations, norms, optimizers, averages) counts nothing.
    """
    loop = Loop(gan)
    real, labels = torch.zeros(batch_size, *shape), torch.zeros(batch_size, dtype=torch.long)
    with Counter() as counter:
        for _ in range(steps * gan.d_steps):
            loop.step(real, labels)
    return float(counter.flops) / steps


def flops_of(cfg: DictConfig, shape: Shape, classes: int = 0) -> float:
    """The same of the game of ``cfg``, which is built for it; one with a condition has ``classes``."""
    counts = torch.full((classes,), (cfg.get("condition") or {}).get("subclasses", 1))  # enough for each to be there
    with torch.random.fork_rng(devices=[]):
        return flops_per_g_step(build_gan(cfg, shape, class_counts=lambda: counts), cfg.batch_size, shape)
