"""The run stops before a loss or a gradient that is not finite spoils the weights, and says which term it was."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.callbacks.overhead import FewHooks, next_multiple
from gan_lightning.core.play import Player
from gan_lightning.game.module import GAN


class NotFinite(ValueError):
    """A term of a loss is nan, infinite or beyond the limit, or a gradient is not finite."""


class FiniteGuard(FewHooks):
    """Looks at every term of a player's loss and at its gradient, before the optimizer moves the weights.

    On a CPU the step itself raises ``NotFinite``. On a GPU reading a value makes the host wait for the device at every
    step. So there a flag on the device makes the fused optimizers skip this step and all that follow, and the host
    reads it every ``every`` G steps and before each checkpoint, and raises then. (An optimizer that is not fused cannot
    skip a step: with it the host reads at every step.) Under fp16 the loss scaler skips single steps by itself; only a
    term that is not finite, or ``skips`` skipped steps of one player in a row, end the run.

    Args:
        every: G steps between two looks at a GPU's flag.
        skips: number of skipped steps in a row that ends the run, under fp16.
        limit: a term beyond it counts as not finite: with logits of millions one player has lost for good.
    """

    def __init__(self, every: int = 50, skips: int = 50, limit: float = 1e6) -> None:
        self.every, self.skips, self.limit = every, skips, min(limit, torch.finfo(torch.float32).max)
        self.stop: Tensor | None = None  # the flag, on the device: has anything not been finite?
        self.at: Tensor | None = None  # D steps done when it was set
        self.now: Tensor | None = None  # D steps done; counted on the device, so that a recorded step counts too
        self.seen: dict[Player, Tensor] = {}  # the values then: each term, and 0 or nan for the gradient
        self.skipped: dict[Player, Tensor] = {}  # steps in a row that the loss scaler has skipped

    def on_before_optimizer_step(self, trainer: Trainer, module: GAN, optimizer: Optimizer) -> None:
        player = module.player_of(optimizer)
        scaled = trainer.precision == "16-mixed"
        wait = self.can_wait(module, optimizer, scaled)
        look = module.device.type == "cpu" and not (wait or scaled)
        if look and self.all_finite(module.terms[player].values(), optimizer):
            return
        gradient = 0 * gradient_sum(optimizer)
        if scaled:
            gradient = self.allow_skips(player, gradient)
        values = torch.stack([*(t.float() for t in module.terms[player].values()), gradient])
        if wait:
            stop = self.note(player, values, module.d_steps_done)
            if not scaled:
                optimizer.grad_scale, optimizer.found_inf = None, stop.float()  # type: ignore[attr-defined]
        elif self.bad(values).any():
            raise self.reason(module, player, values, module.d_steps_done)

    def all_finite(self, terms: Iterable[Tensor], optimizer: Optimizer) -> bool:
        """As ``bad`` of the terms and the gradient, in Python's numbers: on a CPU that is faster than small tensors."""
        gradients = (p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None)
        return all(abs(t.item()) <= self.limit for t in terms) and all(math.isfinite(g.sum().item()) for g in gradients)

    def bad(self, values: Tensor) -> Tensor:
        return (values.abs() <= self.limit).logical_not()  # nan is not below anything

    def can_wait(self, module: GAN, optimizer: Optimizer, scaled: bool) -> bool:
        """Does the optimizer read the flag on the device, so that the host need not wait for it?"""
        return module.device.type != "cpu" and (scaled or all(g.get("fused") for g in optimizer.param_groups))

    def allow_skips(self, player: Player, gradient: Tensor) -> Tensor:
        """A scalar: nan where the player's last ``skips`` gradients all overflowed, ``gradient`` among them; else 0."""
        before = self.skipped.get(player, torch.zeros_like(gradient))
        self.skipped[player] = torch.where(gradient.isnan(), before + 1, 0)
        return torch.where(self.skipped[player] >= self.skips, torch.nan, 0.0)

    def note(self, player: Player, values: Tensor, step: int) -> Tensor:
        """Keep ``values`` if they are the first that are not finite, on the device. Returns the flag.

        Args:
            step: D steps done; asked for once, then counted.
        """
        if self.stop is None or self.at is None or self.now is None:
            self.stop = torch.zeros((), dtype=torch.bool, device=values.device)
            self.at, self.now = torch.full((2,), step, device=values.device).unbind()
        if player not in self.seen:
            self.seen[player] = torch.zeros_like(values)
        first = self.bad(values).any() & ~self.stop
        self.seen[player].copy_(torch.where(first, values, self.seen[player]))
        self.at.copy_(torch.where(first, self.now, self.at))
        self.stop |= first
        if player == "D":
            self.now += 1
        return self.stop

    def next_due(self, step: int) -> int:
        return next_multiple(self.every, step)

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.stop is not None and self.every and module.g_steps_done % self.every == 0:
            self.check(module)

    def on_save_checkpoint(self, trainer: Trainer, module: GAN, checkpoint: dict[str, Any]) -> None:
        self.check(module)

    def check(self, module: GAN) -> None:
        """Read the flag; raises NotFinite where it is set."""
        if self.stop is not None and self.at is not None and self.stop.item():
            ((player, values),) = [(p, v) for p, v in self.seen.items() if self.bad(v).any()]
            raise self.reason(module, player, values, int(self.at.item()))

    def reason(self, module: GAN, player: Player, values: Tensor, step: int) -> NotFinite:
        """The error for ``values``, the terms of ``player`` and its gradient, after ``step`` D steps."""
        *terms, gradient = zip([*module.terms[player], "gradient"], values.tolist(), self.bad(values), strict=True)
        lost = " and ".join(f"{name} = {value:.3g}" for name, value, bad in terms if bad)
        where = f"loss has diverged, in its term {lost}," if lost else "gradient is not finite"
        assert lost or gradient[2]
        alternated = player == "G" and not module.simultaneous  # then D's step of this batch is among them
        return NotFinite(
            f"{player}'s {where} after {step} D steps and {(step - alternated) // module.d_steps} G steps (terms "
            f"must be finite and at most {self.limit:g}). It has not moved the weights, and the checkpoints before it "
            "are whole. Try a smaller learning rate (optimizer.lr=), technique=[gradient_clipping] or precision=fp32, "
            "from the start or with resume=<run> resume_override=true."
        )


def gradient_sum(optimizer: Optimizer) -> Tensor:
    """A scalar, float32, that is finite just where all gradients are."""
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    return nn.utils.get_total_norm(gradients).float()  # few kernels, however many gradients
