"""A module built from a configuration for the weights in a file: shapes are compared before memory is taken."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from torch import nn
from torch.overrides import TorchFunctionMode

from gan_lightning.io.plain import first_line
from gan_lightning.runs.checkpoint import load_weights, misfit

ALONE = "Each checkpoint carries its own: move config.yaml away and name the checkpoint, run=<its file>."
UNBUILDABLE = (HydraException, OmegaConfBaseException, TypeError, AttributeError, RuntimeError, ArithmeticError,
               LookupError, MemoryError)  # fmt: skip


class OnlyShapes(TorchFunctionMode):
    """Within this context every new tensor is on the device "meta": it has a shape, no memory, and is not drawn.

    ``torch.device("meta")`` alone does not hold for calls that name another device.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if "device" in kwargs:
            kwargs |= {"device": "meta"}
            kwargs.pop("generator", None)
        return func(*args, **kwargs)


def build_to_fit(build: Callable[[], nn.Module], checkpoint: dict[str, Any], path: Path, config: Path) -> Any:
    """The game that ``build`` makes, with the checkpoint's weights.

    It is built without memory first, to compare shapes: a configuration may ask for any width, while the weights in a
    checkpoint are no larger than its file.

    Raises:
        ValueError: the weights do not fit it, or it cannot be built.
    """
    check_fit(build, checkpoint, path, config, ALONE)
    try:
        with torch.random.fork_rng(devices=[]):
            gan = build()
    except UNBUILDABLE as error:
        raise ValueError(f"{config} is not the configuration of a run: {first_line(error)}. {ALONE}") from error
    load_weights(gan, checkpoint, path, config)
    return gan


def check_fit(
    build: Callable[[], nn.Module], checkpoint: dict[str, Any], path: Path, config: Path, remedy: str = "Restore it."
) -> None:
    """Check that the game that ``build`` makes, here without memory, has the shapes of the checkpoint's weights.

    Raises:
        ValueError: it has others, or cannot be built.
    """
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"), OnlyShapes():
            check_shapes(build(), checkpoint, path, config)
    except UNBUILDABLE as error:
        raise ValueError(f"{config} is not the configuration of a run: {first_line(error)}. {remedy}") from error


def check_shapes(gan: nn.Module, checkpoint: dict[str, Any], path: Path, config: Path) -> None:
    """Raises ValueError unless names and shapes of the tensors of ``gan`` are those of the checkpoint's."""
    wanted = {name: list(value.shape) for name, value in gan.state_dict().items()}
    got = {name: list(value.shape) for name, value in checkpoint["state_dict"].items()}
    if wanted != got:
        names = [name for name in (*wanted, *got) if wanted.get(name) != got.get(name)]
        differences = "; ".join(
            f"size mismatch for {name:.80}: {got.get(name, 'nothing')} in the checkpoint, not {wanted.get(name, '')}"
            for name in dict.fromkeys(names[:3])
        )
        raise ValueError(misfit(path, config, differences))
