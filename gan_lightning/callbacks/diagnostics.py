"""What the game is doing, as numbers: read from the device only when they are logged."""

import time
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from gan_lightning.callbacks.quiet import Quiet
from gan_lightning.gan import GAN


def gradient_norm(player: nn.Module) -> Tensor:
    """The 2-norm of all gradients that the player's last step used."""
    gradients = [p.grad for p in player.parameters() if p.grad is not None]
    return nn.utils.get_total_norm(gradients) if gradients else torch.zeros(())


class Diagnostics(Quiet):
    """Every ``every`` G steps, to all loggers, with the number of G steps as the x axis:

    ``loss/d`` ``loss/g`` of the last step, ``d/real_prob`` and ``d/fake_prob`` (mean of D(x) and D(G(z)) in D's
    half), ``grad/d_norm`` ``grad/g_norm``, ``speed/images_per_s`` and ``speed/g_steps_per_s`` since the last
    time, ``epoch`` (passes over the data).
    """

    def __init__(self, every: int = 50) -> None:
        self.every = every
        self.since = (0.0, 0, 0)

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        self.since = (time.perf_counter(), module.g_steps_done, module.images_seen)

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        step = module.g_steps_done
        if not self.every or step == self.since[1] or (step % self.every and step != module.steps):
            return
        values = self.measure(trainer, module)
        module.numbers = {**module.numbers, **values}
        for logger in trainer.loggers:
            logger.log_metrics(values, step)

    def measure(self, trainer: Trainer, module: GAN) -> dict[str, float]:
        latest = module.latest
        on_device = {
            "loss/d": latest["loss/d"],
            "loss/g": latest["loss/g"],
            "d/real_prob": latest["real"].sigmoid().mean(),
            "d/fake_prob": latest["fake"].sigmoid().mean(),
            "grad/d_norm": gradient_norm(module.D),
            "grad/g_norm": gradient_norm(module.G),
        }
        stacked = torch.stack([v.double().to(latest["real"].device) for v in on_device.values()])
        if trainer.world_size > 1:
            stacked = trainer.strategy.reduce(stacked, reduce_op="mean")
        values = dict(zip(on_device, stacked.tolist(), strict=True))
        now = time.perf_counter()
        then, steps, images = self.since
        self.since = (now, module.g_steps_done, module.images_seen)
        values["speed/images_per_s"] = (module.images_seen - images) / (now - then)
        values["speed/g_steps_per_s"] = (module.g_steps_done - steps) / (now - then)
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        values["epoch"] = module.images_seen / len(data.arrays)
        return values
