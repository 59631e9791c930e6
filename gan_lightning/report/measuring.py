"""The numbers of a run: every metric on the test set, for the last and the best checkpoint, beside the real data's."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from gan_lightning.config.build import make
from gan_lightning.data.arrays import Source
from gan_lightning.io.bar import Bar
from gan_lightning.io.files import write_json
from gan_lightning.io.written import Written
from gan_lightning.metrics.memorisation import nearest
from gan_lightning.report.pictures import grid, save_picture
from gan_lightning.report.yardstick import Yardstick, as_pixels, build_metrics
from gan_lightning.runs.directory import find, is_glob, matching, several_hint
from gan_lightning.runs.load import LoadedGenerator, check_finite, load, readable_root
from gan_lightning.runs.measurements import merge, read_measurements, weights_of

log = logging.getLogger(__name__)

LAST, BEST = "last checkpoint", "checkpoint chosen on validation images"


def expand(run: str) -> list[str]:
    """The runs that ``run`` names: itself, or the run directories that match it as a glob.

    Raises:
        ValueError: a glob that matches no run.
    """
    if not is_glob(run):
        return [run]
    found = [str(path) for path in matching(run)]
    if not found:
        raise ValueError(
            f"run={run} matches no run directory. Quote the glob, and check it with ls.{several_hint(run)}"
        )
    return found


@dataclass(frozen=True)
class Candidate:
    """One generator of one checkpoint."""

    what: str  # such as "last checkpoint"
    generator: str
    G: LoadedGenerator

    def __post_init__(self) -> None:
        if self.generator != "G":
            object.__setattr__(self, "what", f"{self.what}, G's average {self.generator}")


def candidates(run: str, trust: str | None = None) -> tuple[Path, dict[str, Candidate]]:
    """(run directory, name -> what is to be measured): of a run its last and best, of a checkpoint what it holds.

    An average has its name behind the checkpoint's, such as ``last-ema``; ``best-ema`` is the average in best-ema.ckpt,
    where it was best.
    """
    directory, path = find(run)
    folder = directory / "checkpoints"
    found = {}
    for file in [path] if Path(run).is_file() else [path, *sorted(folder.glob("best*.ckpt"), key=lambda p: p.stem)]:
        own = file.parent == folder
        if own and file.stem.startswith("best"):
            generator = file.stem.removeprefix("best").removeprefix("-") or "G"
            found[file.stem] = Candidate(BEST, generator, load(file, generator, trust))
            continue
        what = LAST if own and file.stem == "last" else f"checkpoint {file.name}"
        G = load(file, trust=trust)
        found[file.stem] = Candidate(what, "G", G)
        found |= {
            f"{file.stem}-{average}": Candidate(what, average, load(file, average, trust)) for average in G.others
        }
    return directory, found


def evaluate_runs(cfg: DictConfig) -> dict[Path, dict[str, Any]]:
    """Measure the runs that ``cfg.run`` names; each gets a metrics.json and sheets.

    Returns, for each run directory, what was measured now, in the form of ``measurements.py``.
    """
    metrics = build_metrics(cfg.metrics)
    yardsticks: dict[str, Yardstick] = {}
    results: dict[Path, dict[str, Any]] = {}
    written = Written()
    runs = expand(str(cfg.run))
    with Bar("evaluating", unit="run") as bar:
        bar.reset(len(runs) if len(runs) > 1 else None)
        for run in runs:
            bar.set_postfix_str(f"{run}, reading it")
            directory, found = candidates(run, cfg.trust)
            data = next(iter(found.values())).G.config.data
            if cfg.root is not None:
                if "root" not in data:
                    raise ValueError(f"root={cfg.root} is of no use to data={data_name(data)}, which reads no files. "
                                     "Leave it out.")  # fmt: skip
                data.root = cfg.root
            elif "root" in data:
                data.root = readable_root(data)
            source = make(data)
            for candidate in found.values():
                check_same_shape(candidate.G, source)
            key = OmegaConf.to_yaml(data)
            if key not in yardsticks:
                yardsticks[key] = Yardstick(source, metrics, cfg.n)
            results[directory] = evaluate_run(directory, found, yardsticks[key], cfg.seed, bar, written)
            bar.update()
    log.info("wrote %s", written)
    return results


def check_same_shape(G: LoadedGenerator, source: Source) -> None:
    """A sample of G has the shape of the data that its run names. Raises ValueError."""
    if list(source.shape) != G.shape:
        raise ValueError(
            f"the checkpoint {G.path} is of shape {G.shape}, and the data of its run, {source.name}, of "
            f"{list(source.shape)}: they do not belong together. Give the checkpoint of this run."
        )


def data_name(data: DictConfig) -> str:
    source: Source = make(data)
    return source.name


def evaluate_run(
    directory: Path,
    found: Mapping[str, Candidate],
    yardstick: Yardstick,
    seed: int,
    bar: Bar,
    written: Written,
) -> dict[str, Any]:
    """Measure the generators of one run, each set of weights once, and write what came out."""
    kept = read_measurements(directory / "metrics.json")  # before the long work, should it be damaged
    measured: dict[str, dict[str, dict[str, float]]] = {}  # weights -> metric -> values
    drawn: dict[str, Tensor] = {}
    names: dict[str, dict[str, Any]] = {}
    for name, candidate in found.items():
        G, weights = candidate.G, weights_of(candidate.G.G)
        names[name] = {
            "what": candidate.what,
            "generator": candidate.generator,
            "g_steps": G.g_steps,
            "weights": weights,
        }
        if weights in measured:
            continue  # another name of the same generator
        bar.set_postfix_str(f"{directory}, samples of {name}")
        samples = G.sample(yardstick.n, seed)
        check_finite(samples, G.path)
        drawn[weights] = as_pixels(samples)
        measured[weights] = yardstick.measure(drawn[weights], doing=f"{directory}, {name}", bar=bar)
    bar.set_postfix_str(f"{directory}, real images")
    protocol = {**yardstick.protocol, "seed": seed}
    columns = [
        {
            **yardstick.settings(metric),
            "protocol": protocol,
            "floor": yardstick.floors[metric.name],
            "values": {weights: values[metric.name] for weights, values in measured.items()},
        }
        for metric in yardstick.metrics
    ]
    now = {"checkpoints": names, "measured": columns}
    bar.set_postfix_str(f"{directory}, pictures")
    sheets: dict[str, Tensor] = {}
    for name in names:
        weights = names[name]["weights"]
        if weights not in sheets:
            sheets[weights] = sheet(drawn[weights], yardstick.train)
        save_picture(sheets[weights], written.add(directory / f"evaluation-{name}.png"))
    write_json(written.add(directory / "metrics.json"), merge(kept, now))
    log.info("%s\n%s", directory, checkpoint_table(now))
    return now


def sheet(samples: Tensor, train: Tensor, n: int = 36) -> Tensor:
    """Left the first ``n`` samples, right the training image nearest to each; of points, all, and training points."""
    if samples.ndim == 2:
        limit = 1.3 * train.abs().max().item()
        return torch.cat([grid(samples, limit), grid(train[: len(samples)], limit)], dim=2)
    _, rows = nearest(samples[:n], train)
    return torch.cat([grid(samples[:n]), grid(train[rows])], dim=2)


def checkpoint_table(result: Mapping[str, Any]) -> str:
    """A line per number that was measured now: each checkpoint, then the floor."""
    names: Mapping[str, Any] = result["checkpoints"]
    columns: Sequence[Mapping[str, Any]] = result["measured"]
    protocol = columns[0]["protocol"] if columns else {"n_fake": 0, "seed": None}
    heads = [f"{name} ({of['g_steps']} steps)" for name, of in names.items()] + ["real train images"]
    lines = [f"  {'n = {n_fake}, seed {seed}'.format(**protocol):24}" + "".join(f"{head:>22}" for head in heads)]
    for column in columns:
        for key, floor in column["floor"].items():
            values = [column["values"][of["weights"]][key] for of in names.values()] + [floor]
            lines.append(f"  {key:24}" + "".join(f"{value:>22.4f}" for value in values))
    return "\n".join(lines)
