"""A watch on the game: whether D overfits, how far the laws are apart at least, how samples differ; and alarms."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from gan_lightning.callbacks.alarms import Alarms
from gan_lightning.callbacks.evaluation import Evaluation
from gan_lightning.callbacks.finite import NotFinite
from gan_lightning.callbacks.judging import judged, judging
from gan_lightning.callbacks.overhead import FewHooks, next_multiple
from gan_lightning.callbacks.signs import QUICK, SLOW, Scene, diverged, falling, quick_signs, signs
from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.play import mixing_layer
from gan_lightning.core.rng import fixed_rows
from gan_lightning.core.sampler import draw
from gan_lightning.data.arrays import Arrays, Source
from gan_lightning.game.module import GAN
from gan_lightning.metrics.discrimination import jensen_shannon_bound, pairs_in_order
from gan_lightning.metrics.diversity import mean_distance
from gan_lightning.metrics.memorisation import memorisation

ROWS = 5000  # training and held-out images among which copies are looked for
FAKES = 200  # samples of which copies are looked for
SHOWN = 25  # classes that have curves of their own


class Watch(FewHooks):
    """Every ``every`` G steps, of G itself and not of its averages:

    ``d/accuracy_train`` ``d/accuracy_held_out``: share of the pairs of a real image and a sample that D puts in order,
    for images that it trains on and for others (``Source.held_out``). D is in eval mode, but for BatchNorm, which
    normalises by the batch as in the game; batches and views are the game's.
    ``d/jsd_lower_bound``: a lower bound of the Jensen-Shannon divergence of the held-out images and the samples, in
    nats, where the logits are log-odds and D judges each sample alone (``metrics.discrimination``).
    ``samples/diversity``: mean distance of two samples over that of two training images; within a class where G takes
    labels. ``samples/copied``: share of images that copy a training image.
    ``labels/0`` ...: share of the samples that the judge gives each label, and ``labels/missing``, how many classes
    have less than ``limits.missing`` of their share in the data.

    Every ``often`` G steps the curves of ``Diagnostics`` are looked at for alarms too. What shows itself long enough
    is an alarm (``alarms.py``). The first process alone looks; nothing that is played changes, to the last bit.

    Args:
        every: G steps between two looks; 0 for none.
        often: G steps between two looks at the curves; 0 for none.
        n: images of each kind that D judges, and samples.
        seed: of the samples' z, where the evaluation has drawn none.
        limits: see conf/callbacks/default.yaml.
    """

    def __init__(self, every: int, often: int, limits: Mapping[str, float], n: int = 512, seed: int = 12345) -> None:
        self.every, self.often, self.n, self.seed = every, often, n, seed
        self.limits = {"falling": 0.0, **limits}  # runs that began before it was a limit have none
        self.evaluation: Evaluation | None = None  # set in training/setup.py; its samples are used again
        self.alarms = Alarms()
        self.last = -1  # G step of the last look
        self.distances: dict[int, float] = {}  # G steps done -> Frechet distance at that look
        self.held_out: Arrays | None = None
        self.distance: float | None = None  # of two training images

    def on_train_start(self, trainer: Trainer, module: GAN) -> None:
        if trainer.is_global_zero and module.d_steps_done:
            self.alarms.restore(Path(trainer.default_root_dir))

    def next_due(self, step: int) -> int:
        return min(next_multiple(self.every, step), next_multiple(self.often, step))

    def on_train_batch_end(self, trainer: Trainer, module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if not module.g_just_moved or not trainer.is_global_zero:
            return
        if self.often and module.g_steps_done % self.often == 0:
            self.look_at_curves(trainer, module)
        if self.every and module.g_steps_done % self.every == 0:
            self.look(trainer, module)

    def on_train_end(self, trainer: Trainer, module: GAN) -> None:
        if self.every and module.g_steps_done >= module.steps and trainer.is_global_zero:
            self.look(trainer, module)

    def look_at_curves(self, trainer: Trainer, module: GAN) -> None:
        pairs = pairs_in_order(module.latest["real"].cpu(), module.latest["fake"].cpu())
        found = quick_signs(module.numbers, pairs, self.scene(module))
        for name, enough in QUICK.items():
            mine = [sign for sign in found if sign.alarm == name]
            news = self.alarms.look(mine, [name], int(self.limits[enough]), module.g_steps_done)
            self.alarms.say(trainer, news)

    def on_exception(self, trainer: Trainer, module: GAN, exception: BaseException) -> None:
        """The finite guard ends a run in words of its own, which are the last alarm."""
        if isinstance(exception, NotFinite) and trainer.is_global_zero:
            sign = diverged(exception, self.limits["diverged"])
            self.alarms.say(trainer, self.alarms.look([sign], [sign.alarm], 1, module.g_steps_done))

    def look(self, trainer: Trainer, module: GAN) -> None:
        step = module.g_steps_done
        if step == self.last:
            return
        self.last = step
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        samples, probabilities, seed = self.samples(module)
        if not samples.isfinite().all():
            return
        y = module.G.labels(len(samples), seed) if isinstance(module.G, ConditionalGenerator) else None
        values = self.of_discriminator(module, data, samples, y, data.batch_size // trainer.world_size)
        values |= self.of_samples(data, samples, y)
        shares, missing, kind = self.of_labels(probabilities)
        for logger in trainer.loggers:
            logger.log_metrics({**values, **shares}, step)
        module.numbers = {**module.numbers, **values}
        if probabilities is not None and "metric/fd_judge" in module.numbers:  # of these samples
            self.distances[step] = module.numbers["metric/fd_judge"]
        if step < self.limits["begin"]:
            return
        found = signs(module.numbers, self.scene(module, kind, missing))
        self.alarms.say(trainer, self.alarms.look(found, SLOW, int(self.limits["looks"]), step))

    def samples(self, module: GAN) -> tuple[Tensor, Tensor | None, int]:
        """Samples of G on the CPU, the judge's probabilities if there are any, and the seed of both."""
        evaluation = self.evaluation
        if evaluation is not None and evaluation.drawn is not None and evaluation.drawn[0] == module.g_steps_done:
            _, samples, probabilities = evaluation.drawn
            return samples, probabilities, evaluation.seed
        return draw(module.G, module.prior, self.n, self.seed, module.device), None, self.seed

    def of_discriminator(
        self, module: GAN, data: Any, samples: Tensor, y: Tensor | None, batch: int
    ) -> dict[str, float]:
        """What D makes of training images, of held-out ones and of ``samples``, in batches of ``batch``."""
        if self.held_out is None:
            self.held_out = held_out(data.source, ROWS)
        first = slice(self.n)
        train = some(data.arrays, self.n)
        kinds = {
            "train": (train.images, train.labels),
            "held_out": (self.held_out.images[first], self.held_out.labels[first]),
            "fake": (samples[first], None if y is None else y[first]),
        }
        whole = math.prod(technique.divides_batch for technique in module.seats.techniques.values())
        with judging(module):
            logits = {
                name: judged(module, images, labels, min(batch, len(images) // whole * whole))
                for name, (images, labels) in kinds.items()
                if len(images) >= whole
            }
        fake = logits.pop("fake")
        values = {f"d/accuracy_{name}": pairs_in_order(real, fake) for name, real in logits.items()}
        alone = mixing_layer(module.D) is None and whole == 1
        if module.loss.logits == "log_odds" and alone and "held_out" in logits:
            values["d/jsd_lower_bound"] = jensen_shannon_bound(logits["held_out"], fake)
        return values

    def of_samples(self, data: Any, samples: Tensor, y: Tensor | None) -> dict[str, float]:
        if self.distance is None:
            few = some(data.arrays, self.n)
            self.distance = mean_distance(to_signed_range(few.images), None if y is None else few.labels)
        distance = mean_distance(samples[: self.n], None if y is None else y[: self.n])
        values = {"samples/diversity": distance / max(self.distance, 1e-30)}
        if samples.ndim == 4 and self.held_out is not None and len(self.held_out):
            train = some(data.arrays, ROWS)
            others = to_signed_range(self.held_out.images)
            shares = memorisation(to_signed_range(train.images), others, samples, FAKES)
            values["samples/copied"] = min(1.0, shares["copied_share"] * len(data.arrays) / len(train))
        return values

    def of_labels(self, probabilities: Tensor | None) -> tuple[dict[str, float], list[str], str]:
        """Shares of the labels as curves, names of the classes that are missing, and what the classes are called."""
        if probabilities is None or self.evaluation is None or self.evaluation.real is None:
            return {}, [], ""
        judge = self.evaluation.judge
        assert judge is not None
        fake, real = (
            torch.bincount(p.argmax(1), minlength=judge.classes).double() / len(p)
            for p in (probabilities, self.evaluation.real[1])
        )
        missing = [str(k) for k in (fake < self.limits["missing"] * real).nonzero().flatten().tolist()]
        curves = {f"labels/{k}": share for k, share in enumerate(fake.tolist()[:SHOWN])}
        digits = judge.dataset in ("mnist", "mnist5k", "digits")
        kind = "digits" if digits else "modes" if judge.knows_modes else "classes"
        return {**curves, "labels/missing": float(len(missing))}, missing, kind

    def scene(self, module: GAN, kind: str = "", missing: list[str] | None = None) -> Scene:
        best = [int(numbers["g_steps"]) for numbers in self.evaluation.best.values()] if self.evaluation else []
        since = (module.g_steps_done - max(best)) // self.evaluation.every if best and self.evaluation else 0
        return Scene(
            limits=self.limits,
            loss=type(module.loss).__name__.lower(),
            techniques=list(module.seats.techniques),
            kind=kind,
            labels="few" if module.labelled is not None else "condition" if module.condition is not None else "",
            missing=missing or [],
            best_step=max(best, default=None),
            evaluations_since=since,
            falling=falling(self.distances, module.g_steps_done, self.limits["falling"]),
        )

    def state_dict(self) -> dict[str, Any]:
        return {**self.alarms.state_dict(), "distances": dict(self.distances)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Raises ValueError where ``state_dict`` is none."""
        self.alarms.load_state_dict(state_dict)
        distances = state_dict.get("distances", {})  # checkpoints of before have none
        if not isinstance(distances, dict) or any((type(k), type(v)) != (int, float) for k, v in distances.items()):
            raise ValueError("its distances must be those of callbacks/watch.py, a number for each G step of a look")
        self.distances = dict(distances)


def some(arrays: Arrays, n: int) -> Arrays:
    """``n`` fixed rows on the host, drawn once and for all; all, where there are no more."""
    return Arrays(*(part.cpu() for part in arrays[fixed_rows(len(arrays), n)]))


def held_out(source: Source, n: int) -> Arrays:
    """``n`` images that the game does not train on; none where the dataset has none."""
    try:
        return some(source.held_out(), n)
    except ValueError:
        return Arrays(torch.zeros(0, *source.shape), torch.zeros(0, dtype=torch.long))
