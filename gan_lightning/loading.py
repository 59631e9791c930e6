"""A generator out of a run: read without executing anything that the files bring along."""

import pickle
import re
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor, nn
from yaml import YAMLError

from gan_lightning.cli import CONF
from gan_lightning.interfaces import Prior
from gan_lightning.rng import Stream
from gan_lightning.runs import find

WANTED = {"state_dict", "config", "shape", "counters"}  # of a checkpoint


def known_targets() -> set[str]:
    """Every ``_target_`` of the installed conf/: the only ones that a configuration from a file may name."""
    pattern = re.compile(r"_target_:\s*([\w.]+)")
    files = [p for p in CONF.rglob("*.yaml") if p.parent.name != "study"]  # a study writes files: no part of a run
    return {t for p in files for t in pattern.findall(p.read_text())}


def check_targets(node: Any, known: set[str], origin: Path) -> None:
    """Refuse, before anything is imported, a configuration that would call what conf/ does not name.

    Raises:
        ValueError: names the target.
    """
    if isinstance(node, dict):
        target = node.get("_target_")
        if target is not None and str(target) not in known:
            raise ValueError(
                f"{origin} names _target_: {target}, which is not among those of the installed conf/. "
                "A configuration from a file may only build what this project ships."
            )
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        check_targets(child, known, origin)


def check_sums(path: Path) -> None:
    """Verify the sums (CRC-32) that a checkpoint's zip archive carries.

    torch.load does not look at them: without this, a flipped bit would be a weight like any other.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            part = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, zlib.error) as error:
        raise ValueError(str(error)) from error
    if part:
        raise ValueError(f"the checksum of {part} is wrong")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The tensors and plain values of a checkpoint, its checksums verified; nothing in it is executed.

    Raises:
        ValueError: the file is truncated, damaged or no checkpoint of this project.
    """
    try:
        check_sums(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        others = " or ".join(p.name for p in others_of(path))
        raise ValueError(
            f"the checkpoint {path} cannot be read: it is truncated, damaged or not a checkpoint ({first}). "
            + (f"Use {others} beside it, or train again." if others else "Use another one, or train again.")
        ) from error
    if not isinstance(checkpoint, dict) or not WANTED <= checkpoint.keys():
        raise ValueError(f"{path} is not a checkpoint of gan_lightning: one of {', '.join(sorted(WANTED))} is missing.")
    return checkpoint


def others_of(path: Path) -> list[Path]:
    """The other checkpoints beside ``path``, the newest first."""
    found = [p for p in path.parent.glob("*.ckpt") if p.name != path.name]
    return sorted(found, key=lambda p: p.stat().st_mtime_ns, reverse=True)


def whole_checkpoint(run: Path) -> Path:
    """last.ckpt of a run; if that is damaged, the newest of its checkpoints that is whole, and stderr says so.

    Raises:
        ValueError: none of them is whole.
    """
    last = run / "checkpoints" / "last.ckpt"
    faults = []
    for path in [last, *others_of(last)]:
        try:
            read_checkpoint(path)
        except ValueError as error:
            faults.append(str(error))
            continue
        if faults:
            print(f"warning: {faults[0]}\ngoing on from {path}", file=sys.stderr)
        return path
    raise ValueError(
        f"no checkpoint in {last.parent} is whole: {faults[0]} The command that began it stands in record.json."
    )


def load_weights(gan: nn.Module, checkpoint: dict[str, Any], path: Path, config: Path) -> None:
    """Put the checkpoint's weights into the game of ``config``.

    Raises:
        ValueError: they do not fit it.
    """
    try:
        gan.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        first = "; ".join(line.strip() for line in str(error).splitlines()[1:4])
        raise ValueError(
            f"the checkpoint {path} does not fit the network of its run ({config}): {first}. "
            "It belongs to another run: take it back there, or give the checkpoint of this one."
        ) from error


class LoadedGenerator(nn.Module):
    """G of a finished run, in eval mode, frozen: ``G(z)`` -> images ``[N, C, H, W]`` or points ``[N, d]``."""

    def __init__(self, G: nn.Module, prior: Prior, config: DictConfig, run: Path, g_steps: int) -> None:
        super().__init__()
        self.G, self.prior = G.eval().requires_grad_(False), prior
        self.config, self.run, self.g_steps = config, run, g_steps
        self.others: list[str] = []  # names of the run's other generators

    def forward(self, z: Tensor) -> Tensor:
        return self.G(z)

    def z(self, n: int, seed: int = 0) -> Tensor:
        """``[n, dim]`` noise from the run's prior, a function of ``n`` and ``seed``."""
        return self.prior(n, Stream(seed, name="sample"))

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0, batch_size: int = 500) -> Tensor:
        """``[n, C, H, W]`` images in [-1, 1], or points ``[n, d]``."""
        device = next(self.G.parameters()).device
        return torch.cat([self.G(z.to(device)) for z in self.z(n, seed).split(batch_size)])


def load(run: str | Path = "latest", generator: str = "G") -> LoadedGenerator:
    """The generator of a run, built from the run's own configuration.

    Args:
        run: a run directory, a checkpoint, or ``latest``.
        generator: ``G``, or the name of a technique that keeps an average of it, such as ``ema``.

    Raises:
        ValueError: no such run, no such generator, a damaged checkpoint, or one that does not fit the run's network.
    """
    from gan_lightning.build import build_gan

    directory, path = find(run)
    checkpoint = read_checkpoint(path)
    own = directory / "config.yaml"
    origin = own if own.is_file() else path
    try:
        cfg = OmegaConf.load(own) if own.is_file() else OmegaConf.create(checkpoint["config"])
        if not isinstance(cfg, DictConfig):
            raise TypeError("a list where names and values should be")
        check_targets(OmegaConf.to_container(cfg), known_targets(), origin)
        with torch.random.fork_rng(devices=[]):
            gan = build_gan(cfg, tuple(checkpoint["shape"]))
    except (OmegaConfBaseException, YAMLError, UnicodeError, TypeError, AttributeError, RecursionError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{origin} is not the configuration of a run: {first}. Each checkpoint carries its own: move config.yaml "
            "away and name the checkpoint, run=<its file>."
        ) from error
    load_weights(gan, checkpoint, path, own)
    if generator not in gan.generators:
        raise ValueError(
            f"generator={generator} is not in {path}, which has {' and '.join(gan.generators)}. Choose one of them; "
            "an average is kept by training with technique=[ema]."
        )
    loaded = LoadedGenerator(
        gan.generators[generator], gan.prior, cfg, directory, checkpoint["counters"]["g_steps_done"]
    )
    loaded.others = [name for name in gan.generators if name != generator]
    return loaded
