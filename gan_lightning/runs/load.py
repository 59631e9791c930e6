"""Loading the generator of a run, without executing anything in its files."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from gan_lightning.config.build import build_gan, build_source
from gan_lightning.core.classes import ClassDiscriminator
from gan_lightning.core.labels import ConditionalGenerator, of_classes
from gan_lightning.core.play import Discriminator, Prior
from gan_lightning.core.prior import narrowed
from gan_lightning.core.rng import Stream
from gan_lightning.core.sampler import in_batches, of_each_class
from gan_lightning.game.module import GAN
from gan_lightning.io.plain import check_links, read_yaml
from gan_lightning.runs.checkpoint import class_counts, others_of, read_checkpoint
from gan_lightning.runs.directory import find, is_run
from gan_lightning.runs.exported import CONFIG, SUFFIX
from gan_lightning.runs.fit import ALONE, build_to_fit
from gan_lightning.runs.trust import checked
from gan_lightning.runs.unpacking import read_exported

# Patterns of what sample and evaluate write or read beside a checkpoint that is not in a run directory.
WRITTEN = ["samples", "samples/*", "checkpoints", "config.yaml", "metrics.json*", "evaluation-*"]


class LoadedGenerator(nn.Module):
    """G of a finished run, in eval mode, frozen: ``G(z)`` -> images ``[N, C, H, W]`` or points ``[N, d]``."""

    def __init__(self, G: nn.Module, prior: Prior, config: DictConfig, run: Path, g_steps: int) -> None:
        super().__init__()
        self.G, self.prior = G.eval().requires_grad_(False), prior
        self.config, self.run, self.g_steps = config, run, g_steps
        self.D: Discriminator | None = None  # frozen; None where it sees labels or several samples beside one
        self.others: list[str] = []  # names of the run's other generators
        self.classifiers: Mapping[str, ClassDiscriminator] = {}  # "D" and its averages, where D names classes
        self.path, self.shape = run, list[int]()  # path of the checkpoint; shape of a sample
        self.classes = G.classes if isinstance(G, ConditionalGenerator) else 0  # 0: it takes no labels

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Samples of ``z``; labels ``y`` ``[N]`` are for a G that takes them."""
        samples: Tensor = self.G(z) if y is None else self.G(z, y)
        return samples

    def z(self, n: int, seed: int = 0, truncation: float = 1.0) -> Tensor:
        """``[n, dim]`` noise from the run's prior, a function of ``n`` and ``seed``, times ``truncation``.

        What chooses among kinds of samples stays as it is: the code of a categorical prior, and the first value where
        it says which subclass or which training sample.
        """
        z = self.prior(n, Stream(seed, name="sample"))
        if truncation == 1:
            return z
        factored = narrowed(self.prior, z, truncation)
        if isinstance(self.G, ConditionalGenerator) and self.G.chooses:
            factored[:, :1] = z[:, :1]
        return factored

    @torch.no_grad()
    def sample(
        self,
        n: int,
        seed: int = 0,
        batch_size: int = 500,
        y: Tensor | None = None,
        label: int | Sequence[int] | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        """``[n, C, H, W]`` images in [-1, 1], or points ``[n, d]``, on G's device; the same for the same arguments.

        Args:
            n: number of samples.
            seed: of their z, and of labels that are drawn.
            batch_size: samples that G makes at a time.
            y: labels ``[n]``, for a G that takes them; without them it gets ``labels(n, seed, label)``.
            label: a class, or several.
            truncation: factor of z: below 1 samples are more typical and less varied, above 1 the other way round.
        """
        device = next(self.G.parameters()).device
        if y is None:
            y = self.labels(n, seed, label)
        return in_batches(
            self.G, self.z(n, seed, truncation).to(device), None if y is None else y.to(device), batch_size
        )

    def labels(self, n: int, seed: int = 0, label: int | Sequence[int] | None = None) -> Tensor | None:
        """``[n]`` labels for a G that takes them, None for another.

        Those of one class, of several in equal blocks, or, where ``label`` is None, drawn by the frequency of the
        classes in the training data, as a function of ``n`` and ``seed``.

        Raises:
            ValueError: ``label`` names no class of the run, or G takes no labels.
        """
        if not isinstance(self.G, ConditionalGenerator):
            if label is None:
                return None
            raise ValueError(
                f"label={label} needs a G that takes labels, and that of {self.path} takes none. Leave label out, or "
                "train with condition=projection."
            )
        if label is None:
            return self.G.labels(n, seed)
        return of_classes(label, n, self.classes)

    @torch.no_grad()
    def sheet(self, columns: int, seed: int = 0) -> Tensor:
        """``columns`` samples of each class, a class after the other, from the same z in each."""
        device = next(self.G.parameters()).device
        z, y = of_each_class(self.z(columns, seed), self.classes)
        return in_batches(self.G, z.to(device), y.to(device))


def check_picture(G: LoadedGenerator) -> None:
    """Raises ValueError unless samples of G can be shown: points, or images with 1 or 3 channels."""
    if len(G.shape) == 3 and G.shape[0] not in (1, 3):
        raise ValueError(
            f"{G.path} makes images of {G.shape[0]} channels, and a picture has 1 or 3. Draw from it in Python: "
            "gan_lightning.load(run).sample(n)."
        )


def check_finite(samples: Tensor, path: Path) -> None:
    """Raises ValueError where ``samples`` of the checkpoint ``path`` have a nan or an infinity."""
    if not samples.isfinite().all():
        others = " or ".join(p.name for p in others_of(path))
        raise ValueError(
            f"the samples of {path} are not finite: G has diverged. "
            + (f"Use {others} beside it, or train again." if others else "Train again.")
        )


def run_config(directory: Path, checkpoint: dict[str, Any], path: Path, trust: str | None = None) -> DictConfig:
    """What may be built (``trust.checked``) of a run's config.yaml, or where it has none, of its checkpoint's copy."""
    own = directory / "config.yaml"
    if not (own.exists() or own.is_symlink()):
        return checked(checkpoint["config"], path, trust)
    try:
        config = read_yaml(own)
    except ValueError as error:
        raise ValueError(f"{own} is not the configuration of a run: {error} {ALONE}") from error
    return checked(config, own, trust)


def readable_root(data: DictConfig) -> str:
    """The folder from which the data of a run are read: the run's own ``data.root``, if the dataset is complete there.

    Otherwise this machine's (``GAN_DATA``, else ``data``): nothing is downloaded into a folder that a file names.
    """
    source = build_source(data)
    if source.is_complete():
        return str(data.root)
    return os.environ.get("GAN_DATA", "data")


def located(run: str | Path, key: str = "run") -> tuple[Path, Path]:
    """As ``directory.find``; no link in the directory leads out of it."""
    directory, path = find(run, key)
    check_links(directory, ["**/*"] if is_run(directory) else WRITTEN)
    return directory, path


def load(run: str | Path = "latest", generator: str | None = "G", trust: str | None = None) -> LoadedGenerator:
    """The generator of a run, built from the run's own configuration.

    Args:
        run: a run directory, a checkpoint, ``latest``, a generator of the zoo (``zoo:mnist``), or an export's folder.
        generator: ``G``, or the name of a technique that keeps an average of it, such as ``ema``; None: the first
            average that there is, else G.
        trust: dotted name of your own package, whose classes the run may name beside those of this project.

    Raises:
        ValueError: no such run, no such generator, a damaged checkpoint, one that does not fit the run's network, or a
            configuration that names what is not trusted.
    """
    directory, path = located(run)
    if path.suffix == SUFFIX:
        return load_exported(directory, path, generator, trust)
    checkpoint = read_checkpoint(path)
    cfg = run_config(directory, checkpoint, path, trust)
    origin = directory / "config.yaml" if (directory / "config.yaml").is_file() else path
    build = partial(build_gan, cfg, tuple(checkpoint["shape"]), class_counts=lambda: class_counts(checkpoint))
    gan = build_to_fit(build, checkpoint, path, origin)
    generator = generator or [*gan.generators][:2][-1]  # G is the first
    if generator not in gan.generators:
        raise ValueError(
            f"generator={generator} is not in {path}, which has {' and '.join(gan.generators)}. Choose one of them; "
            "an average is kept by training with technique=[ema]."
        )
    loaded = loaded_from(gan.generators[generator], gan, cfg, checkpoint, directory, path)
    loaded.classifiers = {name: D.eval().requires_grad_(False) for name, D in gan.classifiers.items()}
    loaded.others = [name for name in gan.generators if name != generator]
    if sees_samples(gan, checkpoint["shape"]):
        loaded.D = gan.D.eval().requires_grad_(False)
    return loaded


def load_exported(directory: Path, path: Path, generator: str | None, trust: str | None) -> LoadedGenerator:
    """The generator whose exported weights are ``path``, as ``load`` gives it."""
    exported = read_exported(path)
    origin = path.with_name(CONFIG)
    cfg = checked(exported["config"], origin, trust)
    has_d = any(name.startswith("D.") for name in exported["state_dict"])
    games: list[GAN] = []

    def build() -> nn.Module:
        gan = build_gan(cfg, tuple(exported["shape"]), class_counts=lambda: class_counts(exported))
        games.append(gan)
        return nn.ModuleDict({"G": gan.G, "D": gan.D} if has_d else {"G": gan.G})

    build_to_fit(build, exported, path, origin)
    if generator not in (None, "G", exported["generator"]):
        raise ValueError(f"generator={generator} is not in {path}, which has one, exported from "
                         f"{exported['generator']}. Leave generator out.")  # fmt: skip
    gan = games[-1]
    loaded = loaded_from(gan.G, gan, cfg, exported, directory, path)
    if has_d and sees_samples(gan, exported["shape"]):
        loaded.D = gan.D.eval().requires_grad_(False)
    return loaded


def loaded_from(
    G: nn.Module, gan: GAN, cfg: DictConfig, checkpoint: dict[str, Any], directory: Path, path: Path
) -> LoadedGenerator:
    loaded = LoadedGenerator(G, gan.prior, cfg, directory, checkpoint["counters"]["g_steps_done"])
    loaded.path, loaded.shape = path, list(checkpoint["shape"])
    return loaded


def sees_samples(gan: GAN, shape: Sequence[int]) -> bool:
    """Does D look at one sample of ``shape`` at a time, as it is?"""
    seen = gan.condition.d_shape() if gan.condition else gan.seats.view_shape(tuple(shape))
    return tuple(shape) == tuple(seen)
