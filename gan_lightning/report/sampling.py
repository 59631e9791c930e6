"""N samples of a run as a PNG grid and a .npz."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, ListConfig
from torch import Tensor

from gan_lightning.config.checks import check_memory
from gan_lightning.core.pixels import to_pixels
from gan_lightning.core.sampler import columns_for
from gan_lightning.io.bar import Bar
from gan_lightning.io.files import whole
from gan_lightning.io.written import Written
from gan_lightning.report.pictures import framed, grid, save_picture
from gan_lightning.report.real import real_samples
from gan_lightning.report.rejection import calibrated, kept_samples, training_data
from gan_lightning.runs.directory import find
from gan_lightning.runs.exported import WEIGHTS
from gan_lightning.runs.load import LoadedGenerator, check_finite, check_picture, load

log = logging.getLogger(__name__)

GRID = 400  # pictures in the grid at most; the .npz has all

LAYOUT = {"images": "uint8 N x C x H x W", "points": "float32 N x d", "labels": "int64 N"}


def sample(
    run: str | Path,
    n: int = 64,
    seed: int = 0,
    out: str | Path | None = None,
    generator: str = "G",
    trust: str | None = None,
    written: Written | None = None,
    label: int | Sequence[int] | None = None,
    reject: float | None = None,
    truncation: float = 1.0,
) -> tuple[Path, Path]:
    """Draw ``n`` samples from a generator of ``run`` and write them as a grid and as numbers.

    The files are named by checkpoint (unless it is the last), generator (unless it is G), ``n`` and ``seed``; in a
    folder ``out`` of your own, by the run too.

    Args:
        run: a run directory, a checkpoint, ``latest``, or an exported generator, such as ``zoo:mnist``.
        n: number of samples; the grid shows the first GRID images.
        seed: of their z.
        out: folder for the files; None: ``samples/`` of the run.
        generator: ``G``, or the name of an average of it, such as ``ema``.
        trust: dotted name of your own package, whose classes the run may name.
        written: gets the paths.
        label: of a run with a condition: the class, or several, each as often. None: all, by their frequency; a sheet
            beside the grid then has a row for each.
        reject: keep one of so many samples, those that D prefers (``report/rejection.py``); None: all.
        truncation: factor of z: below 1 samples are more typical and less varied, above 1 the other way round.

    Returns:
        Paths of the PNG grid, and of the .npz with uint8 ``[n, C, H, W]`` under the key ``images``, or with float32
        ``[n, d]`` under ``points``; of a run with a condition also with int64 ``[n]`` under ``labels``.

    Raises:
        ValueError: as ``runs.load.load`` does; too many samples for the memory; a ``label`` that is no class; samples
            that are not finite; ``out`` cannot be written.
    """
    written = written or Written()
    directory, checkpoint = find(run)
    G = load(checkpoint, generator, trust)
    check_picture(G)
    one = G.sample(1, seed)
    each = (2 * one.numel() + G.prior.dim) * one.element_size()  # z, the samples, and the copy that is written
    check_memory(f"n={n} samples", n * each, f"Draw them in parts with other seeds: n={GRID} seed=1, seed=2, ...")
    y = G.labels(n, seed, label)
    with Bar(f"drawing {n} samples"):
        images, y = drawn_samples(G, n, seed, y, label, reject, truncation)
    check_finite(images, checkpoint)
    folder = Path(out) if out else directory / "samples"
    parts = [directory.resolve().name] if out else []
    parts += [checkpoint.stem] if checkpoint.name not in ("last.ckpt", WEIGHTS) else []
    parts += [generator] if generator != "G" and not checkpoint.stem.endswith(f"-{generator}") else []
    parts += [named(label)] if label is not None else []
    parts += [f"reject{reject:g}"] if reject is not None else []
    parts += [f"truncation{truncation:g}"] if truncation != 1 else []
    name = "-".join([*parts, f"n{n}-seed{seed}"])
    labels: dict[str, Any] = {} if y is None else {"labels": y.numpy()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        png, npz = (written.add(folder / f"{name}.{kind}") for kind in ("png", "npz"))
        whose = f"{directory.resolve().name}, {generator} after {G.g_steps:,} steps, z of seed {seed}"
        save_picture(picture_of(G, images, whose), png)
        if G.classes and label is None and images.ndim > 2:
            columns = columns_for(n, G.classes)
            sheet = framed(grid(G.sheet(columns, seed), columns=columns), f"{whose}: a class a row")
            save_picture(sheet, written.add(folder / f"{name}-classes.png"))
        with whole(npz) as file:
            if images.ndim > 2:
                np.savez_compressed(file, images=to_pixels(images).numpy(), **labels)
            else:
                np.savez_compressed(file, points=images.numpy(), **labels)
    except OSError as error:
        raise ValueError(
            f"out={folder} cannot be written: {error.strerror or error} ({error.filename or folder}). "
            "Name another folder with out=<folder>, or make room."
        ) from error
    return png, npz


def picture_of(G: LoadedGenerator, images: Tensor, whose: str) -> Tensor:
    """The first GRID ``images`` in a grid below ``whose``, above a row of real ones; of points a map."""
    if images.ndim == 2:
        return framed(grid(images), f"{len(images):,} samples of {whose}")
    shown = images[:GRID]
    columns = math.ceil(math.sqrt(len(shown)))
    real = real_samples(G, columns)
    row = None if real is None else grid(real, columns=columns)
    return framed(grid(shown, columns=columns), f"{len(shown)} samples of {whose}", row)


def drawn_samples(
    G: LoadedGenerator,
    n: int,
    seed: int,
    y: Tensor | None,
    label: int | Sequence[int] | None,
    reject: float | None,
    truncation: float,
) -> tuple[Tensor, Tensor | None]:
    """``n`` samples and their labels. Raises ValueError where ``reject`` meets several labels, or D cannot be had."""
    if reject is None:
        return G.sample(n, seed, y=y, truncation=truncation), y
    if not isinstance(label, int | None):
        raise ValueError(
            f"reject={reject:g} takes samples of one class or of all, got label={label}. Leave out one of them."
        )
    real, labels = training_data(G)
    return kept_samples(calibrated(G, real, seed, truncation=truncation, labels=labels), n, reject, seed, label)


def named(label: int | Sequence[int]) -> str:
    """Of a file: label7 or label0-1-2; of many classes how many they are."""
    several = [label] if isinstance(label, int) else list(label)
    return f"label{'-'.join(map(str, several))}" if len(several) <= 10 else f"{len(several)}-labels"


def sample_job(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.sample`` does."""
    written = Written()
    label = list(cfg.label) if isinstance(cfg.label, ListConfig) else cfg.label
    _, npz = sample(
        cfg.run, cfg.n, cfg.seed, cfg.out, cfg.generator, cfg.trust, written, label, cfg.reject, cfg.truncation
    )
    with np.load(npz) as file:
        keys = file.files
    log.info("%d samples; in the .npz: %s", cfg.n, "; ".join(f"{key}, {LAYOUT[key]}" for key in keys))
    log.info("wrote %s", written)
