"""From the runs of a sweep to one table: what differs names the arm, seeds are its repetitions."""

import csv
import io
import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_lightning.checks import leaves
from gan_lightning.columns import headings, settings, summary
from gan_lightning.files import write_json, write_text
from gan_lightning.measurements import Measurements, alike, read_measurements
from gan_lightning.plain import read_json, read_text
from gan_lightning.runs import is_glob, is_run, matching, of_several, status_of
from gan_lightning.sweeps import directory_of, statuses, typed
from gan_lightning.tables import csv_cell, line, markdown_cell
from gan_lightning.trust import plain_config

log = logging.getLogger(__name__)

# Where and how a run computed, not what: runs that differ in nothing else are one arm. The number of processes is not
# among them: BatchNorm, dropout and the views see each process's share of a batch.
NOT_THE_GAME = ("seed", "max_time", "resume", "objective", "trainer", "callbacks.", "logger.", "trust",
                "log_every", "sample_every", "evaluate_every", "checkpoint_", "data.root")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One run as its directory tells it."""

    path: Path
    status: str
    overrides: Mapping[str, str]
    game: tuple[tuple[str, Any], ...]
    metrics: Measurements | None

    def is_measured(self, checkpoint: str, what: str) -> bool:
        return self.metrics is not None and self.metrics["checkpoints"].get(checkpoint, {}).get("what") == what

    def numbers(self, column: Mapping[str, Any], checkpoint: str) -> Mapping[str, float]:
        """What this run has measured in the way of ``column`` of the checkpoint of that name; empty if nothing."""
        if self.metrics is None or checkpoint not in self.metrics["checkpoints"]:
            return {}
        weights = self.metrics["checkpoints"][checkpoint]["weights"]
        found: Mapping[str, float] = next((c["values"] for c in self.metrics["measured"] if alike(c, column)), {}).get(
            weights, {}
        )
        return found


def read(path: Path) -> Run:
    """What a run's files say, as data. Raises ValueError that names the file which cannot be read."""
    config = plain_config(path / "config.yaml")
    game = tuple(sorted((k, repr(v)) for k, v in game_of(config).items()))
    record = read_json(path / "record.json") if (path / "record.json").is_file() else {}
    typed = record.get("overrides", [])
    if not isinstance(typed, list) or not all(isinstance(o, str) for o in typed):
        raise ValueError(f"{path / 'record.json'} has no list of overrides. Restore it.")
    overrides = dict(o.split("=", 1) for o in typed if "=" in o)
    read_json(path / "status.json")
    return Run(
        path,
        line(status_of(path).get("status")),
        {k: v for k, v in overrides.items() if not k.startswith(NOT_THE_GAME)},
        game,
        read_measurements(path / "metrics.json"),
    )


def read_all(paths: Sequence[Path]) -> tuple[list[Run], dict[str, str]]:
    """The runs whose files can be read, and name -> what is wrong with those of the others."""
    runs, odd = [], {}
    for path in paths:
        try:
            runs.append(read(path))
        except ValueError as error:
            odd[path.name] = f"cannot be read: {error}"
    return runs, odd


def game_of(config: Any) -> dict[str, Any]:
    """What makes a run's game the one it is; the seed of a part that follows the run's own is no difference."""
    found = dict(leaves(config))
    seed = found.get("seed")
    return {
        key: "the run's" if key.endswith(".seed") and value == seed else value
        for key, value in found.items()
        if not key.startswith(NOT_THE_GAME)
    }


