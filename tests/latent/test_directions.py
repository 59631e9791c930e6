"""Directions of z on generators in which they are known."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from gan_lightning.core.prior import Normal
from gan_lightning.latent.bench import Bench
from gan_lightning.latent.directions import found_directions, ganspace, moved, sefa, slopes_in_z, unit
from gan_lightning.latent.edit import direction_of


def layered(*scales):
    """Scales z's axes, then a LeakyReLU."""
    linear = nn.Linear(len(scales), len(scales), bias=False)
    linear.weight.data = torch.diag(torch.tensor(scales))
    return nn.Sequential(linear, nn.LeakyReLU(0.5)).requires_grad_(False)


def test_the_axis_that_is_stretched_most_comes_first():
    G = layered(1.0, -3.0, 2.0)
    torch.testing.assert_close(sefa(G, 3, 2), torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    wider = nn.Sequential(nn.Linear(5, 3)).requires_grad_(False)
    assert sefa(wider, 3, 3).shape == (3, 3), "columns behind z's are those of a class"
    with pytest.raises(ValueError, match="task=directions needs a G whose first layer is linear in z"):
        sefa(nn.Tanh(), 3, 2)


def test_components_of_the_first_activation():
    G = layered(1.0, -3.0, 2.0)
    bench = Bench(SimpleNamespace(G=G, __call__=None), "none", Path(), 0, None)
    bench.G = type("G", (), {"G": G, "__call__": lambda self, z: self.G(z)})()
    z = Normal(3)(4000, bench.stream("z"))
    found = ganspace(bench, z, None, 2)
    assert found[0].abs().argmax() == 1
    assert found[1].abs().argmax() == 2
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    bench.G.G = nn.Identity()
    assert ganspace(bench, z, None, 2).shape == (0, 3)


def test_slopes_by_hand():
    z = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    values = (2 * z[:, 0] - z[:, 1] + 7)[:, None]
    torch.testing.assert_close(slopes_in_z(z, values), torch.tensor([[2.0, -1.0]]).double())
    torch.testing.assert_close(unit(torch.tensor([[-3.0, 4.0], [0.0, -2.0]])), torch.tensor([[-0.6, 0.8], [0.0, 1.0]]))


def test_the_direction_of_a_class_leads_to_it(monkeypatch):
    """A judge sees class 1 where the first value is low: its direction is the negative axis."""

    class First(nn.Module):
        classes, prior, G, shape = 0, Normal(3), layered(1.0, 1.0, 1.0), [1, 1, 3]

        def forward(self, z, y=None):
            return self.G(z).view(-1, 1, 1, 3)

        def labels(self, n, seed):
            return None

    def judge(x):
        first = x.flatten(1)[:, 0].double()
        return None, torch.stack([first.sigmoid(), (-first).sigmoid()], 1)

    monkeypatch.setattr(Bench, "judge", staticmethod(judge))
    found = found_directions(Bench(First(), "none", Path(), 0, None), 2, 4000)["class"]
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]), atol=0.05, rtol=0)


def test_a_z_is_moved_along_a_direction_alone():
    z, direction = torch.tensor([[3.0, 5.0]]), torch.tensor([0.0, 1.0])
    assert moved(z, direction, torch.tensor([-1.0, 2.0])).tolist() == [[3, -1], [3, 2]]


def test_a_direction_by_its_name():
    found = {"sefa": torch.eye(2), "class": torch.ones(3, 2)}
    assert direction_of("sefa:1", found).tolist() == [0, 1]
    for asked in ("sefa:2", "ganspace:0", "sefa", "sefa:-1"):
        with pytest.raises(
            ValueError, match=f"direction={asked} is none .* which has sefa:0 to sefa:1, class:0 to class:2"
        ):
            direction_of(asked, found)
