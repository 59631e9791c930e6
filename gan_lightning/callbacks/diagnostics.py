"""Curves of the game: losses, D's outputs, gradient norms, speed. Read from the device only when they are logged."""

import time
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.callbacks.overhead import FewHooks, next_multiple
from gan_lightning.core.play import Loss, Player
from gan_lightning.game.module import GAN
from gan_lightning.metrics.discrimination import slope


def gradient_norm(player: nn.Module) -> Tensor:
    """The 2-norm of all gradients that the player's last step used."""
    gradients = [p.grad for p in player.parameters() if p.grad is not None]
    return nn.utils.get_total_norm(gradients) if gradients else torch.zeros(())


class Diagnostics(FewHooks):
    """Every ``every`` G steps, to all loggers, with the number of G steps as the x axis:

    ``loss/d`` ``loss/g`` of the last step, and each term of them by its name: ``loss/d_adversarial``,
    ``loss/d_gradient_penalty``, ``loss/g_feature_matching``, ... (of a penalty with an ``interval``, the value at the
    last step that computed it). Of D's half: ``d/real_prob`` and ``d/fake_prob``, the means of D(x) and D(G(z)), where
    the logits are log-odds; otherwise ``d/real_score`` and ``d/fake_score``, the means of the logits, and for the
    Wasserstein loss their difference ``d/wasserstein``. ``grad/d_norm`` ``grad/g_norm``: 2-norms of the gradients
    of the last step, and ``grad/g_over_d`` their quotient. ``grad/g_slope``: how steep G's adversarial loss is in
    D's logits of fakes, from 0, where nothing of D's verdict reaches G, to 1. ``update/d_to_weight``
    ``update/g_to_weight``: the 2-norm of a player's last step over that of its weights. ``speed/images_per_s`` and
    ``speed/g_steps_per_s`` since these numbers were last logged. ``epoch``: passes over the data.
    """

    def __init__(self, every: int = 50) -> None:
        self.every = every
        self.since = (0.0, 0, 0)  # (seconds, G steps, images) when the numbers were last logged
        self.lazy: dict[str, Tensor] = {}  # last value of each penalty with an interval
        self.before: dict[Player, list[Tensor]] = {}  # weights before the step that will be logged

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        self.since = (time.perf_counter(), module.g_steps_done, module.images_seen)

    def next_due(self, step: int) -> int:
        return next_multiple(self.every, step)

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        step = module.g_steps_done
        if not self.every or step == self.since[1] or not self.due(module, step):
            return
        values = self.measure(trainer, module)
        module.numbers = {**module.numbers, **values}
        for logger in trainer.loggers:
            logger.log_metrics(values, step)

    def on_before_optimizer_step(self, trainer: Trainer, module: GAN, optimizer: Optimizer) -> None:
        player = module.player_of(optimizer)
        if player == "D":
            self.remember(module)
        if self.every and self.due(module, module.g_steps_done + 1):
            self.before[player] = [p.detach().clone() for p in self.moved(module, player)]

    def due(self, module: GAN, step: int) -> bool:
        return step % self.every == 0 or step == module.steps

    def moved(self, module: GAN, player: Player) -> list[nn.Parameter]:
        """The weights of ``player`` that its last step moved, or could have."""
        return [p for p in module.own_parameters[player] if p.grad is not None]

    def remember(self, module: GAN) -> None:
        """Keep the value of a penalty with an ``interval``, before a D step that computes it: at the others it is 0."""
        for name, technique in module.seats.techniques.items():
            interval = technique.interval
            if interval > 1 and module.d_steps_done % interval == 0 and name in module.terms["D"]:
                self.lazy[f"loss/d_{name}"] = module.terms["D"][name]

    def measure(self, trainer: Trainer, module: GAN) -> dict[str, float]:
        """Name of a curve -> its value now, the mean over processes."""
        latest = module.latest
        on_device = {
            "loss/d": latest["loss/d"],
            "loss/g": latest["loss/g"],
            **{f"loss/{p.lower()}_{name}": term for p, terms in module.terms.items() for name, term in terms.items()},
            **self.lazy,
            **verdicts(module.loss, latest["real"], latest["fake"]),
            "grad/d_norm": gradient_norm(module.D),
            "grad/g_norm": gradient_norm(module.G),
            **{f"update/{p.lower()}_to_weight": self.update_to_weight(module, p) for p in self.before},
        }
        if module.adversarial_weight:
            on_device["grad/g_slope"] = slope_of_g(module.loss, latest["real"], latest["fake"])
        self.before = {}
        stacked = torch.stack([v.float().to(latest["real"].device) for v in on_device.values()])
        if trainer.world_size > 1:
            stacked = trainer.strategy.reduce(stacked, reduce_op="mean")
        values = dict(zip(on_device, stacked.tolist(), strict=True))
        values["grad/g_over_d"] = values["grad/g_norm"] / max(values["grad/d_norm"], 1e-30)
        now = time.perf_counter()
        then, steps, images = self.since
        self.since = (now, module.g_steps_done, module.images_seen)
        values["speed/images_per_s"] = (module.images_seen - images) / (now - then)
        values["speed/g_steps_per_s"] = (module.g_steps_done - steps) / (now - then)
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        values["epoch"] = module.images_seen / len(data.arrays)
        return values

    def update_to_weight(self, module: GAN, player: Player) -> Tensor:
        weights, before = self.moved(module, player), self.before[player]
        moves = [after.detach() - old for after, old in zip(weights, before, strict=True)]
        return nn.utils.get_total_norm(moves) / nn.utils.get_total_norm(before).clamp_min(1e-30)

    def state_dict(self) -> dict[str, Any]:
        return {"lazy": {name: term.cpu() for name, term in self.lazy.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        lazy = dict(state_dict["lazy"])
        if odd := [name for name, term in lazy.items() if not isinstance(term, Tensor) or term.shape != ()]:
            raise ValueError(f"the last value of {odd[0]} is no number")
        self.lazy = lazy


def verdicts(loss: Loss, real_logits: Tensor, fake_logits: Tensor) -> dict[str, Tensor]:
    """Means of D's outputs for a batch, from logits ``[N]``: probabilities where they are log-odds, else scores."""
    if loss.logits == "log_odds":
        return {"d/real_prob": real_logits.sigmoid().mean(), "d/fake_prob": fake_logits.sigmoid().mean()}
    real, fake = real_logits.float().mean(), fake_logits.float().mean()
    scores = {"d/real_score": real, "d/fake_score": fake}
    return {**scores, "d/wasserstein": real - fake} if loss.wasserstein else scores


def slope_of_g(loss: Loss, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The sum of the absolute slopes of G's loss in D's logits of fakes, a scalar: nsgan mean(1 - D), mmgan mean(D)."""
    fake = fake_logits.detach().float().requires_grad_()
    with torch.enable_grad():
        return slope(loss.generator(real_logits.float() if loss.needs_real_in_g else None, fake), fake)
