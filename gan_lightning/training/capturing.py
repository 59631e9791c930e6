"""step=captured: which games can be recorded, and what runs as it is beside the recordings."""

from collections.abc import Iterable
from typing import Any

import torch
from lightning.pytorch import Callback
from omegaconf import DictConfig
from torch import nn

from gan_lightning.callbacks.finite import FiniteGuard
from gan_lightning.callbacks.overhead import FewHooks
from gan_lightning.core.play import DrawsAnew, Player
from gan_lightning.game.captured import Captured
from gan_lightning.game.module import GAN
from gan_lightning.training.fastest import device_of

EAGER = "Write step=eager."
HOOKS = ("on_before_backward", "on_after_backward", "on_before_optimizer_step")  # that Lightning calls in a half


def capture(cfg: DictConfig, gan: GAN, callbacks: Iterable[Any]) -> None:
    """Let ``gan`` be played as ``cfg.step`` says.

    Raises:
        ValueError: with step=captured, the game cannot be recorded.
    """
    if cfg.step == "captured":
        check_capturable(cfg, gan)
        looking = lookers(callbacks)
        last = gan.steps - 1
        gan.captured = Captured(
            gan,
            plain=lambda done: done == last or any(is_due(callback, done) for callback in looking),
            replayed=lambda player: count_step(gan, player),
        )


def lookers(callbacks: Iterable[Any]) -> list[Any]:
    """The callbacks that look into a half in Python. The finite guard does too, but is recorded with it."""
    return [
        callback
        for callback in callbacks
        if not isinstance(callback, FiniteGuard)
        and any(getattr(type(callback), hook) not in (None, getattr(Callback, hook)) for hook in HOOKS)
    ]


def is_due(callback: Any, done: int) -> bool:
    """Does ``callback`` look into the step after ``done`` G steps? Lightning's own kind looks into every one."""
    return not isinstance(callback, FewHooks) or callback.next_due(done) == done + 1


def count_step(gan: GAN, player: Player) -> None:
    """Tell Lightning of a step that was replayed: it counts where the optimizer is called, which a replay does not."""
    optimizer = gan.players()[player]
    optimizer._on_before_step()
    optimizer._on_after_step()


def check_capturable(cfg: DictConfig, gan: GAN) -> None:
    """Raises ValueError, with the reason and the remedy, where a step of ``gan`` cannot be recorded."""
    device = device_of(cfg)
    if device.type != "cuda":
        raise ValueError(
            f"step=captured needs an NVIDIA GPU, since it replays CUDA graphs, got device {device.type}. {EAGER}"
        )
    if cfg.devices > 1 or cfg.trainer.get("num_nodes", 1) > 1:
        raise ValueError(f"step=captured plays on one GPU, got devices={cfg.devices}. {EAGER}")
    if reason := why_not(cfg, gan):
        raise ValueError(f"step=captured {reason}")


def why_not(cfg: DictConfig, gan: GAN) -> str | None:
    """What stands in the way of a recording in the game itself; None where nothing does."""
    if cfg.precision.name == "fp16":
        return "cannot skip the steps that overflow, as precision=fp16 must. Write precision=bf16, or step=eager."
    if gan.simultaneous:
        return f"records D's half and G's, got update=simultaneous, which has one for both. {EAGER}"
    if gan.labelled is not None:
        return f"does not serve labelled batches, got data.labelled={cfg.data.labelled}. {EAGER}"
    for name, technique in gan.seats.techniques.items():
        if not technique.recordable:
            return (
                f"needs techniques that can be recorded, got {name}. Leave it out, write step=eager, or, if it is your "
                "own, see `recordable` in gan_lightning/core/seats.py."
            )
        if technique.interval > 1:
            return (
                f"plays each step alike, got technique.{name}.interval={technique.interval}. Set it to 1, or write "
                "step=eager."
            )
    for player, module in (("D", gan.D), ("G", gan.G)):
        for layer in module.modules():
            if isinstance(layer, DrawsAnew) or (isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p):
                return (
                    f"needs layers that draw no random numbers, got {type(layer).__name__} in {player}. Leave it out "
                    "(a dropout of 0 is none), or write step=eager."
                )
    for player, make in zip("DG", gan.make_optimizers, strict=True):
        group = make([nn.Parameter(torch.zeros(()))]).param_groups[0]
        if not group.get("fused"):
            return f"needs an optimizer with fused=true, got another for {player}. Use optimizer=adam, or step=eager."
        if odd := sorted(set(gan.schedules.get(player, {})) - {"lr"}):
            return f"follows a schedule of lr alone, got one of {odd[0]} for {player}. {EAGER}"
    return None
