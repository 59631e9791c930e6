"""Checks that a game can go on from a checkpoint, before any file of the run is changed.

Without them Lightning would fail while it restores the checkpoint, when config.yaml, record.json and status.json have
been written anew, with an error that does not name the file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from packaging.version import InvalidVersion, Version
from torch import Tensor, nn

from gan_lightning.game.counting import COUNTERS
from gan_lightning.game.module import GAN
from gan_lightning.runs.checkpoint import is_count

LOOPS = ("fit_loop", "validate_loop", "test_loop", "predict_loop")
ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError, InvalidVersion)


def check_resumable(checkpoint: Mapping[str, Any], path: Path, gan: GAN, trainer: Trainer) -> None:
    """Check that ``gan`` and ``trainer`` can restore the state in ``checkpoint``, read from ``path``.

    The functions ``odd_...`` return what is wrong with a part of it, in words, or None.

    Raises:
        ValueError: names the file and what is wrong in it.
    """
    try:
        if Version(checkpoint["pytorch-lightning_version"]) < Version("2"):
            raise ValueError("it is of Lightning 1, which this project never used")
        fault = (
            odd_counters(checkpoint)
            or odd_loops(checkpoint["loops"], trainer)
            or odd_optimizers(checkpoint["optimizer_states"], gan)
            or odd_moments(checkpoint["optimizer_states"], gan)
            or odd_callbacks(checkpoint["callbacks"], trainer)
        )
    except ODD as error:
        fault = f"{type(error).__name__}: {error}"
    if fault:
        raise ValueError(
            f"the checkpoint {path} cannot be gone on from: {str(fault)[:300]}. "
            "Use another one beside it, or train again."
        )


def odd_counters(checkpoint: Mapping[str, Any]) -> str | None:
    """The counters, the epoch and the global step must be whole numbers."""
    counters = {name: checkpoint["counters"].get(name) for name in COUNTERS}
    counters |= {name: checkpoint[name] for name in ("epoch", "global_step")}
    odd = [name for name, value in counters.items() if not is_count(value)]
    return f"{odd[0]} must be a whole number, got {counters[odd[0]]!r}" if odd else None


def form(value: Any) -> Any:
    """``value`` with each leaf replaced by the name of its type, to compare the structure of two states."""
    if isinstance(value, dict):
        return {name: form(child) for name, child in value.items()}
    return "a count" if is_count(value) else type(value).__name__


def odd_loops(loops: Mapping[str, Any], trainer: Trainer) -> str | None:
    """The state of Lightning's loops must have the form of a new trainer's."""
    for name in LOOPS:
        if form(loops[name]) != form(getattr(trainer, name).state_dict()):
            return f"loops.{name} has another form than Lightning's"
    return None


def odd_optimizers(states: Any, gan: GAN) -> str | None:
    """Both optimizers, D's first, must have the parameter groups of the game, and moments of all weights or of none.

    Weights that are not trained (``requires_grad`` is False) have none.
    """
    fresh = gan.configure_optimizers()
    if not isinstance(states, list) or len(states) != len(fresh):
        return f"optimizer_states must hold those of D and of G, got {len(states)}"
    for player, state, optimizer in zip("DG", states, fresh, strict=True):
        own = optimizer.state_dict()["param_groups"]  # their options come from the configuration
        if [list(group["params"]) for group in state["param_groups"]] != [group["params"] for group in own]:
            return f"the optimizer of {player} has other groups than the game's"
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        if state["state"] and set(state["state"]) != {i for i, p in enumerate(weights) if p.requires_grad}:
            return f"the optimizer of {player} has moments of other weights than the game's"
        for i, moments in state["state"].items():
            if odd := [name for name, value in moments.items() if not fits(name, value, weights[i])]:
                return f"the optimizer of {player} has {odd[0]} of another shape than its weight"
    return None


def fits(name: Any, value: Any, weight: Tensor) -> bool:
    """Is it a moment of ``weight``, of its shape and dense?

    A fused optimizer writes as many numbers as the weight has to the moment's memory, even beyond its end.
    """
    if not (isinstance(name, str) and isinstance(value, Tensor)):
        return isinstance(name, str) and value is None
    if name == "step":
        return value.shape == ()
    last = value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)
    return value.shape == weight.shape and (value.is_contiguous() or last or value.stride() == weight.stride())


def odd_moments(states: Any, gan: GAN) -> str | None:
    """Each optimizer must take a step with the moments it gets; tried on one parameter of one number."""
    for player, state, maker in zip("DG", states, gan.make_optimizers, strict=True):
        for moments in {repr({k: v is None for k, v in m.items()}): m for m in state["state"].values()}.values():
            number = nn.Parameter(torch.zeros(()))
            number.grad = torch.zeros(())
            optimizer = maker([number])
            small = {k: v if v is None else torch.zeros((), dtype=v.dtype) for k, v in moments.items()}
            try:
                optimizer.load_state_dict({**optimizer.state_dict(), "state": {0: small}})
                optimizer.step()
            except (KeyError, TypeError, AttributeError, RuntimeError) as error:
                why = f"{type(error).__name__}: {error}"
                return f"the optimizer of {player} cannot take a step with its moments ({why})"
    return None


def odd_callbacks(states: Mapping[str, Any], trainer: Trainer) -> str | None:
    """Each callback must load its saved state, which raises where it cannot. (Lightning loads it again later.)"""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if callback.state_key in states:
            callback.load_state_dict(states[callback.state_key])
    return None
