"""The law of z: what each prior draws, and how it is told to whoever has G without this project."""

import math

import pytest
import torch

from gan_lightning.core.prior import Categorical, Normal, Uniform, in_torch, law_in_words, narrowed
from gan_lightning.core.rng import Stream

N = 20_000


def test_normals_and_a_code():
    z = Categorical(dim=7, classes=4, scale=5.0)(N, Stream(0))
    assert z.shape == (N, 7)
    normals, code = z[:, :3], z[:, 3:]
    torch.testing.assert_close(normals.mean(0), torch.zeros(3), rtol=0, atol=0.03)  # 4 standard errors of 1/sqrt(N)
    torch.testing.assert_close(normals.std(0), torch.ones(3), rtol=0, atol=0.02)
    assert set(code.unique().tolist()) == {0.0, 5.0}
    assert (code.sum(1) == 5.0).all()
    shares = (code > 0).double().mean(0)
    assert (shares - 1 / 4).abs().max() < 4 * math.sqrt(3 / 16 / N)
    for i in range(4):  # the normals of a class are those of all
        assert normals[code[:, i] > 0].mean(0).abs().max() < 4 / math.sqrt(N / 5)


def test_a_process_has_its_rows_of_a_draw_for_all():
    prior = Categorical(dim=9, classes=5)
    whole = prior(8, Stream(3, 1, "z/D"))
    halves = [prior(4, Stream(3, 1, "z/D", rank=rank, world=2)) for rank in (0, 1)]
    assert torch.equal(torch.cat(halves), whole)
    assert not torch.equal(prior(8, Stream(3, 2, "z/D")), whole)


@pytest.mark.parametrize("classes", [2, 3, 10, 100, 1000])
def test_the_largest_number_has_a_class(classes):
    """1 - 2^-24 times the number of classes must not be rounded to that number."""

    class Largest(Stream):
        def uniform(self, *shape):
            return torch.full(shape, 1 - 2.0**-24)

    code = Categorical(classes + 1, classes)(2, Largest(0))[:, 1:]
    assert code.argmax(1).tolist() == [classes - 1] * 2
    assert code.sum(1).tolist() == [5.0] * 2


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"classes": 1},
            "prior.classes must be at least 2 and below prior.dim, got 1 of 100.*Write prior=normal for z without",
        ),
        ({"classes": 100}, "got 100 of 100: the other numbers of z are normal. Write prior.dim=200."),
        ({"scale": 0.0}, "prior.scale must be above 0, got 0.0. prior=normal has no code."),
    ],
)
def test_what_cannot_be(values, text):
    with pytest.raises(ValueError, match=text):
        Categorical(**values)


def test_truncation_leaves_the_code():
    """Half a code would be a z that the prior never has."""
    prior = Categorical(dim=5, classes=3, scale=2.0)
    z = prior(10, Stream(0))
    assert torch.equal(narrowed(prior, z, 0.5), torch.cat([z[:, :2] / 2, z[:, 2:]], 1))
    assert torch.equal(narrowed(Normal(5), z, 0.5), z / 2)


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (Normal(6), "N(0, I)"),
        (Uniform(6, -3.0, 1.0), "U(-3.0, 1.0)"),
        (Categorical(6, 4, 5.0), "N(0, I) in its first 2 numbers, the others 5.0 times the one-hot of a class"),
    ],
)
def test_an_expression_in_torch_draws_the_same_law(prior, words):
    assert law_in_words(prior) == words
    torch.manual_seed(0)
    drawn, own = eval(in_torch(prior, N)), prior(N, Stream(0))
    torch.testing.assert_close(drawn.mean(0), own.mean(0), rtol=0, atol=0.08)
    torch.testing.assert_close(drawn.std(0), own.std(0), rtol=0, atol=0.08)
    if isinstance(prior, Categorical):
        assert (drawn[:, 2:].sum(1) == 5.0).all()


def test_a_prior_of_your_own_has_its_name():
    class Mine:
        dim = 3

    assert law_in_words(Mine()) == "the run's own prior, Mine"
    assert in_torch(Mine(), 4) is None
