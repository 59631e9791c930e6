"""A cheap evaluation while the run goes on: curves, and the best checkpoint beside the last.

It compares with validation images, which are training images: what is reported of a run is measured by ``evaluate``
on the test set, with another sample seed.
"""

import logging
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from torch import Tensor, nn

from gan_lightning.callbacks.checkpoints import save_whole
from gan_lightning.callbacks.quiet import Quiet
from gan_lightning.callbacks.sampling import draw
from gan_lightning.gan import GAN
from gan_lightning.metrics.frechet import frechet_distance
from gan_lightning.metrics.judge import Judge
from gan_lightning.metrics.labels import classifier_score

log = logging.getLogger(__name__)


class Evaluation(Quiet):
    """Every ``every`` G steps, log ``metric/fd_judge`` and ``metric/classifier_score`` and keep ``best.ckpt`` by the
    former; for an average of G, the same with its name at the end, such as ``metric/fd_judge_ema``.

    Args:
        every: G steps between two evaluations; 0 for none.
        n: samples of each; a Frechet distance depends on it, so it is fixed.
        seed: of their z, the same each time.
    """

    def __init__(self, every: int = 1000, n: int = 1000, seed: int = 12345) -> None:
        self.every, self.n, self.seed = every, n, seed
        self.judge: Judge | None = None  # set by who knows the dataset; without one there is nothing to do
        self.real: tuple[Tensor, Tensor] | None = None
        self.best, self.best_step, self.last = float("inf"), -1, -1

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        if self.every and self.judge is not None and trainer.is_global_zero:
            data: Any = trainer.datamodule  # type: ignore[attr-defined]
            self.real = self.judge.to(module.device)(data.validation())

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.every and module.g_just_moved and module.g_steps_done % self.every == 0:
            self.evaluate(trainer, module)

    def on_train_end(self, trainer: Trainer, module: GAN) -> None:
        if self.every and module.g_steps_done >= module.steps:  # a run that was stopped is not judged at odd moments
            self.evaluate(trainer, module)

    def evaluate(self, trainer: Trainer, module: GAN) -> None:
        step = module.g_steps_done
        if self.judge is None or step == self.last:
            return
        self.last = step
        distance = float("inf")
        if trainer.is_global_zero:
            values: dict[str, float] = {}
            for name, G in module.generators.items():
                values |= self.measure(G, module, "" if name == "G" else f"_{name}")
            distance = values.get("metric/fd_judge", distance)
            module.numbers = {**module.numbers, **values}
            for logger in trainer.loggers:
                logger.log_metrics(values, step)
        distance = trainer.strategy.broadcast(distance)
        if distance < self.best:
            self.best, self.best_step = distance, step
            save_whole(trainer, Path(trainer.default_root_dir) / "checkpoints" / "best.ckpt")

    def measure(self, G: nn.Module, module: GAN, suffix: str) -> dict[str, float]:
        assert self.real is not None
        assert self.judge is not None
        features, probabilities = self.judge(draw(G, module.prior, self.n, self.seed, module.device))
        if not features.isfinite().all():
            log.warning("the samples after %d G steps are not finite: not evaluated", module.g_steps_done)
            return {}
        quick: dict[str, float] = self.judge.quick(features) if hasattr(self.judge, "quick") else {}
        return {
            **{f"{key}{suffix}": value for key, value in quick.items()},
            f"metric/fd_judge{suffix}": frechet_distance(self.real[0], features),
            f"metric/classifier_score{suffix}": classifier_score(self.real[1], probabilities),
        }

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_step": self.best_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.best_step = state_dict["best"], state_dict["best_step"]
