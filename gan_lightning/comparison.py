"""From the runs of a sweep to one table: what differs names the arm, seeds are its repetitions."""

import csv
import json
import logging
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gan_lightning.checks import leaves
from gan_lightning.runs import is_run, status_of, write_json
from gan_lightning.sweeps import directory_of, statuses, typed

log = logging.getLogger(__name__)

# Where and how a run computed, not what: runs that differ in nothing else are one arm.
NOT_THE_GAME = ("seed", "devices", "max_time", "resume", "objective", "trainer", "callbacks.", "logger.",
                "log_every", "sample_every", "evaluate_every", "checkpoint_every", "checkpoint_seconds",
                "data.root")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One run as its directory tells it."""

    path: Path
    status: str
    overrides: Mapping[str, str]
    game: tuple[tuple[str, Any], ...]
    metrics: Mapping[str, Any] | None


def read(path: Path) -> Run:
    config = OmegaConf.to_container(OmegaConf.load(path / "config.yaml"))
    game = tuple(sorted((k, repr(v)) for k, v in leaves(config) if not k.startswith(NOT_THE_GAME)))
    record = json.loads((path / "record.json").read_text()) if (path / "record.json").is_file() else {}
    overrides = dict(o.split("=", 1) for o in record.get("overrides", []) if "=" in o)
    metrics = path / "metrics.json"
    return Run(
        path,
        status_of(path)["status"],
        {k: v for k, v in overrides.items() if not k.startswith(NOT_THE_GAME)},
        game,
        json.loads(metrics.read_text()) if metrics.is_file() else None,
    )


def gather(runs: str) -> tuple[list[Run], dict[str, str], Path]:
    """(runs, jobs of a multirun that never started -> missing, folder that the runs share).

    Raises:
        ValueError: no run is there.
    """
    if any(c in runs for c in "*?["):
        paths = sorted(Path(p) for p in glob(runs, recursive=True) if is_run(Path(p)))  # noqa: PTH207
        missing: dict[str, str] = {}
        folder = paths[0].parent if paths else Path()
    else:
        folder = directory_of(runs)
        states = statuses(folder)
        paths = [folder / name for name in states if is_run(folder / name)]
        missing = {name: status for name, status in states.items() if status == "missing"}
    if not paths:
        raise ValueError(f"runs={runs} holds no run. Give a multirun directory, a glob in quotes, or latest.")
    return [read(path) for path in paths], missing, folder


def arms(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Name -> runs that differ in their seed alone. The name says what differs from the other arms."""
    groups: dict[Any, list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.game].append(run)
    keys = dict.fromkeys(k for run in runs for k in run.overrides)
    differing = [k for k in keys if len({run.overrides.get(k) for run in runs}) > 1]
    named: dict[str, list[Run]] = {}
    for members in groups.values():
        values = members[0].overrides
        name = " ".join(f"{k}={values.get(k, 'default')}" for k in differing) or "all"
        while name in named:  # the same words on the command line, another configuration
            name += " (other defaults)"
        named[name] = members
    return named


def protocols(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs whose numbers may stand in one column: same dataset, split, n, seed and judge."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.metrics is not None:
            groups[json.dumps(run.metrics["protocol"], sort_keys=True)].append(run)
    return groups


def summary(values: Sequence[float]) -> str:
    """mean +- standard deviation (n - 1); the value alone for one seed."""
    if len(set(values)) == 1 and isinstance(values[0], int):
        return str(values[0])
    mean = statistics.fmean(values)
    return f"{mean:.4g}" if len(values) == 1 else f"{mean:.4g} +- {statistics.stdev(values):.2g}"


def rows_of(runs: Sequence[Run], checkpoint: str) -> list[dict[str, str]]:
    """A row per arm for one protocol and one checkpoint, and the floor as the last."""
    rows = []
    for name, members in arms(runs).items():
        measured = [
            r.metrics["checkpoints"][checkpoint]
            for r in members
            if r.metrics and checkpoint in r.metrics["checkpoints"]
        ]
        if measured:
            values = {m: summary([x[m] for x in measured]) for m in measured[0]}
            rows.append({"arm": name, "seeds": str(len(measured)), **values})
    floor = next(r.metrics["floor"] for r in runs if r.metrics)
    rows.append(
        {"arm": "real training images", "seeds": "", "g_steps": "", **{m: f"{v:.4g}" for m, v in floor.items()}}
    )
    return rows


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return "\n".join([*lines, *("| " + " | ".join(row.get(n, "") for n in names) + " |" for row in rows)])


def report(runs: Sequence[Run], missing: Mapping[str, str]) -> str:
    """All tables, one per protocol and checkpoint, then what is not in them and why."""
    parts = []
    for protocol, members in protocols(runs).items():
        p = json.loads(protocol)
        for checkpoint in dict.fromkeys(name for r in members if r.metrics for name in r.metrics["checkpoints"]):
            kind, _, average = checkpoint.partition("-")
            chosen = "last checkpoint" if kind == "last" else "checkpoint chosen on validation images"
            chosen += f", G's average {average}" if average else ""
            parts.append(
                f"### {p['dataset']}, {chosen}\n\n{p['n_fake']} samples against {p['n_real']} {p['split']} images, "
                f"sample seed {p['seed']}, judge {p['judge_sha256'][:12]}; mean +- standard deviation (n - 1) over "
                f"training seeds.\n\n{markdown(rows_of(members, checkpoint))}"
            )
    left = {run.path.name: run.status for run in runs if run.status != "done"} | dict(missing)
    left |= {run.path.name: "done, not evaluated" for run in runs if run.status == "done" and run.metrics is None}
    if left:
        parts.append("### Not in the tables, or not to the end\n\n" + "\n".join(f"- {n}: {s}" for n, s in left.items()))
    return "\n\n".join(parts) + "\n"


def write_csv(runs: Sequence[Run], path: Path) -> None:
    """One row per evaluated checkpoint, numbers and protocol together."""
    rows = []
    for name, members in arms(runs).items():
        for run in members:
            for checkpoint, values in (run.metrics or {"checkpoints": {}})["checkpoints"].items():
                seed = OmegaConf.load(run.path / "config.yaml").seed
                rows.append({"arm": name, "run": run.path.name, "train_seed": seed, "status": run.status,
                             "checkpoint": checkpoint, **values, **(run.metrics or {})["protocol"]})  # fmt: skip
    if rows:
        names = list(dict.fromkeys(k for row in rows for k in row))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)


def write_origins(runs: Sequence[Run], folder: Path, out: Path) -> None:
    """Where the numbers come from: each run's configuration, and runs.json with command, commit, machine and time."""
    (out / "configs").mkdir(exist_ok=True)
    origins = {}
    for run in runs:
        (out / "configs" / f"{run.path.name}.yaml").write_text((run.path / "config.yaml").read_text())
        record = run.path / "record.json"
        origins[run.path.name] = {
            **{k: v for k, v in status_of(run.path).items() if k not in ("host", "pid", "ended")},
            **(json.loads(record.read_text()) if record.is_file() else {}),
        }
    sweep = typed(folder)[0] if (folder / "multirun.yaml").is_file() else []
    write_json(out / "runs.json", {"sweep": sweep, "runs": origins})
