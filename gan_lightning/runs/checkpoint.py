"""Reading checkpoints, without executing anything in them, and putting their weights into a game."""

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan_lightning.io.archives import check_archive, check_tensors, opened
from gan_lightning.io.plain import first_line, printable

WANTED = {"state_dict", "config", "shape", "counters"}  # keys that a checkpoint of this project has at least
UNREADABLE = (RuntimeError, EOFError, OSError, pickle.UnpicklingError, ValueError, TypeError, LookupError,
              AttributeError, AssertionError, ArithmeticError, MemoryError)  # fmt: skip


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The tensors and plain values of a checkpoint, its checksums verified; nothing in it is executed.

    Raises:
        ValueError: the file is truncated, damaged or no checkpoint of this project.
    """
    try:
        with opened(path) as file:
            check_archive(file)
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            checkpoint = torch.load(file, map_location="cpu", weights_only=True)
            check_tensors(checkpoint, size)
    except UNREADABLE as error:
        first = first_line(error)
        if isinstance(error, pickle.UnpicklingError):  # PyTorch's text ends with how to read it unsafely
            first = "its pickle is none of a checkpoint"
        others = " or ".join(p.name for p in others_of(path))
        raise ValueError(
            f"the checkpoint {path} cannot be read: it is truncated, damaged or not a checkpoint ({first}). "
            + (f"Use {others} beside it, or train again." if others else "Use another one, or train again.")
        ) from error
    if not isinstance(checkpoint, dict) or not WANTED <= checkpoint.keys():
        raise ValueError(f"{path} is not a checkpoint of gan_lightning: one of {', '.join(sorted(WANTED))} is missing.")
    if fault := odd_values(checkpoint):
        raise ValueError(f"{path} is not a checkpoint of gan_lightning: {fault}. Use another one, or train again.")
    return checkpoint


def odd_values(checkpoint: dict[str, Any]) -> str | None:
    """What is wrong with the form of a checkpoint's weights, shape or counters, in words; None if nothing is."""
    weights, shape, counters = (checkpoint[name] for name in ("state_dict", "shape", "counters"))
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()):
        return "state_dict holds something else than tensors"
    if odd := [name for name in weights if type(name) is not str]:
        return f"state_dict has a name of kind {type(odd[0]).__name__}, not a word"
    counts = isinstance(shape, list | tuple) and all(is_count(side) and side > 0 for side in shape)
    if not counts or len(shape) not in (1, 3):
        return f"shape must be one or three whole numbers above 0, got {str(shape)[:80]}"
    if not isinstance(counters, dict) or not is_count(counters.get("g_steps_done")):
        return f"counters must be whole numbers, got {str(counters)[:80]}"
    return None


def class_counts(checkpoint: dict[str, Any]) -> Tensor:
    """How many samples each class has, as a G that takes labels or a D that names classes keeps it; else empty."""
    weights = checkpoint["state_dict"]
    counts: Tensor = weights.get("G.class_counts", weights.get("D.class_counts", torch.zeros(0, dtype=torch.int64)))
    return counts


def is_count(value: Any) -> bool:
    """Is it a whole number from 0 up to 2^48?"""
    return type(value) is int and 0 <= value < 2**48


def others_of(path: Path) -> list[Path]:
    """The other checkpoints beside ``path``, the newest first."""
    found = [p for p in path.parent.glob("*.ckpt") if p.name != path.name]
    return sorted(found, key=lambda p: p.stat().st_mtime_ns, reverse=True)


def whole_checkpoint(run: Path) -> Path:
    """last.ckpt of a run; if it is damaged, the newest of the others that is not, and a warning on stderr.

    Raises:
        ValueError: all of them are damaged.
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
            print(printable(f"warning: {faults[0]}\ngoing on from {path}"), file=sys.stderr)
        return path
    raise ValueError(
        f"no checkpoint in {last.parent} is whole: {faults[0]} The command that began it stands in record.json."
    )


def load_weights(gan: nn.Module, checkpoint: dict[str, Any], path: Path, config: Path) -> None:
    """Put the weights of ``checkpoint``, read from ``path``, into the game that was built from the file ``config``.

    Raises:
        ValueError: they do not fit it.
    """
    try:
        gan.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        first = "; ".join(line.strip() for line in str(error).splitlines()[1:4])
        raise ValueError(misfit(path, config, first)) from error


def misfit(path: Path, config: Path, why: str) -> str:
    """The sentence for weights that do not fit the network of a configuration."""
    return (
        f"the checkpoint {path} does not fit the network of its run ({config}): {why}. "
        "It belongs to another run: take it back there, or give the checkpoint of this one."
    )
