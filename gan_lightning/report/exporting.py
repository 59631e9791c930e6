"""What ``python -m gan_lightning.export`` does: weights with their card, or a program; measured, then written."""

import hashlib
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from gan_lightning.config.build import build_source
from gan_lightning.io.bar import Bar
from gan_lightning.io.files import whole, write_json, write_text
from gan_lightning.io.tensors import PRECISIONS, packed, to_bytes, unpacked
from gan_lightning.io.written import Written
from gan_lightning.report.card import page_of
from gan_lightning.report.knowing import known_of
from gan_lightning.report.measuring import check_same_shape
from gan_lightning.report.observed import as_pixels
from gan_lightning.report.programs import as_onnx, as_torch, what_goes_in
from gan_lightning.report.yardstick import Yardstick, build_metrics
from gan_lightning.runs.directory import find
from gan_lightning.runs.exported import CARD, CONFIG, CRITIC, PAGE, PREFIX, WEIGHTS, ZOO, is_export
from gan_lightning.runs.load import LoadedGenerator, check_finite, load, readable_root
from gan_lightning.runs.measurements import weights_of

log = logging.getLogger(__name__)

DISTANCE = "frechet_distance"


def export_job(cfg: DictConfig) -> None:
    """Write the generator of ``cfg.run`` to ``cfg.to``, in the format ``cfg.format``.

    Raises:
        ValueError: ``to`` is taken by something else, or cannot be written; as ``load`` and ``evaluate`` do.
    """
    to = Path(str(cfg.to))
    check_target(to, cfg.format)
    G, generator = chosen_generator(cfg)
    written = Written()
    with Bar("exporting") as bar:
        try:
            if cfg.format == "safetensors":
                words = write_folder(cfg, G, generator, to, bar, written)
            else:
                words = write_program(cfg, G, generator, to, written)
        except OSError as error:
            raise ValueError(
                f"to={to} cannot be written: {error.strerror or error} ({error.filename or to}). Name another place "
                "with to=<path>, or make room."
            ) from error
    log.info("%s", words)
    log.info("wrote %s", written)


def check_target(to: Path, kind: str) -> None:
    """Raises ValueError where ``to`` holds something else than an earlier export, or is a folder in place of a file."""
    if kind == "safetensors":
        if to.exists() and not is_export(to) and not (to.is_dir() and not any(to.iterdir())):
            raise ValueError(f"to={to} must be a new folder, or that of an earlier export, and holds something else. "
                             "Name another one.")  # fmt: skip
    elif to.is_dir():
        raise ValueError(f"to={to} must be a file for format={kind}, and is a folder. Write to={to}/generator.{kind}")


def chosen_generator(cfg: DictConfig) -> tuple[LoadedGenerator, str]:
    """The generator that is exported, and its name: ``cfg.generator``, or the run's first average, or G."""
    _, checkpoint = find(cfg.run)
    name = cfg.generator or "G"
    G = load(checkpoint, name, cfg.trust)
    if cfg.generator is None and G.others:
        name = G.others[0]
        G = load(checkpoint, name, cfg.trust)
    check_finite(G.sample(2), G.path)
    return G, name


def write_program(cfg: DictConfig, G: LoadedGenerator, generator: str, to: Path, written: Written) -> str:
    about = {"made by": "gan_lightning", "generator": generator, "g_steps": str(G.g_steps), **what_goes_in(G)}
    content, worst = as_onnx(G, about) if cfg.format == "onnx" else as_torch(G, about)
    to.parent.mkdir(parents=True, exist_ok=True)
    with whole(written.add(to)) as file:
        file.write(content)
    return f"{generator} as {cfg.format}: its samples are G's within {worst:.1e}"


