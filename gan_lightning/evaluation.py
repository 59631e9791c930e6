"""The numbers of a run: every metric on the test set, for the last and the best checkpoint, beside the real data's."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from glob import glob
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from torchvision.utils import save_image

from gan_lightning.build import judge_of, make
from gan_lightning.callbacks.samples import grid
from gan_lightning.data.arrays import Source, to_signed_range
from gan_lightning.loading import load
from gan_lightning.metrics.judge import Judge
from gan_lightning.metrics.memorisation import nearest
from gan_lightning.runs import find, is_run, write_json

log = logging.getLogger(__name__)


class Observed:
    """Images, and, once somebody asks, what the judge says of them."""

    def __init__(self, images: Tensor, judge: Judge) -> None:
        self.images, self.judge = images, judge

    @cached_property
    def verdict(self) -> tuple[Tensor, Tensor]:
        return self.judge(self.images)

    def look(self, what: str) -> Any:
        return {
            "judge": lambda: self.judge,
            "images": lambda: self.images,
            "features": lambda: self.verdict[0],
            "probabilities": lambda: self.verdict[1],
        }[what]()


@dataclass(frozen=True)
class Metric:
    """A function and what it looks at: names such as ``test_features`` or ``fake_images``."""

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


class Yardstick:
    """The real side of an evaluation, made once per dataset and ``n``: test images, judge, floors."""

    def __init__(self, source: Source, metrics: Sequence[Metric], n: int | None) -> None:
        judge = judge_of(source)
        if judge is None:
            raise ValueError(
                f"there is no judge for data={source.name} of shape {tuple(source.shape)}, so nothing can measure its "
                f"samples. Train one (python -m gan_lightning.judge data={source.name}) and name it in conf/judge/."
            )
        source.prepare()
        train, validation, test = (
            to_signed_range(a.images) for a in (source.train(), source.validation(), source.test())
        )
        n = n or len(test)
        if n > len(test):
            raise ValueError(
                f"n must not exceed the {len(test)} test images of data={source.name}, got {n}: "
                "a distance between samples of different sizes compares with nothing. Leave n out."
            )
        self.n, self.metrics, self.judge = n, metrics, judge
        self.train = train
        self.real = {
            "train": Observed(train, judge),
            "validation": Observed(validation, judge),
            "test": Observed(test[:n], judge),
        }
        self.protocol = {
            "dataset": source.name,
            "split": "test",
            "n_fake": n,
            "n_real": n,
            "judge_sha256": judge.sha256,
            "floor": f"the first {n} training images in file order as samples, the training set without them",
        }

    @cached_property
    def floor(self) -> dict[str, float]:
        """Every metric of real training images."""
        rest = Observed(self.train[self.n :], self.judge)
        return self.measure(self.train[: self.n], {**self.real, "train": rest})

    def measure(self, samples: Tensor, real: Mapping[str, Observed] | None = None) -> dict[str, float]:
        observed = {**(real or self.real), "fake": Observed(samples, self.judge)}
        return {key: value for metric in self.metrics for key, value in metric(observed).items()}


def build_metrics(cfg: DictConfig) -> list[Metric]:
    return [Metric(str(name), list(node.of), make(node.metric)) for name, node in cfg.items() if node is not None]


def expand(run: str) -> list[str]:
    """The runs that ``run`` names: itself, or the run directories that match it as a glob.

    Raises:
        ValueError: a glob that matches no run.
    """
    if not any(c in run for c in "*?["):
        return [run]
    found = sorted(
        path
        for path in glob(run, recursive=True)  # noqa: PTH207 (absolute globs too)
        if is_run(Path(path))
    )
    if not found:
        raise ValueError(f"run={run} matches no run directory. Quote the glob, and check it with ls.")
    return found


def evaluate(cfg: DictConfig) -> dict[Path, dict[str, Any]]:
    """Measure the runs that ``cfg.run`` names; each gets a metrics.json and sheets. Returns what was written."""
    metrics = build_metrics(cfg.metrics)
    yardsticks: dict[str, Yardstick] = {}
    results: dict[Path, dict[str, Any]] = {}
    for run in expand(str(cfg.run)):
        directory, checkpoint = find(run)
        paths = [checkpoint]
        if not Path(run).is_file() and (directory / "checkpoints" / "best.ckpt").is_file():
            paths.append(directory / "checkpoints" / "best.ckpt")
        generators = {path.stem: load(path) for path in paths}
        for path in paths:
            for other in generators[path.stem].others:
                generators[f"{path.stem}-{other}"] = load(path, other)
        data = next(iter(generators.values())).config.data
        if cfg.root is not None:
            data.root = cfg.root
        key = OmegaConf.to_yaml(data)
        if key not in yardsticks:
            yardsticks[key] = Yardstick(make(data), metrics, cfg.n)
        yardstick = yardsticks[key]
        result: dict[str, Any] = {"protocol": {**yardstick.protocol, "seed": cfg.seed}, "checkpoints": {}}
        pictures: dict[str, Tensor] = {}
        for name, G in generators.items():
            _, _, average = name.partition("-")
            done = result["checkpoints"].items()
            twin = next((n for n, v in done if v["g_steps"] == G.g_steps and n.partition("-")[2] == average), None)
            if twin:  # the best checkpoint is the last one
                result["checkpoints"][name], pictures[name] = result["checkpoints"][twin], pictures[twin]
                continue
            samples = G.sample(yardstick.n, cfg.seed)
            if not torch.isfinite(samples).all():
                raise ValueError(
                    f"the samples of {directory} ({name}.ckpt) are not finite: G has diverged. Train again."
                )
            samples = as_pixels(samples)
            result["checkpoints"][name] = {"g_steps": G.g_steps, **yardstick.measure(samples)}
            pictures[name] = samples[:36] if samples.ndim > 2 else samples
        result["floor"] = yardstick.floor
        for name, samples in pictures.items():
            save_image(sheet(samples, yardstick.train), directory / f"evaluation-{name}.png")
        write_json(directory / "metrics.json", result)
        results[directory] = result
        log.info("%s\n%s", directory, table(result))
    return results


def as_pixels(samples: Tensor) -> Tensor:
    """Images as a picture file would hold them: 256 levels in [-1, 1], like the real ones. Points stay as they are."""
    if samples.ndim == 2:
        return samples
    return to_signed_range(((samples.clamp(-1, 1) + 1) * 127.5).round().byte())


def sheet(samples: Tensor, train: Tensor) -> Tensor:
    """Left the samples, right the training image nearest to each; of points, the training points."""
    if samples.ndim == 2:
        limit = 1.3 * train.abs().max().item()
        return torch.cat([grid(samples, limit), grid(train[: len(samples)], limit)], dim=2)
    _, rows = nearest(samples, train)
    return torch.cat([grid(samples), grid(train[rows])], dim=2)


def table(result: Mapping[str, Any]) -> str:
    """A line per metric: each checkpoint, then the floor."""
    columns = {f"{k} ({v['g_steps']} steps)": v for k, v in result["checkpoints"].items()}
    columns["real train images"] = result["floor"]
    protocol = f"n = {result['protocol']['n_fake']}, seed {result['protocol']['seed']}"
    head = f"  {protocol:24}" + "".join(f"{name:>22}" for name in columns)
    names = list(result["floor"])
    return "\n".join([head, *(f"  {m:24}" + "".join(f"{c[m]:>22.4f}" for c in columns.values()) for m in names)])
