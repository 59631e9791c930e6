"""A cheap evaluation during the run, for curves and for the choice of the best checkpoint.

It compares with validation images, many of which may be training images. The numbers of a run that are reported are
those of ``evaluate``: of the test set, with another sample seed.
"""

import logging
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from torch import Tensor

from gan_lightning.callbacks.checkpoints import link, save_whole
from gan_lightning.callbacks.overhead import FewHooks, next_multiple
from gan_lightning.core.rng import fixed_rows
from gan_lightning.core.sampler import draw
from gan_lightning.game.module import GAN
from gan_lightning.metrics.frechet import frechet_distance
from gan_lightning.metrics.judge import Judge
from gan_lightning.metrics.labels import classifier_score
from gan_lightning.metrics.neighbours import coverage

log = logging.getLogger(__name__)

FD, COVERAGE, CHOICE = (f"metric/{name}" for name in ("fd_judge", "coverage_judge", "fd_over_coverage"))


class Evaluation(FewHooks):
    """Every ``every`` G steps, log how far samples are from the validation images, and keep the best checkpoint.

    ``metric/fd_judge``: Frechet distance to all validation images. It knows two moments, so a G that draws one picture
    near their mean is closer than an early G that draws digits.
    ``metric/coverage_judge``: share of ``n`` validation images (drawn once; all, where there are fewer) that a sample
    comes near to (Naeem et al. 2020, k = 5), which such a G cannot raise.
    ``metric/fd_over_coverage``: their quotient; where nothing is covered, half an image counts as covered.
    ``metric/classifier_score``.

    The lowest ``fd_over_coverage`` of G makes ``best.ckpt``. An average of G has the same curves with its name at the
    end, such as ``metric/fd_judge_ema``, and a best of its own, such as ``best-ema.ckpt``. ``best/fd_judge`` and the
    like are the numbers where it was best so far.

    Args:
        every: G steps between two evaluations; 0 for none.
        n: samples of each generator; all these numbers depend on it, so it stays the same throughout a run.
        seed: of their z, the same each time.
    """

    def __init__(self, every: int = 1000, n: int = 1000, seed: int = 12345) -> None:
        if n < 6:
            raise ValueError(f"callbacks.evaluation.n must be 6 or more, for neighbours to exist, got {n}. Try 1000.")
        self.every, self.n, self.seed = every, n, seed
        self.judge: Judge | None = None  # set in training/setup.py; without one nothing is evaluated
        self.real: tuple[Tensor, Tensor] | None = None  # its features and probabilities of the validation images
        self.floors: dict[str, float] = {}  # the numbers of real training images in place of samples
        self.best: dict[str, dict[str, float]] = {}  # suffix of a generator's curves -> its numbers where it was best
        self.last = -1  # G step of the last evaluation
        self.drawn: tuple[int, Tensor, Tensor] | None = None  # its G step, samples of G and the judge's probabilities

    def see(self, validation: Tensor) -> None:
        """Have the judge look at the ``validation`` images, with which samples are compared."""
        assert self.judge is not None
        self.real = self.judge(validation)

    def next_due(self, step: int) -> int:
        return next_multiple(self.every, step)

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.every and module.g_just_moved and module.g_steps_done % self.every == 0:
            self.evaluate(trainer, module)

    def on_train_end(self, trainer: Trainer, module: GAN) -> None:
        if self.every and module.g_steps_done >= module.steps:  # not where a run is stopped, which depends on chance
            self.evaluate(trainer, module)

    def evaluate(self, trainer: Trainer, module: GAN) -> None:
        step = module.g_steps_done
        if self.judge is None or step == self.last:
            return
        self.last = step
        values: dict[str, float] = {}
        if trainer.is_global_zero:
            if self.real is None:  # not before the first step: the judge needs seconds for 10,000 images
                self.judge.to(module.device)
                data: Any = trainer.datamodule  # type: ignore[attr-defined]
                self.see(data.validation())
                self.floors = self.numbers_of(*self.judge(data.reference(self.n)))
            for name, G in module.generators.items():
                suffix = "" if name == "G" else f"_{name}"
                samples = draw(G, module.prior, self.n, self.seed, module.device)
                features, probabilities = self.judge(samples)
                numbers = self.numbers_of(features, probabilities)
                if name == "G":
                    self.drawn = (step, samples, probabilities)
                if not numbers:
                    log.warning("the samples of %s after %d G steps are not finite: not evaluated", name, step)
                values |= {f"{key}{suffix}": value for key, value in numbers.items()}
            module.numbers = {**module.numbers, **values}
        better = self.improved(trainer.strategy.broadcast(values), step)
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                logger.log_metrics(values | self.best_curves(), step)
        self.keep(trainer, better)

    def numbers_of(self, features: Tensor, probabilities: Tensor) -> dict[str, float]:
        """Name of a curve -> its value, from the judge's features and probabilities of samples; empty if not finite."""
        assert self.judge is not None
        assert self.real is not None
        if not features.isfinite().all():
            return {}
        real, real_probabilities = self.real
        few = real[fixed_rows(len(real), self.n)]
        distance, covered = frechet_distance(real, features), coverage(few, features)
        return {
            **self.judge.quick(features),
            FD: distance,
            COVERAGE: covered,
            CHOICE: distance / max(covered, 0.5 / len(few)),
            "metric/classifier_score": classifier_score(real_probabilities, probabilities),
        }

    def improved(self, values: dict[str, float], step: int) -> list[str]:
        """Keep the numbers of generators that are better than ever before; returns the suffixes of these generators."""
        found = []
        for key in (k for k in values if k.startswith(CHOICE)):
            suffix = key.removeprefix(CHOICE)
            if suffix not in self.best or values[key] < self.best[suffix][CHOICE]:
                self.best[suffix] = {"g_steps": step, **{k: values[k + suffix] for k in (CHOICE, FD, COVERAGE)}}
                found.append(suffix)
        return found

    def keep(self, trainer: Trainer, suffixes: list[str]) -> None:
        """Save one checkpoint under the names of all generators that are at their best (``improved``)."""
        folder = Path(trainer.default_root_dir) / "checkpoints"
        paths = [folder / f"best{suffix.replace('_', '-', 1)}.ckpt" for suffix in suffixes]
        for i, path in enumerate(paths):
            if i == 0:
                save_whole(trainer, path)
            elif trainer.is_global_zero:
                link(paths[0], path)

    def best_numbers(self) -> dict[str, float]:
        """For status.json, of each generator: the G step at which it was best, and its numbers there."""
        names = {"g_steps": "best_g_steps", CHOICE: "best_fd_over_coverage", FD: "best_fd_judge",
                 COVERAGE: "best_coverage_judge"}  # fmt: skip
        return {f"{names[k]}{suffix}": v for suffix, values in self.best.items() for k, v in values.items()}

    def best_curves(self) -> dict[str, float]:
        """The numbers of each generator where it was best so far, as curves: the last value is the best of the run."""
        return {
            f"best/{key.removeprefix('metric/')}{suffix}": values[key]
            for suffix, values in self.best.items()
            for key in (CHOICE, FD, COVERAGE)
        }

    def floor_numbers(self) -> dict[str, float]:
        """For status.json: what ``n`` training images have in place of samples; empty where nothing was evaluated."""
        return {
            f"floor_{key.removeprefix('metric/')}": self.floors[key] for key in (FD, COVERAGE) if key in self.floors
        }

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        best = state_dict["best"]
        best = dict(best) if isinstance(best, dict) else {}  # older checkpoints have a number, a distance alone
        for numbers in best.values():
            if numbers.keys() != {"g_steps", CHOICE, FD, COVERAGE} or not all(
                isinstance(v, int | float) for v in numbers.values()
            ):
                raise ValueError(f"the numbers of its best generator must be g_steps, {CHOICE}, {FD} and {COVERAGE}")
        self.best = best
