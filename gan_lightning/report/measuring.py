"""Evaluation of a run: every metric against the test set, of its last and its best checkpoint and of real data."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from gan_lightning.config.build import build_source
from gan_lightning.data.arrays import Source
from gan_lightning.io.bar import Bar
from gan_lightning.io.files import write_json
from gan_lightning.io.written import Written
from gan_lightning.metrics.memorisation import nearest
from gan_lightning.report import classifying
from gan_lightning.report.board import FOLDER, show_test_numbers
from gan_lightning.report.knowing import known_of
from gan_lightning.report.observed import as_pixels
from gan_lightning.report.pictures import framed, grid, save_picture
from gan_lightning.report.yardstick import Yardstick, build_metrics
from gan_lightning.runs.directory import find, is_glob, matching, several_hint
from gan_lightning.runs.load import LoadedGenerator, check_finite, load, readable_root
from gan_lightning.runs.measurements import merge, read_measurements, weights_of

log = logging.getLogger(__name__)

LAST, BEST = "last checkpoint", "checkpoint chosen on validation images"  # "what" in metrics.json


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
    """(run directory, name -> generator to be measured).

    Of a run directory: each generator in last.ckpt (``last``, ``last-ema``), and from each best checkpoint the
    generator that was best there (``best``, ``best-ema``). Of a checkpoint file: each generator in it.
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


def called(found: Mapping[str, Candidate], generator: str | None, run: str) -> dict[str, Candidate]:
    """Those of ``found`` whose generator is called so; all where that is None. Raises ValueError: there is none."""
    of = {name: candidate for name, candidate in found.items() if generator in (None, candidate.generator)}
    if not of:
        known = ", ".join(dict.fromkeys(candidate.generator for candidate in found.values()))
        raise ValueError(
            f"generator must be one that {run} has ({known}), got {generator}. Write generator=null for all of them."
        )
    return of


def evaluate_runs(cfg: DictConfig) -> dict[Path, dict[str, Any]]:
    """What ``python -m gan_lightning.evaluate`` does: measure the runs that ``cfg.run`` names.

    Each run directory gets a metrics.json and a picture per generator.

    Returns:
        Run directory -> what was measured now, in the form of ``runs/measurements.py``.
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
            directory, everything = candidates(run, cfg.trust)
            found = called(everything, cfg.generator, run)
            data = next(iter(found.values())).G.config.data
            if cfg.root is not None:
                if "root" not in data:
                    raise ValueError(f"root={cfg.root} is of no use to data={data_name(data)}, which reads no files. "
                                     "Leave it out.")  # fmt: skip
                data.root = cfg.root
            elif "root" in data:
                data.root = readable_root(data)
            source = build_source(data)
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
    """Raises ValueError unless a sample of G has the shape of its run's data."""
    if list(source.shape) != G.shape:
        raise ValueError(
            f"the checkpoint {G.path} is of shape {G.shape}, and the data of its run, {source.name}, of "
            f"{list(source.shape)}: they do not belong together. Give the checkpoint of this run."
        )


def data_name(data: DictConfig) -> str:
    source = build_source(data)
    return source.name


def evaluate_run(
    directory: Path,
    found: Mapping[str, Candidate],
    yardstick: Yardstick,
    seed: int,
    bar: Bar,
    written: Written,
) -> dict[str, Any]:
    """Measure the generators of one run, each set of weights once; write metrics.json and a picture for each name.

    Raises:
        ValueError: metrics.json is damaged; a metric needs labels, and G takes none; samples are not finite.
    """
    kept = read_measurements(directory / "metrics.json")  # raises before the long work
    directory.mkdir(parents=True, exist_ok=True)  # of a generator of the zoo nothing was written yet
    everything = {name: known_of(candidate.G, yardstick.n, seed) for name, candidate in found.items()}
    suited = {name: yardstick.suited(known, found[name].G.path) for name, known in everything.items()}
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
            continue  # two checkpoints with the same weights
        bar.set_postfix_str(f"{directory}, samples of {name}")
        samples = G.sample(yardstick.n, seed, y=everything[name].labels)
        check_finite(samples, G.path)
        drawn[weights] = as_pixels(samples)
        doing = f"{directory}, {name}"
        measured[weights] = yardstick.measure(
            drawn[weights], known=everything[name], metrics=suited[name], doing=doing, bar=bar
        )
    bar.set_postfix_str(f"{directory}, real images")
    protocol = {**yardstick.protocol, "seed": seed}
    metrics = next(iter(suited.values()))  # the generators of a run all take labels, or none does
    floors = yardstick.floors_of(metrics)
    columns = [
        {
            **yardstick.settings(metric),
            "protocol": protocol,
            "floor": floors[metric.name],
            "values": {weights: values[metric.name] for weights, values in measured.items()},
        }
        for metric in metrics
    ]
    last = {names[name]["weights"]: c.G for name, c in found.items() if c.what != BEST and c.generator == "G"}
    columns += classifying.errors(last, yardstick, protocol)
    now = {"checkpoints": names, "measured": columns}
    bar.set_postfix_str(f"{directory}, pictures")
    sheets: dict[str, Tensor] = {}
    for name in names:
        weights = names[name]["weights"]
        if weights not in sheets:
            sheets[weights] = sheet(drawn[weights], yardstick.train)
        words = f"{directory.resolve().name}, {names[name]['what']}, {names[name]['g_steps']:,} G steps, seed {seed}. "
        beside = "as many training points" if drawn[weights].ndim == 2 else "the training image nearest to each"
        picture = framed(sheets[weights], f"{words}Left: samples. Right: {beside}.")
        save_picture(picture, written.add(directory / f"evaluation-{name}.png"))
    write_json(written.add(directory / "metrics.json"), merge(kept, now))
    with written.watch(directory / FOLDER):
        show_test_numbers(directory, now)
    log.info("%s\n%s", directory, checkpoint_table(now))
    return now


def sheet(samples: Tensor, train: Tensor, n: int = 36) -> Tensor:
    """A picture ``[C, H, W]`` in [0, 1]: left the first ``n`` samples, right the training image nearest to each.

    For points: left all samples, right as many training points.
    """
    if samples.ndim == 2:
        limit = 1.3 * train.abs().max().item()
        return torch.cat([grid(samples, limit), grid(train[: len(samples)], limit)], dim=2)
    _, rows = nearest(samples[:n], train)
    return torch.cat([grid(samples[:n]), grid(train[rows])], dim=2)


def checkpoint_table(result: Mapping[str, Any]) -> str:
    """The numbers that were measured now as text: a line per number, a column per checkpoint, the floor as the last."""
    names: Mapping[str, Any] = result["checkpoints"]
    columns: Sequence[Mapping[str, Any]] = result["measured"]
    protocol = columns[0]["protocol"] if columns else {"n_fake": 0, "seed": None}
    heads = [f"{name} ({of['g_steps']} steps)" for name, of in names.items()] + ["real train images"]
    lines = [f"  {'n = {n_fake}, seed {seed}'.format(**protocol):24}" + "".join(f"{head:>22}" for head in heads)]
    for column in columns:
        for key, floor in column["floor"].items():
            values = [column["values"].get(of["weights"], {}).get(key) for of in names.values()] + [floor]
            cells = ["-" if value is None else f"{value:.4f}" for value in values]
            lines.append(f"  {key:24}" + "".join(f"{cell:>22}" for cell in cells))
    return "\n".join(lines)
