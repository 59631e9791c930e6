"""What samples are measured with: the metrics, and the real data, the judge and the floors of one dataset."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from omegaconf import DictConfig
from torch import Tensor

from gan_lightning.config.build import judge_of, make
from gan_lightning.core.pixels import to_pixels, to_signed_range
from gan_lightning.core.rng import fixed_rows
from gan_lightning.data.arrays import Source
from gan_lightning.io.bar import Bar
from gan_lightning.metrics.judge import Judge


class Observed:
    """Samples or real data, with the judge's features and class probabilities of them, computed when first needed."""

    def __init__(self, images: Tensor, judge: Judge) -> None:
        self.images, self.judge = images, judge

    @cached_property
    def verdict(self) -> tuple[Tensor, Tensor]:
        return self.judge(self.images)

    def look(self, what: str) -> Any:
        """``images``, their ``features`` ``[N, F]`` or ``probabilities`` ``[N, classes]``, or the ``judge`` itself."""
        if what in ("judge", "images"):
            return self.judge if what == "judge" else self.images
        features, probabilities = self.verdict
        return {"features": features, "probabilities": probabilities}[what]


@dataclass(frozen=True)
class Metric:
    """A metric's function and its arguments: names such as ``test_features`` or ``fake_images``.

    The first part is train, validation, test or fake, the second what ``Observed.look`` gives.
    """

    name: str
    of: Sequence[str]
    function: Callable[..., float | dict[str, float]]

    def __call__(self, observed: Mapping[str, Observed]) -> dict[str, float]:
        arguments = []
        for name in self.of:
            kind, what = name.split("_")
            arguments.append(observed[kind].look(what))
        value = self.function(*arguments)
        return value if isinstance(value, dict) else {self.name: value}

    def settings(self, n_train: int) -> dict[str, Any]:
        """What its numbers depend on beside the samples and the protocol, as plain values for metrics.json.

        The function, its arguments, its parameters (but ``chunk``, which changes no value), and the number of training
        images where it gets them.
        """
        named = inspect.signature(self.function).parameters.items()
        values = {name: p.default for name, p in named if p.default is not p.empty and name != "chunk"}
        function = getattr(self.function, "func", self.function)
        if any(name.startswith("train_") for name in self.of):
            values["n_train"] = n_train
        return {"metric": self.name, "function": function.__name__, "of": list(self.of), "parameters": values}


def build_metrics(cfg: DictConfig) -> list[Metric]:
    return [Metric(str(name), list(node.of), make(node.metric)) for name, node in cfg.items() if node is not None]


class Yardstick:
    """The real side of an evaluation, made once per dataset and ``n``: test images, judge, floors.

    Where ``n`` is below the number of test images, they are ``n`` of a fixed permutation, never the first of the file:
    MNIST's first and second half come from different writers.

    Args:
        source: the dataset.
        metrics: what is measured.
        n: number of samples and of test images; None: all test images.

    Raises:
        ValueError: the dataset has no judge, or fewer than ``n`` test images.
    """

    def __init__(self, source: Source, metrics: Sequence[Metric], n: int | None) -> None:
        judge = judge_of(source)
        if judge is None:
            raise ValueError(
                f"there is no judge for data={source.name} of shape {tuple(source.shape)}, so nothing can measure its "
                f"samples. Train one (python -m gan_lightning.judge data={source.name}) and name it in conf/judge/."
            )
        if not judge.knows_modes and any("fake_judge" in metric.of for metric in metrics):
            raise ValueError(
                f"metrics=points counts the modes of a mixture, and data={source.name} has none. "
                "Use metrics=default or metrics=fast."
            )
        source.prepare()
        train, validation, test = (
            to_signed_range(a.images) for a in (source.train(), source.validation(), source.test())
        )
        n, whole = n or len(test), len(test)
        if n > whole:
            raise ValueError(
                f"n must not exceed the {whole} test images of data={source.name}, got {n}: "
                "a distance between samples of different sizes compares with nothing. Leave n out."
            )
        self.n, self.metrics, self.judge = n, metrics, judge
        self.train = train
        self.real = {
            "train": Observed(train, judge),
            "validation": Observed(validation, judge),
            "test": Observed(test if n == whole else test[fixed_rows(whole, n)], judge),
        }
        self.protocol = {
            "dataset": source.name,
            "split": "test",
            "n_fake": n,
            "n_real": n,
            "rows": "all" if n == whole else f"{n} of {whole}, by a fixed permutation",
            "judge_sha256": judge.sha256,
            "floor": f"the first {n} training images in file order as samples, the training set without them",
        }

    def settings(self, metric: Metric) -> dict[str, Any]:
        return metric.settings(len(self.train))

    @cached_property
    def floors(self) -> dict[str, dict[str, float]]:
        """Every metric of the first ``n`` training images in place of samples; the others are then the training set."""
        rest = Observed(self.train[self.n :], self.judge)
        return self.measure(self.train[: self.n], {**self.real, "train": rest})

    def measure(
        self,
        samples: Tensor,
        real: Mapping[str, Observed] | None = None,
        doing: str = "",
        bar: Bar | None = None,
    ) -> dict[str, dict[str, float]]:
        """Name of each metric -> its values, of ``samples`` against ``real`` (default: the dataset's own).

        ``bar`` shows ``doing`` and the metric that is being computed.
        """
        observed = {**(real or self.real), "fake": Observed(samples, self.judge)}
        found = {}
        for metric in self.metrics:
            if bar is not None:
                bar.set_postfix_str(f"{doing}: {metric.name}")
            found[metric.name] = metric(observed)
        return found


def as_pixels(samples: Tensor) -> Tensor:
    """Images with 256 levels in [-1, 1], as real ones and picture files have. Points are returned as they are."""
    if samples.ndim == 2:
        return samples
    return to_signed_range(to_pixels(samples))
