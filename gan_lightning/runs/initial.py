"""``init=``: the weights of another run's G and D, with which a new game begins in place of drawn ones.

Only weights are taken: parameters, and the floating-point numbers that go with them, such as BatchNorm's statistics.
What counts the samples of each class, or is kept of each sample, is the new data's own. Optimizers, averages and steps
begin at nothing.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan_lightning.core.play import Shape
from gan_lightning.io.plain import printable
from gan_lightning.runs.checkpoint import read_checkpoint
from gan_lightning.runs.exported import CONFIG, SUFFIX
from gan_lightning.runs.load import located
from gan_lightning.runs.unpacking import read_exported

SHOWN = 3  # tensors that an error names


@dataclass(frozen=True)
class Initial:
    """The weights of both players of a run.

    Attributes:
        named: what was typed behind ``init=``.
        config: the configuration that they were trained with, for messages.
        weights: name of each tensor, behind ``G.`` or ``D.`` -> tensor.
        shape: of a sample, without the batch axis.
        g_steps: how long they were trained.
    """

    named: str
    config: Path
    weights: Mapping[str, Tensor]
    shape: Shape
    g_steps: int

    def fill(self, G: nn.Module, D: nn.Module) -> None:
        """Put the weights into two players of a new game.

        Raises:
            ValueError: the players have other tensors, or of other shapes.
        """
        own: dict[str, Tensor] = {
            f"{player}.{name}": value for player, of in (("G", G), ("D", D)) for name, value in of.state_dict().items()
        }
        here, there = (  # what is counted of the data, or kept of single samples, is as large as the data
            {name: list(value.shape) if value.is_floating_point() else "whole numbers" for name, value in of.items()}
            for of in (own, self.weights)
        )
        if here != there:
            names = [name for name in dict.fromkeys((*here, *there)) if here.get(name) != there.get(name)]
            differences = "; ".join(
                f"{printable(name)[:80]} is {there.get(name, 'missing')} there and {here.get(name, 'missing')} here"
                for name in names[:SHOWN]
            )
            more = f"; and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            raise ValueError(
                f"init={self.named} does not fit the players of this game: {differences}{more}. Choose network, "
                f"condition, prior.dim and techniques as {self.config} has them, or leave init out."
            )
        with torch.no_grad():
            for name, value in own.items():
                if value.is_floating_point():
                    value.copy_(self.weights[name])

    def check_shape(self, shape: Shape, data: str) -> None:
        """Raises ValueError unless samples of ``data`` have the ``shape`` that the weights are for."""
        if tuple(shape) != tuple(self.shape):
            raise ValueError(
                f"init={self.named} makes samples of shape {list(self.shape)}, and those of data={data} have "
                f"{list(shape)}. Choose data of the same shape, or leave init out."
            )

    def record(self) -> dict[str, Any]:
        """What record.json keeps: where the weights came from, and the SHA-256 of their names and bytes."""
        digest = hashlib.sha256()
        for name in sorted(self.weights):
            value = self.weights[name].detach().cpu().contiguous()
            digest.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
            digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
        return {"from": self.named, "g_steps": self.g_steps, "sha256": digest.hexdigest()}


def read_initial(named: str) -> Initial:
    """The weights of ``named``: a run directory, a checkpoint, ``zoo:<name>`` or the folder of an export.

    Of a run they are those that were played, not their average; an export has one G.

    Raises:
        ValueError: there is no such run; its file is damaged, has no D, or has numbers that are not finite.
    """
    directory, path = located(named, "init")
    exported = path.suffix == SUFFIX
    found = read_exported(path) if exported else read_checkpoint(path)
    weights = {name: value for name, value in found["state_dict"].items() if name.startswith(("G.", "D."))}
    if lacking := [player for player in "GD" if not any(name.startswith(f"{player}.") for name in weights)]:
        raise ValueError(
            f"init={named} needs the weights of both players, and {path.parent} has none of {lacking[0]}: a D that "
            "looks at more than one sample is not exported. Give the run that it was exported from."
        )
    if odd := [name for name, value in weights.items() if value.is_floating_point() and not value.isfinite().all()]:
        raise ValueError(
            f"init={named} must have finite weights, and {printable(odd[0])[:80]} of {path} has none: that game "
            "diverged. Give an earlier checkpoint of it, or another run."
        )
    config = path.with_name(CONFIG) if exported else directory / CONFIG
    return Initial(named, config, weights, tuple(found["shape"]), found["counters"]["g_steps_done"])
