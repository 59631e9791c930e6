"""What samples are measured with: the metrics, and the real data, the judge and the floors of one dataset."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from gan_lightning.config.build import judge_of, make
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.rng import fixed_rows
from gan_lightning.data.arrays import Source
from gan_lightning.io.bar import Bar
from gan_lightning.report.observed import NOTHING, Known, Observed, known_of_real


@dataclass(frozen=True)
class Metric:
    """A metric's function and its arguments: names such as ``test_features`` or ``fake_images``.

    The first part is train, validation, test or fake, or whole: the training set in the floor too, where train is
    without the images that stand for samples. The second is what ``Observed.look`` gives. A metric that is ``optional``
    is left out where it needs what is not known of the samples, such as their labels.
    """

    name: str
    of: Sequence[str]
    function: Callable[..., float | dict[str, float]]
    optional: bool = False

    def suits(self, known: Known) -> bool:
        """Is all ``known`` that it needs to know of samples?"""
        return all(known.has(name.split("_")[1]) for name in self.of if name.startswith("fake_"))

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
        if any(name.startswith(("train_", "whole_")) for name in self.of):
            values["n_train"] = n_train
        return {"metric": self.name, "function": function.__name__, "of": list(self.of), "parameters": values}


def build_metrics(cfg: DictConfig) -> list[Metric]:
    return [
        Metric(str(name), list(node.of), make(node.metric), bool(node.get("optional", False)))
        for name, node in cfg.items()
        if node is not None
    ]


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
        parts = (source.train(), source.validation(), source.test())
        train, validation, test = (to_signed_range(part.images) for part in parts)
        train_labels, validation_labels, test_labels = (part.labels for part in parts)
        n, whole = n or len(test), len(test)
        if n > whole:
            raise ValueError(
                f"n must not exceed the {whole} test images of data={source.name}, got {n}: "
                "a distance between samples of different sizes compares with nothing. Leave n out."
            )
        self.n, self.metrics, self.judge = n, metrics, judge
        self.train, self.train_labels = train, train_labels
        rows = torch.arange(whole) if n == whole else fixed_rows(whole, n)
        everything = Observed(train, judge, Known(train_labels))
        self.real = {
            "train": everything,
            "whole": everything,
            "validation": Observed(validation, judge, Known(validation_labels)),
            "test": Observed(test[rows], judge, Known(test_labels[rows])),
        }
        self.measured_floors: dict[str, dict[str, float]] = {}
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

    def suited(self, known: Known, whose: object) -> list[Metric]:
        """The metrics that can be measured of samples of which so much is ``known``.

        Raises:
            ValueError: another one was asked for; names ``whose`` samples they are.
        """
        for metric in self.metrics:
            if not metric.suits(known) and not metric.optional:
                why = (
                    f"a D that looks at one sample alone, and that of {whose} also sees its class, or other samples. "
                    "Use metrics=default or metrics=fast."
                    if "fake_discriminator" in metric.of
                    else f"samples with labels, and G of {whose} takes none. Use metrics=default or metrics=fast, or "
                    "train with condition=projection."
                )
                raise ValueError(f"the metric {metric.name} needs {why}")
        return [metric for metric in self.metrics if metric.suits(known)]

    def floors_of(self, metrics: Sequence[Metric]) -> dict[str, dict[str, float]]:
        """Each of ``metrics`` of the first ``n`` training images in place of samples, with the others as training set.

        What was measured before is not measured again.
        """
        new = [metric for metric in metrics if metric.name not in self.measured_floors]
        if new:
            rest = Observed(self.train[self.n :], self.judge, Known(self.train_labels[self.n :]))
            known = known_of_real(self.train, self.train_labels, self.n)
            self.measured_floors |= self.measure(self.train[: self.n], {**self.real, "train": rest}, known, new)
        return self.measured_floors

    @property
    def floors(self) -> dict[str, dict[str, float]]:
        """``floors_of`` all metrics."""
        return self.floors_of(self.metrics)

    def measure(
        self,
        samples: Tensor,
        real: Mapping[str, Observed] | None = None,
        known: Known = NOTHING,
        metrics: Sequence[Metric] | None = None,
        doing: str = "",
        bar: Bar | None = None,
    ) -> dict[str, dict[str, float]]:
        """Name of each metric -> its values, of ``samples`` against ``real`` (default: the dataset's own).

        Args:
            known: what is known of the samples beside them.
            metrics: which; None: those that are ``suited``.
            bar: shows ``doing`` and the metric that is being computed.
        """
        observed = {**(real or self.real), "fake": Observed(samples, self.judge, known)}
        found = {}
        for metric in self.suited(known, "these samples") if metrics is None else metrics:
            if bar is not None:
                bar.set_postfix_str(f"{doing}: {metric.name}")
            found[metric.name] = metric(observed)
        return found
