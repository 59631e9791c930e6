"""Tables of a sweep: a row per arm, which is named by what differs between arms, over its seeds as repetitions."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gan_lightning.io.files import write_json, write_text
from gan_lightning.io.plain import read_json, read_text
from gan_lightning.io.tables import csv_cell, markdown_cell, markdown_table
from gan_lightning.report.arms import Run, arms, protocols
from gan_lightning.report.columns import headings, settings, summary
from gan_lightning.runs.directory import status_of
from gan_lightning.runs.measurements import measured_alike
from gan_lightning.runs.sweep import recorded_words
from gan_lightning.runs.trust import plain_config

NOT_EVALUATED = "done, not evaluated"  # why a run is in no table


def columns_of(runs: Sequence[Run], protocol: str) -> list[dict[str, Any]]:
    """One column for each way in which something was measured under ``protocol`` (``measured_alike``)."""
    found: list[dict[str, Any]] = []
    for run in runs:
        for column in run.by_protocol.get(protocol, ()):
            same = next((other for other in found if measured_alike(column, other)), None)
            if same is None:
                found.append(dict(column))
            else:  # a file of an older version may lack some of the numbers
                same["floor"] = {**column["floor"], **same["floor"]}
    return found


def rows_of(arms: Mapping[str, Sequence[Run]], checkpoint: str, protocol: str) -> list[dict[str, str]]:
    """A row per arm for one protocol and one checkpoint: heading -> cell, "-" where the arm has no number.

    The last row is the floor: the same numbers of real training images.
    """
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
    """``rows`` as a Markdown table with the keys of the first as its head; all text is escaped."""
    names = list(rows[0])
    cells = [[markdown_cell(row.get(n, "")) for n in names] for row in rows]
    return markdown_table([*map(markdown_cell, names)], cells)


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


@dataclass(frozen=True)
class MeasuredTable:
    """One protocol and checkpoint: ``title``, what it is ``about`` in words, ``rows`` as ``rows_of`` gives them."""

    title: str
    about: str
    rows: list[dict[str, str]]


def measured_tables(runs: Sequence[Run]) -> list[MeasuredTable]:
    """One per protocol and checkpoint; the text is not escaped."""
    found = []
    named = arms(runs)
    for protocol, members in protocols(runs).items():
        p = json.loads(protocol)
        for checkpoint, what in checkpoints(members, protocol):
            same = [r for r in members if r.is_measured(checkpoint, what)]
            how = dict.fromkeys(settings(c) for c in columns_of(same, protocol) if c.get("parameters") != {})
            table = rows_of({n: [r for r in arm if r in same] for n, arm in named.items()}, checkpoint, protocol)
            rows = f", {p['rows']}" if p.get("rows", "all") != "all" else ""
            about = (
                f"{p['n_fake']} samples against {p['n_real']} {p['split']} images{rows}, sample seed {p['seed']}, "
                f"judge {str(p['judge_sha256'])[:12]}; mean +- standard deviation (n - 1) over training seeds."
                f"{''.join(f' {each}.' for each in how)}"
            )
            found.append(MeasuredTable(f"{p['dataset']}, {what}", about, table))
    return found


def left_out(runs: Sequence[Run], missing: Mapping[str, str]) -> dict[str, str]:
    """Name -> why, of the runs that are in no table, or were not played to the end."""
    left = {run.path.name: run.status for run in runs if run.status != "done"} | dict(missing)
    return left | {run.path.name: NOT_EVALUATED for run in runs if run.status == "done" and run.metrics is None}


def all_tables(runs: Sequence[Run], missing: Mapping[str, str]) -> str:
    """All tables as Markdown, one per protocol and checkpoint, and a list of runs that are missing in them and why."""
    parts = [
        f"### {markdown_cell(table.title)}\n\n{markdown_cell(table.about)}\n\n{markdown(table.rows)}"
        for table in measured_tables(runs)
    ]
    if left := left_out(runs, missing):
        parts.append(
            "### Not in the tables, or not to the end\n\n"
            + "\n".join(f"- {markdown_cell(n)}: {markdown_cell(s)}" for n, s in left.items())
        )
    return "\n\n".join(parts) + "\n"


def write_csv(runs: Sequence[Run], path: Path) -> None:
    """A row per run, evaluated checkpoint and protocol: numbers, protocol, settings of the metrics. No file if none."""
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
                    how = dict.fromkeys(settings(c) for h, c, _ in named if h in own and c.get("parameters") != {})
                    rows.append({**row, **own, **json.loads(protocol), "settings": "; ".join(how)})
    if rows:
        names = list(dict.fromkeys(k for row in rows for k in row))
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(map(csv_cell, names))
        writer.writerows([csv_cell(row.get(name, "-")) for name in names] for row in rows)
        write_text(path, text.getvalue())


def publishable(path: Path) -> str:
    """The text of a run's config.yaml, with "data" for its ``data.root``, a folder of the machine that played it."""
    config = plain_config(path)
    if not (isinstance(config.get("data"), dict) and "root" in config["data"]):
        return read_text(path)
    config["data"]["root"] = "data"
    return OmegaConf.to_yaml(config)


def write_origins(runs: Sequence[Run], folder: Path, out: Path) -> None:
    """Write ``publishable`` configurations of the runs and runs.json (command, commit, machine, time) into ``out``."""
    (out / "configs").mkdir(exist_ok=True)
    origins = {}
    for run in runs:
        write_text(out / "configs" / f"{run.path.name}.yaml", publishable(run.path / "config.yaml"))
        record = run.path / "record.json"
        origins[run.path.name] = {
            **{k: v for k, v in status_of(run.path).items() if k not in ("host", "pid", "ended")},
            **(read_json(record) if record.is_file() else {}),
        }
    try:
        sweep = recorded_words(folder)[0] if (folder / "multirun.yaml").is_file() else []
    except ValueError:  # `gather` has warned of it
        sweep = []
    write_json(out / "runs.json", {"sweep": sweep, "runs": origins})
