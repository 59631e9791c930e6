"""What each condition makes of G and of D, worked out by hand."""

import math

import pytest
import torch
from critics import Linear
from torch import nn

from gan_lightning.conditions.auxiliary import Auxiliary
from gan_lightning.conditions.concat import Concat
from gan_lightning.conditions.discriminative import Discriminative
from gan_lightning.conditions.projection import Projection
from gan_lightning.core.condition import width_of_features
from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.play import Discriminator, Play
from gan_lightning.core.prior import Uniform
from gan_lightning.core.rng import Stream
from gan_lightning.networks.dcgan import Discriminator as Convolutions
from gan_lightning.networks.maxout import Discriminator as Maxout
from gan_lightning.techniques.dragan import DRAGAN
from gan_lightning.techniques.gradient_penalty import GradientPenalty
from gan_lightning.techniques.r1 import R1
from gan_lightning.techniques.r2 import R2

COUNTS = torch.tensor([5, 3, 2])
W = torch.tensor([1.0, -2.0])  # D(x) = W . x without a condition
E = torch.tensor([[0.0, 0.0], [1.0, 0.5], [-1.0, 4.0]])  # e_D of each class
Y = torch.tensor([0, 1, 2, 1])
X = torch.tensor([[1.0, 1.0], [2.0, 0.0], [1.0, -1.0], [0.0, 3.0]])


class Twice(nn.Module):
    """Any G: what it sees, twice over."""

    def forward(self, x):
        return 2 * x


def projected() -> Discriminator:
    D = Projection(COUNTS, (2,)).transform_d(Linear(W))
    D.embedding.weight.data.copy_(E)
    return D


def a_play(D: Discriminator) -> Play:
    fake = X.flip(0)
    (rf, rl), (ff, fl) = D.observe(X, Y), D.observe(fake, Y)
    return Play("D", D, X, fake, Y, rl, fl, rf, ff, 0.0, 0, lambda x: D.observe(x, Y), fake_labels=Y)


def test_projection_adds_the_product_of_e_and_the_features_to_the_logit():
    features, logits = projected().observe(X, Y)
    assert features.tolist() == X.tolist()
    # W . x is -1, 2, 3, -6 and e(y) . x is 0, 2, -5, 1.5
    assert logits.tolist() == [-1.0, 4.0, -2.0, -4.5]
    assert projected()(X, Y).tolist() == logits.tolist()


@pytest.mark.parametrize("term", [R1(2.0), R2(2.0), GradientPenalty(1.0), DRAGAN(1.0)], ids=lambda t: t.name)
def test_penalties_are_taken_at_the_labels_of_their_points(term):
    """The slope at a sample of class y is W + e(y) whatever x: of squares 5, 6.25, 4, 6.25."""
    squared, around_one = 21.5 / 4, ((math.sqrt(5) - 1) ** 2 + 1.5**2 + 1 + 1.5**2) / 4
    value = term.d_term(a_play(projected()), Stream(0)).item()
    assert value == pytest.approx(squared if isinstance(term, R1 | R2) else around_one, rel=1e-6)


def test_concatenation_puts_the_one_hot_class_beside_the_coordinates():
    condition = Concat(COUNTS, (2,))
    assert (condition.d_shape(), condition.z_dim(7)) == ((5,), 10)
    D = condition.transform_d(Linear(torch.tensor([1.0, -2.0, 10.0, 20.0, 30.0])))
    assert D(X, Y).tolist() == [9.0, 22.0, 33.0, 14.0]
    assert D.observe(X, Y)[0][2].tolist() == [1.0, -1.0, 0.0, 0.0, 1.0]


def test_concatenation_gives_an_image_a_plane_for_each_class():
    condition = Concat(COUNTS, (2, 3, 4))
    assert condition.d_shape() == (5, 3, 4)
    x = torch.rand(4, 2, 3, 4)
    seen = condition.transform_d(Linear(torch.ones(60))).observe(x, Y)[0].view(4, 5, 3, 4)
    assert torch.equal(seen[:, :2], x)
    assert seen[:, 2:].mean((2, 3)).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]
    assert set(seen[:, 2:].unique().tolist()) == {0.0, 1.0}


def test_auxiliary_terms_are_cross_entropies_of_the_class_head():
    condition = Auxiliary(COUNTS, (2,), real_weight=2.0, fake_weight=3.0, g_weight=5.0)
    D = condition.transform_d(Linear(W))
    D.class_head.weight.data.copy_(E)
    D.class_head.bias.data.zero_()
    assert D(X, Y).tolist() == (X @ W).tolist(), "its verdict sees no label"
    play = a_play(D)

    def surprise(x: torch.Tensor) -> float:
        rows = [[sum(a * b for a, b in zip(e, point, strict=True)) for e in E.tolist()] for point in x.tolist()]
        return sum(math.log(sum(map(math.exp, row))) - row[y] for row, y in zip(rows, Y.tolist(), strict=True)) / 4

    real, fake = surprise(X), surprise(X.flip(0))
    assert abs(real - fake) > 0.1
    assert condition.d_term(play, Stream(0)).item() == pytest.approx(2 * real + 3 * fake, rel=1e-6)
    assert condition.g_term(play, Stream(0)).item() == pytest.approx(5 * fake, rel=1e-6)
    assert [name for name, _ in condition.terms("d_term")] == ["auxiliary"]
    assert Projection(COUNTS, (2,)).terms("d_term") == Concat(COUNTS, (2,)).terms("g_term") == []