def write_folder(cfg: DictConfig, G: LoadedGenerator, generator: str, to: Path, bar: Bar, written: Written) -> str:
    """Write the files of an export into ``to`` when all are whole and read back. Returns what was measured."""
    kept, measured = choose_store(cfg, G, bar)
    config = public_config(G)
    precision = measured["store"]
    about = {"generator": generator, "g_steps": G.g_steps, **what_goes_in(G)}
    files = {WEIGHTS: to_bytes(kept, about), CONFIG: config.encode()}
    if G.D is not None:
        files[CRITIC] = to_bytes(packed(G.D.state_dict(), precision), {"discriminator of": generator})
    card = {
        "name": to.resolve().name,
        "generator": generator,
        "g_steps": G.g_steps,
        "shape": G.shape,
        "precision": precision,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "measured": {key: value for key, value in measured.items() if key != "store"},
    }
    part = to.with_name(to.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        for name, content in files.items():
            with whole(part / name) as file:
                file.write(content)
        run = f"{PREFIX}{card['name']}" if to.resolve().parent == ZOO.resolve() else "<this folder>"
        sizes = {name: len(content) for name, content in files.items()}
        write_text(part / PAGE, page_of(card, G, sizes, run))
        write_json(part / CARD, card)
        check_reads(part, kept)
        to.mkdir(exist_ok=True)
        for name in (*files, PAGE, CARD):  # the card last: a reader compares the others with it
            (part / name).replace(written.add(to / name))
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return f"{generator} as {precision}, {len(files[WEIGHTS]):,} bytes" + said(measured)


def check_reads(folder: Path, kept: Mapping[str, torch.Tensor]) -> None:
    """Raises ValueError unless the folder is read as what was meant."""
    back, meant = load(folder).G.state_dict(), unpacked(kept)
    if not all(torch.equal(back[name], value.to(back[name])) for name, value in meant.items()):
        raise ValueError(f"{folder} does not read as it was written. Try again.")


def public_config(G: LoadedGenerator) -> str:
    """The run's configuration without folders of this machine."""
    config: Any = OmegaConf.to_container(G.config)
    if config.get("init") and not config["init"].startswith(PREFIX):
        config["init"] = Path(config["init"]).name
    if "root" in config["data"]:
        config["data"]["root"] = "data"
    return OmegaConf.to_yaml(config)


def choose_store(cfg: DictConfig, G: LoadedGenerator, bar: Bar) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors as they are kept, and what was measured of them, with ``store``, the kind of numbers."""
    whole_state = {name: value.clone() for name, value in G.G.state_dict().items()}
    if not cfg.measure:
        store = "float32" if cfg.store == "auto" else cfg.store
        return packed(whole_state, store), {"store": store}
    yardstick = yardstick_for(cfg, G)
    known = known_of(G, yardstick.n, cfg.seed)
    metrics = yardstick.suited(known, G.path)

    def values(kept: Mapping[str, torch.Tensor], doing: str) -> dict[str, float]:
        G.G.load_state_dict(unpacked(kept))
        samples = as_pixels(G.sample(yardstick.n, cfg.seed, y=known.labels))
        check_finite(samples, G.path)
        found = yardstick.measure(samples, known=known, metrics=metrics, doing=doing, bar=bar)
        return {key: value for group in found.values() for key, value in group.items()}

    found = {"float32": values(packed(whole_state, "float32"), "float32")}
    store = cfg.store
    for store in PRECISIONS if cfg.store == "auto" else (cfg.store,):
        if store not in found:
            found[store] = values(packed(whole_state, store), store)
        if found[store][DISTANCE] <= (1 + cfg.tolerance) * found["float32"][DISTANCE]:
            break
    kept = packed(whole_state, store)
    G.G.load_state_dict(unpacked(kept))
    bar.set_postfix_str("real images")
    floors = {key: value for group in yardstick.floors_of(metrics).values() for key, value in group.items()}
    protocol = {**yardstick.protocol, "seed": cfg.seed}
    distances = {name: numbers[DISTANCE] for name, numbers in found.items()}
    return kept, {"store": store, "weights": weights_of(G.G), "protocol": protocol, "values": found[store],
                  "floor": floors, DISTANCE: distances}  # fmt: skip


def yardstick_for(cfg: DictConfig, G: LoadedGenerator) -> Yardstick:
    """The real side of the measurement. Raises ValueError where there is none, with the way to export without it."""
    data = G.config.data
    if "root" in data:
        data.root = cfg.root or readable_root(data)
    try:
        source = build_source(data)
        check_same_shape(G, source)
        metrics = build_metrics(cfg.metrics)
        if DISTANCE not in [metric.name for metric in metrics]:
            raise ValueError(f"metrics must have {DISTANCE}, by which store is chosen, got {cfg.metrics}.")
        return Yardstick(source, metrics, cfg.n)
    except ValueError as error:
        raise ValueError(f"{error} Without a measurement: measure=false") from error


def said(measured: Mapping[str, Any]) -> str:
    if DISTANCE not in measured:
        return "; nothing was measured"
    each = ", ".join(f"{name} {value:.4f}" for name, value in measured[DISTANCE].items())
    return f"; Frechet distance {each}, real images {measured['floor'][DISTANCE]:.4f}"