def gather(runs: str) -> tuple[list[Run], dict[str, str], Path]:
    """(runs, jobs of a multirun that never started -> missing, folder that the runs share).

    Raises:
        ValueError: no run is there.
    """
    if is_glob(runs):
        paths = matching(runs)
        missing: dict[str, str] = {}
        folder = paths[0].parent if paths else Path()
    else:
        folder = directory_of(runs)
        try:
            states = statuses(folder)
        except ValueError as error:  # what there is can be compared all the same
            log.warning("%s", error)
            states = {path.name: "there" for path in sorted(folder.glob("*")) if is_run(path)}
        paths = [folder / name for name in states if is_run(folder / name)]
        missing = {name: status for name, status in states.items() if status == "missing"}
    if not paths:
        raise ValueError(
            f"runs={runs} holds no run. Give a multirun directory, a glob in quotes, or latest.{of_several(runs)}"
        )
    found, odd = read_all(paths)
    return found, missing | odd, folder


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
    """Protocol (dataset, split, how many, seed, judge) as text -> the runs that have numbers of it, in no other."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        measured = run.metrics["measured"] if run.metrics else []
        for protocol in dict.fromkeys(json.dumps(c["protocol"], sort_keys=True) for c in measured):
            groups[protocol].append(run)
    return groups


def columns_of(runs: Sequence[Run], protocol: str) -> list[dict[str, Any]]:
    """Each way in which something was measured under ``protocol``, once: its numbers may stand in one column."""
    found: list[dict[str, Any]] = []
    for run in runs:
        for column in run.metrics["measured"] if run.metrics else []:
            if json.dumps(column["protocol"], sort_keys=True) != protocol:
                continue
            same = next((other for other in found if alike(column, other)), None)
            if same is None:
                found.append(dict(column))
            else:  # an earlier file may lack some of the numbers
                same["floor"] = {**column["floor"], **same["floor"]}
    return found


def rows_of(arms: Mapping[str, Sequence[Run]], checkpoint: str, protocol: str) -> list[dict[str, str]]:
    """A row per arm for one protocol and one checkpoint, and the floor as the last; "-" where an arm has no number."""
    runs = [run for members in arms.values() for run in members]
    columns = [c for c in columns_of(runs, protocol) if any(r.numbers(c, checkpoint) for r in runs)]
    rows = []
    for name, members in arms.items():
        measured = [r for r in members if any(r.numbers(c, checkpoint) for c in columns)]
        if not measured:
            continue
        steps = [r.metrics["checkpoints"][checkpoint]["g_steps"] for r in measured if r.metrics]
        row = {"arm": name, "seeds": str(len(measured)), "g_steps": summary(steps)}
        for heading, column, key in headings(columns):
            found = [r.numbers(column, checkpoint) for r in measured]
            row[heading] = summary([f[key] for f in found if key in f], len(measured))
        rows.append(row)
    floor = {heading: f"{column['floor'][key]:.4g}" for heading, column, key in headings(columns)}
    return [*rows, {"arm": "real training images", "seeds": "", "g_steps": "", **floor}]


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    names = list(rows[0])
    lines = ["| " + " | ".join(map(markdown_cell, names)) + " |", "|" + "---|" * len(names)]
    cells = [[markdown_cell(row.get(n, "")) for n in names] for row in rows]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in cells)])


def checkpoints(runs: Sequence[Run], protocol: str) -> list[tuple[str, str]]:
    """(name, what it is) of every checkpoint that has numbers under ``protocol``."""
    columns = columns_of(runs, protocol)
    return list(
        dict.fromkeys(
            (name, of["what"])
            for run in runs
            for name, of in (run.metrics["checkpoints"] if run.metrics else {}).items()
            if any(run.numbers(column, name) for column in columns)
        )
    )


def report(runs: Sequence[Run], missing: Mapping[str, str]) -> str:
    """All tables, one per protocol and checkpoint, then what is not in them and why."""
    parts = []
    named = arms(runs)
    for protocol, members in protocols(runs).items():
        p = {key: markdown_cell(value) for key, value in json.loads(protocol).items()}
        for checkpoint, what in checkpoints(members, protocol):
            same = [r for r in members if r.is_measured(checkpoint, what)]
            told = dict.fromkeys(settings(c) for c in columns_of(same, protocol) if c.get("parameters") != {})
            table = rows_of({n: [r for r in arm if r in same] for n, arm in named.items()}, checkpoint, protocol)
            rows = f", {p['rows']}" if p.get("rows", "all") != "all" else ""
            parts.append(
                f"### {p['dataset']}, {markdown_cell(what)}\n\n"
                f"{p['n_fake']} samples against {p['n_real']} {p['split']} images{rows}, sample seed {p['seed']}, "
                f"judge {p['judge_sha256'][:12]}; mean +- standard deviation (n - 1) over training seeds."
                f"{''.join(f' {markdown_cell(t)}.' for t in told)}\n\n{markdown(table)}"
            )
    left = {run.path.name: run.status for run in runs if run.status != "done"} | dict(missing)
    left |= {run.path.name: "done, not evaluated" for run in runs if run.status == "done" and run.metrics is None}
    if left:
        parts.append(
            "### Not in the tables, or not to the end\n\n"
            + "\n".join(f"- {markdown_cell(n)}: {markdown_cell(s)}" for n, s in left.items())
        )
    return "\n\n".join(parts) + "\n"


def write_csv(runs: Sequence[Run], path: Path) -> None:
    """One row per evaluated checkpoint and protocol: the numbers, the protocol, and the settings of the metrics."""
    rows: list[dict[str, Any]] = []
    for name, members in arms(runs).items():
        for run in members:
            seed = plain_config(run.path / "config.yaml").get("seed")
            for protocol in protocols([run]):
                for checkpoint, what in checkpoints([run], protocol):
                    steps = run.metrics["checkpoints"][checkpoint]["g_steps"] if run.metrics else None
                    row = {"arm": name, "run": run.path.name, "train_seed": seed, "status": run.status,
                           "checkpoint": checkpoint, "what": what, "g_steps": steps}  # fmt: skip
                    named = headings(columns_of(runs, protocol))
                    values = {h: run.numbers(column, checkpoint).get(key) for h, column, key in named}
                    own = {h: v for h, v in values.items() if v is not None}
                    told = dict.fromkeys(settings(c) for h, c, _ in named if h in own and c.get("parameters") != {})
                    rows.append({**row, **own, **json.loads(protocol), "settings": "; ".join(told)})
    if rows:
        names = list(dict.fromkeys(k for row in rows for k in row))
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(map(csv_cell, names))
        writer.writerows([csv_cell(row.get(name, "-")) for name in names] for row in rows)
        write_text(path, text.getvalue())


def write_origins(runs: Sequence[Run], folder: Path, out: Path) -> None:
    """Where the numbers come from: each run's configuration, and runs.json with command, commit, machine and time."""
    (out / "configs").mkdir(exist_ok=True)
    origins = {}
    for run in runs:
        write_text(out / "configs" / f"{run.path.name}.yaml", read_text(run.path / "config.yaml"))
        record = run.path / "record.json"
        origins[run.path.name] = {
            **{k: v for k, v in status_of(run.path).items() if k not in ("host", "pid", "ended")},
            **(read_json(record) if record.is_file() else {}),
        }
    try:
        sweep = typed(folder)[0] if (folder / "multirun.yaml").is_file() else []
    except ValueError:  # told when the runs were gathered
        sweep = []
    write_json(out / "runs.json", {"sweep": sweep, "runs": origins})
