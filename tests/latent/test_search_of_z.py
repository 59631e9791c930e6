"""The search for z, on generators whose answer is known."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from gan_lightning.core.prior import Normal, Uniform
from gan_lightning.latent.bench import Bench
from gan_lightning.latent.encoder import starts, trained_encoder
from gan_lightning.latent.glimpses import Whole
from gan_lightning.latent.interpolate import path_length, spherical, straight
from gan_lightning.latent.search import Effort, best_rows, search

SHAPE = (1, 2, 2)


class Bar:
    def set_postfix_str(self, text):
        pass


class Stretching(nn.Module):
    """G(z) = scale z, as an image of four pixels; a label y moves all of them by y."""

    def __init__(self, prior, scale=1.0, classes=0, D=None):
        super().__init__()
        self.prior, self.scale, self.classes, self.shape, self.D = prior, scale, classes, list(SHAPE), D
        self.config = SimpleNamespace(data={})

    def forward(self, z, y=None):
        return (self.scale * z + (0 if y is None else y[:, None])).view(-1, *SHAPE)


def bench_of(G):
    return Bench(G, "none", Path(), 0, Bar())


def found_of(G, known, effort, z=None, labels=None):
    start = torch.zeros(len(known), 4, 4) if z is None else z
    return search(bench_of(G), Whole(SHAPE), known, start, labels, effort)


def test_the_answer_is_that_of_least_squares_with_a_prior():
    """min |s z - x|^2 + w |z|^2 is z = s x / (s^2 + w)."""
    x = torch.tensor([[1.0, -2.0, 0.5, 0.0]])
    found = found_of(Stretching(Normal(4), 2.0), x, Effort(restarts=4, steps=400, lr=0.1, prior=0.5))
    torch.testing.assert_close(found.z, 2 * x / 4.5, atol=1e-3, rtol=0)
    torch.testing.assert_close(found.samples.flatten(1), 2 * found.z)
    assert found.cost.item() == pytest.approx(5.25 * (1 - 4 / 4.5), rel=1e-3)


def test_a_box_holds_z_and_needs_no_prior():
    x = torch.tensor([[0.5, -3.0, 3.0, 0.0]])
    found = found_of(
        Stretching(Uniform(4, -1.0, 1.0)), x, Effort(restarts=1, steps=300, prior=100.0), torch.zeros(1, 1, 4)
    )
    torch.testing.assert_close(found.z, torch.tensor([[0.5, -1.0, 1.0, 0.0]]), atol=1e-3, rtol=0)


def test_the_verdict_of_d_moves_z():
    """D(x) = the sum of x: with its weight alone every pixel goes up, by Adam as far as it gets."""

    class Sum(nn.Module):
        def forward(self, x, y=None):
            return x.flatten(1).sum(1)

    effort = Effort(restarts=1, steps=50, prior=0.0, realism=1.0)
    x = torch.zeros(1, 4)
    up = found_of(Stretching(Normal(4), D=Sum()), x, effort, torch.zeros(1, 1, 4)).z
    assert (up > 0.01).all()
    assert not found_of(Stretching(Normal(4)), x, effort, torch.zeros(1, 1, 4)).z.any(), "no D, no verdict"


def test_the_class_that_fits_is_found():
    x = torch.full((1, 4), 2.0)
    G = Stretching(Normal(4), scale=0.0, classes=4)
    found = found_of(G, x, Effort(restarts=4, steps=8), torch.zeros(1, 4, 4), torch.arange(4)[None])
    assert found.y.tolist() == [2]
    assert torch.equal(found.samples, x.view(-1, *SHAPE))


def test_the_best_of_each_row():
    cost = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    assert best_rows(cost, 2).tolist() == [[1, 2], [3, 5]]


def test_the_same_seed_gives_the_same_bits_in_parts_or_not(monkeypatch):
    G, x = Stretching(Normal(4), 2.0), torch.randn(6, 4)
    z, _ = starts(bench_of(G), None, x.view(-1, *SHAPE), 4, 1)
    effort = Effort(restarts=4, steps=20)
    one = found_of(G, x, effort, z)
    monkeypatch.setattr("gan_lightning.latent.search.CHUNK", 8)
    assert torch.equal(found_of(G, x, effort, z).z, one.z)


def test_where_z_begins():
    """The encoder's guess first, then it with noise, then the prior; for labels, each of them for every class."""
    G = Stretching(Normal(4))
    guess = torch.arange(8.0).view(2, 4)
    bench = bench_of(G)
    none = torch.zeros(2, 0)
    z, y = starts(bench, lambda shown: (guess, none), guess.view(-1, *SHAPE), 4, 1)
    assert y is None
    drawn = Normal(4)(8, bench.stream("starts")).view(2, 4, 4)
    assert torch.equal(z[:, 0], guess)
    torch.testing.assert_close(z[:, 1], guess + 0.5 * drawn[:, 1])
    assert torch.equal(z[:, 2], drawn[:, 2])
    G = Stretching(Normal(4), classes=3)
    logits = torch.tensor([[0.0, 1.0, 2.0], [2.0, 0.0, 1.0]])
    of_classes, y = starts(bench_of(G), lambda shown: (guess, logits), guess.view(-1, *SHAPE), 4, 2)
    assert y.tolist() == [[2, 1, 2, 1], [0, 2, 0, 2]], "the likeliest"
    assert starts(bench_of(G), None, guess.view(-1, *SHAPE), 4, 2)[1].tolist() == [[0, 1, 2, 0]] * 2
    assert torch.equal(of_classes[:, 0], of_classes[:, 1])
    torch.testing.assert_close(of_classes[:, 2:], guess[:, None] + 0.5 * drawn[:, 2:])
    box, _ = starts(bench_of(Stretching(Uniform(4))), lambda shown: (guess, none), guess.view(-1, *SHAPE), 2, 1)
    assert box.abs().max() <= 1


def test_an_encoder_learns_to_invert():
    class Image(Stretching):
        def __init__(self):
            super().__init__(Normal(16))
            self.shape = [1, 4, 4]

        def forward(self, z, y=None):
            return z.view(-1, 1, 4, 4)

    G = Image()
    bench = bench_of(G)
    z = torch.randn(100, 16, generator=torch.Generator().manual_seed(5))
    errors = [
        (trained_encoder(bench, Whole((1, 4, 4)), steps)(G(z))[0] - z).square().mean().item() for steps in (1, 150, 150)
    ]
    assert errors[1] < 0.5 * errors[0]
    assert errors[1] == errors[2]


# Lines between two z ------------------------------------------------------------------------------------------


def test_lines_by_hand():
    a, b, share = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1 / 3, 0.5, 1.0])
    assert straight(a, b, share)[2].tolist() == [1, 1]
    circle = spherical(a, b, share)
    torch.testing.assert_close(circle.norm(dim=1), torch.full((4,), 2.0))
    torch.testing.assert_close(circle[1], torch.tensor([3.0**0.5, 1.0]))
    torch.testing.assert_close(spherical(a, 3 * a, share), straight(a, 3 * a, share))


def test_the_length_of_a_path():
    samples = torch.tensor([0.0, 1.0, -1.0])[:, None, None, None].expand(-1, 1, 2, 2)
    assert path_length(samples, None) == {"pixels": 3.0}
    assert path_length(samples, torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 4.0]]))["features"] == 5.0
