"""One HTML file of a run: numbers, curves, samples over time, a walk between z, a blind test, the configuration.

It opens from disk without a network. Text from the run's files stays text: Jinja2 escapes all that it is given.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from omegaconf import DictConfig, OmegaConf

from gan_lightning.config.build import build_source
from gan_lightning.config.checks import leaves
from gan_lightning.config.compose import compose
from gan_lightning.data.arrays import Source
from gan_lightning.io.bar import Bar
from gan_lightning.io.files import write_text
from gan_lightning.io.plain import read_json
from gan_lightning.io.written import Written
from gan_lightning.report.blind_test import blind_test
from gan_lightning.report.page_curves import curves_page
from gan_lightning.report.page_pictures import as_data, explorer, frames, read_png, samples
from gan_lightning.runs.directory import find, status_of
from gan_lightning.runs.load import check_picture, load, readable_root
from gan_lightning.runs.measurements import Measurements, read_measurements

log = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
# keys that say where and how a run computed, not what it played
ASIDE = ("trainer.", "callbacks.", "logger.", "hydra.", "data.root", "resume", "objective", "trust")
DISTANCE = "frechet_distance"


def write_run_page(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.report`` does.

    Raises:
        ValueError: as ``runs.load.load`` does; ``out`` cannot be written.
    """
    run, checkpoint = find(cfg.run)
    written = Written()
    out = Path(cfg.out) if cfg.out else run / "report.html"
    with Bar(f"drawing the page of {run}"):
        page = run_page(run, checkpoint, cfg.seed, cfg.frames, cfg.trust)
    try:
        write_text(written.add(out), page)
    except OSError as error:
        raise ValueError(
            f"out={out} cannot be written: {error.strerror or error}. Name another file with out=<file>."
        ) from error
    log.info("wrote %s", written)


def run_page(run: Path, checkpoint: Path, seed: int, most_frames: int, trust: str | None) -> str:
    """The HTML of ``run``: ``templates/run.html`` with its files, and samples of G's average, else of G."""
    live = load(checkpoint, trust=trust)
    G = load(checkpoint, live.others[0], trust) if live.others else live
    check_picture(G)
    measured = read_measurements(run / "metrics.json")
    status = status_of(run)
    record: dict[str, Any] = {}
    with suppress(ValueError):
        record = read_json(run / "record.json")
    source = data_of(G.config)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("run.html").render(
        name=run.resolve().name,
        generator="the average of G" if live.others else "G",
        g_steps=G.g_steps,
        verdict=verdict(status, measured, run),
        status=status,
        tables=tables(measured),
        curves=curves_page(run),
        frames=frames(run, most_frames),
        samples=samples(G, seed),
        explorer=explorer(G, seed),
        blind=blind_test(G, source, seed),
        data=G.config.data,
        nearest=nearest_pictures(run, measured),
        changed=changed(G.config),
        config=OmegaConf.to_yaml(G.config),
        record=record,
        versions=record["versions"] if isinstance(record.get("versions"), dict) else {},
    )


def data_of(config: DictConfig) -> Source | None:
    """The dataset of a run, where it lies on this machine whole; nothing is downloaded."""
    node = config.data.copy()
    if "root" in node:
        node.root = readable_root(config.data)
    source = build_source(node)
    return source if source.is_complete() else None


def verdict(status: Mapping[str, Any], measured: Measurements | None, run: Path) -> list[str]:
    """Sentences: how the run ended, and how far its samples are from real data."""
    seconds = status.get("seconds")
    took = f" in {seconds / 60:,.1f} minutes" if isinstance(seconds, int | float) else ""
    said = [f"The run is {status['status']}: {status['g_steps']:,} steps of G{took}."]
    found = distances_of_last(measured)
    if not found:
        return [*said, f"Its Frechet distance has not been measured. Type: python -m gan_lightning.evaluate run={run}"]
    what, value, floor, n = min(found, key=lambda entry: entry[1])
    said.append(
        f"The Frechet distance of its {what} to real test data is {value:.3g}, {value / floor:.1f} times the "
        f"{floor:.3g} that as many real training images reach ({n:,} samples)."
    )
    return said


def distances_of_last(measured: Measurements | None) -> list[tuple[str, float, float, int]]:
    """(what, Frechet distance, floor, number of samples) of the last checkpoint's generators, as they were measured."""
    found = []
    for column in measured["measured"] if measured else []:
        for key, checkpoint in measured["checkpoints"].items() if measured else ():
            value = column["values"].get(checkpoint["weights"], {}).get(DISTANCE)
            floor = column["floor"].get(DISTANCE)
            if value is not None and floor and key.startswith("last"):
                found.append((checkpoint["what"], float(value), float(floor), int(column["protocol"]["n_fake"])))
    return found


def tables(measured: Measurements | None) -> list[dict[str, Any]]:
    """A table for each protocol in metrics.json: ``about``, ``head``, and ``rows`` of a name and a cell a column."""
    found: dict[str, dict[str, Any]] = {}
    for column in measured["measured"] if measured else []:
        protocol = column["protocol"]
        about = f"{protocol['dataset']}, {protocol['split']} images, n = {protocol['n_fake']}, seed {protocol['seed']}"
        names = once(measured)
        table = found.setdefault(about, {"about": about, "head": [*names.values(), "real"], "rows": []})
        for key, floor in column["floor"].items():
            values = [column["values"].get(weights, {}).get(key) for weights in names]
            if any(value is not None for value in values):
                cells = ["-" if value is None else f"{value:.4g}" for value in [*values, floor]]
                table["rows"].append((key, cells))
    return list(found.values())


def once(measured: Measurements | None) -> dict[str, str]:
    """Weights -> what they are: a checkpoint with the weights of one before it is left out."""
    found: dict[str, str] = {}
    for checkpoint in measured["checkpoints"].values() if measured else ():
        found.setdefault(checkpoint["weights"], checkpoint["what"])
    return found


def nearest_pictures(run: Path, measured: Measurements | None) -> list[dict[str, str]]:
    """The sheets that evaluate drew of the last checkpoint: samples beside the training images nearest to them."""
    found = []
    for key, checkpoint in (measured["checkpoints"] if measured else {}).items():
        path = run / f"evaluation-{key}.png"
        if key.startswith("last") and "/" not in key and path.is_file():
            with suppress(ValueError):
                found.append({"what": checkpoint["what"], "src": as_data(read_png(path))})
    return found


def changed(config: DictConfig) -> list[tuple[str, Any, Any]]:
    """(key, value of the run, today's default) of each that differs; "-" where one of them has no such key."""
    here = dict(leaves(OmegaConf.to_container(config)))
    default = dict(leaves(OmegaConf.to_container(compose("train"), resolve=False)))
    keys = sorted(key for key in here.keys() | default.keys() if not key.startswith(ASIDE))
    rows = [(key, here.get(key, "-"), default.get(key, "-")) for key in keys]
    return [row for row in rows if row[1] != row[2] and not str(row[2]).startswith("${")]