def test_discriminative_terms_tell_real_from_fake_within_a_class():
    """By a softmax over 2 K outputs written out: the first K are of real samples, the others of fakes."""
    condition = Discriminative(COUNTS, (2,), real_weight=2.0, fake_weight=3.0, g_weight=5.0)
    D = condition.transform_d(Linear(W))
    weight = torch.cat([E, E.flip(1) - 0.5])
    D.class_head.weight.data.copy_(weight)
    D.class_head.bias.data.zero_()
    play = a_play(D)

    def log_share(x: torch.Tensor, offset: int) -> float:
        rows = [[sum(a * b for a, b in zip(e, point, strict=True)) for e in weight.tolist()] for point in x.tolist()]
        each = [row[y + offset] - math.log(sum(map(math.exp, row))) for row, y in zip(rows, Y.tolist(), strict=True)]
        return sum(each) / 4

    real, fake, as_real = log_share(X, 0), log_share(X.flip(0), 3), log_share(X.flip(0), 0)
    assert len({round(v, 3) for v in (real, fake, as_real)}) == 3
    assert condition.d_term(play, Stream(0)).item() == pytest.approx(-2 * real - 3 * fake, rel=1e-6)
    assert condition.g_term(play, Stream(0)).item() == pytest.approx(5 * (fake - as_real), rel=1e-6)
    assert D(X, Y).tolist() == (X @ W).tolist(), "its verdict sees no label"


def test_g_sees_z_then_the_code_of_the_class():
    z = torch.tensor([[0.5], [1.0], [2.0], [4.0]])
    one_hot = Concat(COUNTS, (2,)).transform_g(Twice())
    assert one_hot(z, Y).tolist() == [[1, 2, 0, 0], [2, 0, 2, 0], [4, 0, 0, 2], [8, 0, 2, 0]]
    for condition in (Projection(COUNTS, (2,), width=2), Auxiliary(COUNTS, (2,), width=2)):
        assert condition.z_dim(7) == 9
        G = condition.transform_g(Twice())
        G.code.weight.data.copy_(E)
        assert G(z, Y).tolist() == [[1, 0, 0], [2, 2, 1], [4, -2, 8], [8, 2, 1]]


@pytest.mark.parametrize("network", [Convolutions((1, 8, 8), width=4), Maxout((1, 8, 8), units=6)], ids=["conv", "max"])
def test_the_width_of_the_features_is_found_without_a_trace(network):
    """Of 2 x 2 x 4 or 6 features; modes, BatchNorm's statistics and random numbers stay as they were."""
    network.train()
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in network.state_dict().items()}
    found = width_of_features(network, (1, 8, 8))
    assert found == next(m for m in network.head.modules() if isinstance(m, nn.Linear)).in_features
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())
    assert all(m.training for m in network.modules())


def test_labels_come_by_the_frequency_of_the_classes():
    counts = torch.tensor([6000, 0, 3000, 1000])
    G = ConditionalGenerator(Twice(), nn.Identity(), counts)
    y = G.labels(10_000, seed=3)
    assert torch.bincount(y, minlength=4)[1] == 0
    # sds of the counts are at most 49
    assert (torch.bincount(y, minlength=4) - counts).abs().max() < 200
    assert torch.equal(y, G.labels(10_000, seed=3))
    assert not torch.equal(y, G.labels(10_000, seed=4))


def test_labels_are_no_function_of_z():
    """Where z is uniform as well: drawn from its stream, the class would be ten times its first coordinate."""
    z = Uniform(1, 0.0, 1.0)(100, Stream(3, name="sample"))[:, 0]
    y = ConditionalGenerator(Twice(), nn.Identity(), torch.ones(10).long()).labels(100, seed=3)
    assert ((10 * z).long() == y).float().mean() < 0.3


def test_players_without_labels_say_what_they_need():
    with pytest.raises(ValueError, match=r"needs labels \[N\] beside z, from 0 to 2, got none\. Write G\(z, y\)"):
        Concat(COUNTS, (2,)).transform_g(Twice())(X)
    with pytest.raises(ValueError, match=r"D with condition=projection needs labels \[N\] beside x, got none"):
        projected()(X)


@pytest.mark.parametrize(("counts", "classes"), [([], 0), ([7], 1), ([0, 7, 0], 1), ([-1, 3, 4], 2)])
def test_one_class_is_no_condition(counts, classes):
    told = rf"condition=concat needs training data with labels of two classes or more, got {classes}\. Use data with"
    with pytest.raises(ValueError, match=told):
        Concat(torch.tensor(counts, dtype=torch.int64), (2,))


def test_a_d_with_a_look_of_its_own_is_refused():
    class Own(Linear):
        def observe(self, x, y=None):
            return super().observe(x, y)

    with pytest.raises(ValueError, match=r"needs a D that is head\(features\(x\)\), got Own, whose observe is its own"):
        Concat(COUNTS, (2,)).transform_d(Own(torch.ones(5)))
