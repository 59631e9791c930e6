"""What a GAN reaches per minute: games in processes of their own, their states at given times measured afterwards."""

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gan_lightning.callbacks.marks import NAME, mark_name
from gan_lightning.config.build import build_source
from gan_lightning.config.checks import new_folder
from gan_lightning.config.compose import compose
from gan_lightning.io.files import write_json, write_text
from gan_lightning.io.plain import read_json
from gan_lightning.io.tables import csv_cell
from gan_lightning.io.written import Written
from gan_lightning.report.measuring import Candidate, candidates, evaluate_run
from gan_lightning.report.pictures import framed, grid, save_picture
from gan_lightning.report.yardstick import Yardstick, build_metrics
from gan_lightning.runs.load import LoadedGenerator
from gan_lightning.runs.measurements import read_measurements, weights_of
from gan_lightning.studies.beside import Row, copy_samples, rows_beside
from gan_lightning.studies.entry import Entry
from gan_lightning.studies.flops import flops_of
from gan_lightning.studies.speedrun_page import draw_minutes, speedrun_page

log = logging.getLogger(__name__)

METRIC = "frechet_distance"
SEED = 1  # of the samples' z, as evaluate has it


def yardstick_of(data: str) -> Yardstick:
    """The Frechet distance to all test images of ``data``, and the floor of real training images."""
    node = compose("train", [f"data={data}"]).data
    if "auto" in node:
        raise ValueError(f"study.data must name one dataset for all entries, got {data}. Write study.data=mnist")
    metric = compose("evaluate").metrics[METRIC]
    return Yardstick(build_source(node), build_metrics(OmegaConf.create({METRIC: metric})), None)


def distances(yardstick: Yardstick, kept: Mapping[str, Any] | None) -> dict[str, float]:
    """Weights -> Frechet distance, of what a run's metrics.json has by this ``yardstick``."""
    protocol = {**yardstick.protocol, "seed": SEED}
    columns = kept["measured"] if kept else []
    found = {
        w: v for c in columns if (c["metric"], c["protocol"]) == (METRIC, protocol) for w, v in c["values"].items()
    }
    return {weights: values[METRIC] for weights, values in found.items()}


def rows_of_entry(entry: Entry, yardstick: Yardstick, bar: Any) -> tuple[list[Row], LoadedGenerator]:
    """A row for each mark of a run that was played, and the generator that is judged at the last of them.

    What the run's metrics.json has already is not measured again.
    """
    marks = {m["mark"]: m for m in read_json(entry.run / NAME)["marks"]}
    states: dict[float, list[Candidate]] = {}  # the live G first, its average last
    everything: dict[str, Candidate] = {}
    for mark in entry.marks:
        _, found = candidates(str(entry.run / "checkpoints" / f"{mark_name(mark)}.ckpt"))
        states[mark] = list(found.values())
        everything |= found
    known = distances(yardstick, read_measurements(entry.run / "metrics.json"))
    if not {weights_of(candidate.G.G) for candidate in everything.values()} <= known.keys():
        evaluate_run(entry.run, everything, yardstick, SEED, bar, Written())
        known = distances(yardstick, read_measurements(entry.run / "metrics.json"))
    record = read_json(entry.run / "record.json")
    last = states[entry.marks[-1]][-1].G
    flops = flops_of(last.config, tuple(last.shape), last.classes)
    rows = [
        {
            "game": entry.game,
            "seed": entry.seed,
            "mark_s": mark,
            **{key: marks[mark][key] for key in ("seconds", "g_steps", "images")},
            "gflop": flops * marks[mark]["g_steps"] / 1e9,
            METRIC: known[weights_of(generators[-1].G.G)],
            "judged": generators[-1].generator,
            f"{METRIC}_live": known[weights_of(generators[0].G.G)],
            "floor": yardstick.floors[METRIC][METRIC],
            "run": str(entry.run),
            "checkpoint": generators[0].G.path.name,
            "weights": weights_of(generators[-1].G.G),
            "overrides": " ".join(record["overrides"]),
            **{key: record[key] for key in ("git", "cpu", "cores", "threads", "gpu", "platform")},
            "torch": record["versions"]["torch"],
            "sample_seed": SEED,
            **protocol_of(yardstick),
        }
        for mark, generators in states.items()
    ]
    return rows, last


def protocol_of(yardstick: Yardstick) -> Row:
    """What a row says of the images and the judge that it was measured by."""
    return {key: yardstick.protocol[key] for key in ("dataset", "split", "n_fake", "n_real", "judge_sha256")}


