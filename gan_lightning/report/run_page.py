"""One HTML file of a run: numbers, curves, samples over time, a walk between z, a blind test, the configuration.

It opens from disk without a network. Text from the run's files stays text: Jinja2 escapes all that it is given.
"""

import logging
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gan_lightning.config.build import build_source
from gan_lightning.config.checks import leaves
from gan_lightning.config.compose import compose
from gan_lightning.data.arrays import Source
from gan_lightning.io.bar import Bar
from gan_lightning.io.plain import read_json
from gan_lightning.report.blind_test import blind_test
from gan_lightning.report.page import NAME, check_replaceable, render, save_page
from gan_lightning.report.page_curves import curves_page, time_line
from gan_lightning.report.page_pictures import as_data, explorer, frames, read_png, samples
from gan_lightning.report.page_tables import tables
from gan_lightning.report.verdicts import alarms_in, health, how_it_ended, what_it_reached
from gan_lightning.runs.directory import find, is_run, status_of
from gan_lightning.runs.load import LoadedGenerator, check_picture, load, readable_root
from gan_lightning.runs.measurements import Measurements, read_measurements

log = logging.getLogger(__name__)

NEAREST = 2**19  # bytes of all sheets of nearest training images
# keys that say where and how a run computed, not what it played
ASIDE = ("trainer.", "callbacks.", "logger.", "hydra.", "data.root", "resume", "objective", "trust", "report")


def write_run_page(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.report run=...`` does.

    Raises:
        ValueError: as ``runs.load.load`` does; ``out`` cannot be written, or holds something else than a page.
    """
    began = time.perf_counter()
    run, checkpoint = find(cfg.run)
    out = check_replaceable(Path(cfg.out) if cfg.out else run / NAME)
    with Bar(f"drawing the page of {run}"):
        G = load(checkpoint, None, cfg.trust)
        page = run_page(run, G, cfg.seed, cfg.frames, run if is_run(run) else Path(cfg.run))
    if not cfg.out:
        run.mkdir(parents=True, exist_ok=True)  # a generator of the zoo may have no folder yet
    log.info("wrote %s", save_page(page, out, began))


def run_page(run: Path, G: LoadedGenerator, seed: int, most_frames: int, shown: Path | None = None) -> str:
    """The HTML of ``run``: ``templates/run.html`` with its files, and samples of ``G``, which is its average if any.

    Args:
        seed: of what is drawn.
        most_frames: pictures of training on the slider.
        shown: the run's directory in the commands that the page names; None: ``run``.
    """
    check_picture(G)
    measured = read_measurements(run / "metrics.json")
    status = status_of(run)
    alarms, fault = alarms_in(run)
    state, healthy = health(run, alarms, fault, G.g_steps)
    record: dict[str, Any] = {}
    with suppress(ValueError):
        record = read_json(run / "record.json")
    source = data_of(G.config)
    return render(
        "run.html",
        name=run.resolve().name,
        generator="the average of G" if "G" in G.others else "G",
        g_steps=G.g_steps,
        ended=how_it_ended(status, shown or run, G.g_steps),
        reached=what_it_reached(status, measured, shown or run),
        state=state,
        healthy=healthy,
        alarms=alarms,
        time_line=time_line(alarms, G.g_steps),
        tables=tables(measured),
        curves=curves_page(run, alarms),
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


def nearest_pictures(run: Path, measured: Measurements | None) -> list[dict[str, str]]:
    """The sheets that evaluate drew of the last checkpoint: samples beside the training images nearest to them, as far
    as they are at most NEAREST bytes together."""
    found, left = [], NEAREST
    for key, checkpoint in (measured["checkpoints"] if measured else {}).items():
        path = run / f"evaluation-{key}.png"
        if key.startswith("last") and "/" not in key and path.is_file():
            with suppress(ValueError):
                png = read_png(path)
                left -= len(png)
                if left >= 0:
                    found.append({"what": checkpoint["what"], "src": as_data(png)})
    return found


def changed(config: DictConfig) -> list[tuple[str, Any, Any]]:
    """(key, value of the run, today's default) of each that differs; "-" where one of them has no such key.

    Where the default is another key's value, such as ``optimizer.d.lr`` that of ``optimizer.lr``, it is held against
    the run's own. What the default offers of other datasets is left out.
    """
    here = dict(leaves(OmegaConf.to_container(config)))
    default = dict(leaves(OmegaConf.to_container(compose("train"), resolve=False)))
    rows = list[tuple[str, Any, Any]]()
    for key in sorted(key for key in here.keys() | default.keys() if not key.startswith(ASIDE)):
        other = taken_from(default, key)
        if other is not None:
            expected, shown = here.get(other), f"as {other}"
        else:
            expected = shown = default.get(key, "-")
        listed = any(own.startswith(f"{key}.") for own in here)  # its items are keys of their own
        unsaid = key not in here and (shown is None or listed or key.startswith("data."))
        if here.get(key, "-") != expected and not unsaid and other != key:
            rows.append((key, here.get(key, "-"), shown))
    return rows


def taken_from(default: dict[str, Any], key: str) -> str | None:
    """The key whose value ``key`` has by default: its own where it is made in another way, None for a value."""
    names = key.split(".")
    for n in range(len(names), 0, -1):
        value = str(default.get(".".join(names[:n]), ""))
        if value.startswith("${"):
            plain = re.fullmatch(r"\$\{(\w[\w.]*)\}", value)
            return ".".join([plain[1], *names[n:]]) if plain else key
    return None
