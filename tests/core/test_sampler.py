"""Drawing from a G that takes labels beside z: it gets them, a share of each batch, and only where they were given."""

from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from gan_lightning.core.prior import Normal
from gan_lightning.core.sampler import draw, in_batches
from gan_lightning.runs.load import LoadedGenerator


class Conditional(nn.Module):
    """z with y added; remembers with what it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.calls: list[tuple[Tensor, ...]] = []

    def forward(self, z: Tensor, *y: Tensor) -> Tensor:
        self.calls.append((z, *y))
        return z + sum(y)[:, None] if y else z


CPU = torch.device("cpu")


def test_labels_go_with_their_z_in_batches():
    G, z, y = Conditional(), torch.rand(7, 2), torch.arange(7)
    assert in_batches(G, z, y, batch_size=3).equal(z + y[:, None])
    assert [call[1].tolist() for call in G.calls] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [len(call[0]) for call in G.calls] == [3, 3, 1]


def test_a_g_without_labels_gets_none():
    G, z = Conditional(), torch.rand(7, 2)
    assert in_batches(G, z, batch_size=4).equal(z)
    assert [len(call) for call in G.calls] == [1, 1]


def test_both_ways_to_draw_pass_the_labels_on():
    y = torch.arange(600)
    drawn = [draw(Conditional(), Normal(2), 600, 4, CPU, y=given) for given in (None, y)]
    assert (drawn[1] - drawn[0]).sub(y[:, None]).abs().max() < 1e-4
    loaded = LoadedGenerator(Conditional(), Normal(2), DictConfig({}), Path("run"), 0)
    assert loaded.sample(600, 4, y=y).equal(drawn[1]), "the same z"
    z = torch.rand(3, 2)
    assert loaded(z, y[:3]).equal(z + y[:3, None])
    assert loaded(z).equal(z)


def test_each_sample_has_one_label():
    with pytest.raises(ValueError, match=r"y must have one label for each of the 7 samples, got shape \[6\]"):
        in_batches(Conditional(), torch.rand(7, 2), torch.arange(6))