def write_rows(rows: Sequence[Row], out: Path) -> None:
    write_json(out / "rows.json", list(rows))
    if rows:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(rows[0])
        writer.writerows([csv_cell(value) for value in row.values()] for row in rows)
        write_text(out / "rows.csv", text.getvalue())


def entries_of(
    entries: Mapping[str, Sequence[str]],
    games: Sequence[str] | None,
    seeds: Sequence[int],
    marks: Sequence[float],
    **common: Any,
) -> list[Entry]:
    """Each chosen game with each seed, all of which train can play. Raises ValueError."""
    if not (entries and seeds and marks):
        raise ValueError(
            f"a speedrun needs a game, a seed and a mark, got study.entries={list(entries)}, study.seeds={list(seeds)} "
            f"and study.minutes={[mark / 60 for mark in marks]}. For one of each: 'study.games=[recipe]' "
            "'study.seeds=[0]' 'study.minutes=[1.0]'"
        )
    names = list(entries) if games is None else list(games)
    if unknown := [name for name in names if name not in entries]:
        raise ValueError(
            f"study.games must be among study.entries ({', '.join(entries)}), got {unknown[0]}. Enter it: "
            f"'+study.entries.{unknown[0]}=[\"loss=lsgan\"]'"
        )
    found = [Entry(name, tuple(entries[name]), seed, marks=tuple(marks), **common) for name in names for seed in seeds]
    for entry in found:
        if entry.seed == seeds[0]:
            entry.check()
    return found


def run(
    out: Path,
    bar: Any,
    entries: Mapping[str, Sequence[str]],
    minutes: Sequence[float],
    seeds: Sequence[int],
    threads: int,
    data: str,
    runs: str,
    games: Sequence[str] | None = None,
    play: bool = True,
    note: str | None = None,
    beside: Sequence[str] = (),
) -> dict[str, Any]:
    """Writes rows.json, rows.csv, README.md, figure.png and samples-<game>.png.

    What lies in ``runs`` and has been played is not played again.

    Args:
        entries: name of each game -> overrides of train.
        minutes: of training, from the start of the process, after which a game is measured.
        seeds: of each game.
        threads: of PyTorch, for each run; one is played after the other.
        data: the dataset that all train on, and whose test images they are measured against.
        runs: folder of the run directories.
        games: of the entries, those that are played or read now; None: all.
        play: false: nothing is played, what is there is measured.
        note: a sentence for the page: what else the machine did meanwhile; None: nothing.
        beside: folders of pages written before, whose other games stand in the tables and curves as they were measured.
    """
    marks = sorted({round(60 * minute, 3) for minute in minutes})
    found = entries_of(entries, games, seeds, marks, data=data, threads=threads, folder=Path(runs))
    states = {entry: entry.state() for entry in found}
    if running := [entry.run for entry, state in states.items() if state == "running"]:
        raise ValueError(f"{running[0]} is still running. Wait for it, or stop it first.")
    yardstick = yardstick_of(data)  # fetches the data too, so that no run has to
    floor = yardstick.floors[METRIC][METRIC]
    fixed = {"sample_seed": SEED, "threads": threads, **protocol_of(yardstick)}
    rows = rows_beside(beside, [entry.game for entry in found], marks, fixed, floor)
    copy_samples(sorted({row["game"] for row in rows}), beside, out)
    new_folder(runs, "study.runs")
    bar.reset(total=len(found))
    missing: dict[str, str] = {}
    for entry, state in states.items():
        bar.set_postfix_str(f"{entry.game}, seed {entry.seed}")
        why = None if state == "played" else entry.play() if play else state
        if why:
            missing[entry.run.name] = why
            log.warning("%s is not in the table: %s", entry.run, why)
        else:
            measured, G = rows_of_entry(entry, yardstick, bar)
            if entry.game not in {row["game"] for row in rows}:
                words = f"{G.run.name} after {G.g_steps:,} G steps, the last mark; z of seed 0"
                save_picture(framed(grid(G.sample(64, 0)), words), out / f"samples-{entry.game}.png")
            rows += measured
            write_rows(rows, out)  # what is done stays, whatever comes
        bar.update()
    write_rows(rows, out)
    if rows:
        draw_minutes(rows, floor, out / "figure.png")
    settings = {"marks": marks, "seeds": seeds, "threads": threads, "data": data, "note": note}
    settings["n_train"] = len(yardstick.train)
    settings["pictures"] = {path.name for path in out.glob("samples-*.png")}
    text = speedrun_page(rows, missing, {**yardstick.protocol, **settings, "floor": floor, "sample_seed": SEED})
    write_text(out / "README.md", text)
    return {"floor": floor, "not_in_the_table": missing, "rows": rows}
