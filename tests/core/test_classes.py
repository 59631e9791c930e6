"""D of K + 1 classes against a direct softmax over K + 1 outputs, the last of which is 0 and stands for "fake"."""

import re

import pytest
import torch
from torch import nn

from gan_lightning.core.classes import ClassDiscriminator, begun, check_labelled
from gan_lightning.core.play import Discriminator
from gan_lightning.core.seats import Seats
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.networks.mlp import Discriminator as MLP
from gan_lightning.techniques.minibatch_stddev import MinibatchStddev
from gan_lightning.techniques.supervised import Supervised

K, N = 4, 6
COUNTS = torch.full((K,), 5)


class Given(Discriminator):
    """Its features are its input, so that outputs of any size are put in."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.head = nn.Identity(), nn.Linear(K, 1)

    def new_head(self, features: int, outputs: int) -> nn.Module:
        assert (features, outputs) == (K, K)
        return nn.Identity()


def given() -> ClassDiscriminator:
    return ClassDiscriminator(Given(), (K,), COUNTS)


def outputs(size: float) -> torch.Tensor:
    """Outputs of the magnitude ``size`` of both signs: rows in which one stands out, all are equal, all are low."""
    rows = torch.randn(N, K, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows[1], rows[2], rows[3, 0] = 1.0, -1.0, 2.0
    return (size * rows / rows.abs().max()).requires_grad_()


def log_shares(l: torch.Tensor) -> torch.Tensor:  # noqa: E741
    """log softmax over the K classes and "fake", whose output is 0."""
    return torch.cat([l, l.new_zeros(len(l), 1)], 1).log_softmax(1)


@pytest.mark.parametrize("size", [1.0, 20.0, 200.0])
def test_d_is_the_share_of_all_classes_but_fake(size):
    l = outputs(size)  # noqa: E741
    z = l.exp().sum(1)
    assert torch.allclose(given()(l).sigmoid(), z / (z + 1), rtol=1e-9, atol=0)
    assert torch.allclose(given()(l), z.log(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [1.0, 20.0, 200.0])
@pytest.mark.parametrize("half", ["unsupervised", "supervised"])
def test_the_papers_losses_are_those_of_a_softmax_over_k_plus_1(half, size):
    """Salimans et al. 2016, section 5: L_unsupervised and L_supervised, value and gradient."""
    y = torch.arange(N) % K
    real, fake = outputs(size), (-outputs(size).flip(0)).detach().requires_grad_()
    D = given()
    if half == "unsupervised":
        got = NSGAN().discriminator(D(real), D(fake))
        not_fake = log_shares(real)[:, :K].logsumexp(1)
        expected = -not_fake.mean() - log_shares(fake)[:, K].mean()
    else:
        got = nn.functional.cross_entropy(D.class_logits(real), y)
        shares = log_shares(real)
        given_real = shares[:, :K] - shares[:, :K].logsumexp(1, keepdim=True)  # p(y | x, y < K + 1)
        expected = -given_real[torch.arange(N), y].mean() + 0 * fake.sum()
        got = got + 0 * fake.sum()
    assert got.item() == pytest.approx(expected.item(), rel=1e-6, abs=1e-6)
    for one, other in zip(
        torch.autograd.grad(got, (real, fake)), torch.autograd.grad(expected, (real, fake)), strict=True
    ):
        assert torch.isfinite(one).all()
        assert torch.allclose(one, other, rtol=0, atol=1e-6)


def test_outputs_in_half_precision_are_summed_in_float32():
    l = outputs(200.0).detach().bfloat16()  # noqa: E741
    _, logits = given().observe(l)
    assert logits.dtype == torch.float32
    assert torch.allclose(logits, l.float().logsumexp(1), atol=1e-4)


def test_any_network_gets_a_head_of_k_outputs_under_its_own_names():
    torch.manual_seed(0)
    plain = MLP((1, 8, 8), hidden=(12, 6))
    D = begun(plain, (1, 8, 8), COUNTS, None)
    x = torch.rand(3, 1, 8, 8)
    assert set(D.state_dict()) == {*plain.state_dict(), "class_counts"}
    assert (D.class_logits(x).shape, D(x).shape) == ((3, K), (3,))
    assert torch.equal(D(x), D.class_logits(x).logsumexp(1))
    assert begun(plain, (1, 8, 8), None, None) is plain


def test_a_d_that_starts_from_samples_gets_the_first_of_them_with_its_new_head():
    class Starts(Given):
        def start_from(self, samples):
            self.seen = samples, type(self.head)

    D, data = Starts(), torch.arange(2000.0).view(-1, 1).expand(-1, K)
    begun(D, (K,), COUNTS, lambda n: data[:n])
    assert torch.equal(D.seen[0], data[:500])
    assert D.seen[1] is nn.Identity


class Own(Given):
    def observe(self, x, y=None):
        return super().observe(x, y)


@pytest.mark.parametrize(
    ("D", "counts", "told"),
    [
        (Own(), COUNTS, "needs a D that is head(features(x)), got Own, whose observe is its own. Use another network"),
        (Given(), torch.tensor([5]), "needs labels of two classes or more, got 1. Use data with labels, or leave"),
        (Given(), torch.zeros(0).long(), "needs labels of two classes or more, got 0"),
    ],
)
def test_a_d_or_data_that_do_not_fit_are_refused(D, counts, told):
    with pytest.raises(ValueError, match=re.escape(f"data.labelled {told}")):
        ClassDiscriminator(D, (K,), counts)


@pytest.mark.parametrize(
    ("n", "techniques", "told"),
    [
        (None, {"supervised": Supervised()}, "technique=supervised learns the classes of labelled data, and data.lab"
         "elled, their number, is null. Write data.labelled=100, or leave the technique out."),
        (100, {}, "data.labelled must be null in a game in which nothing learns labels, got 100. Add technique=[super"
         "vised], or leave data.labelled out."),
        (100, {"supervised": Supervised(), "minibatch_stddev": MinibatchStddev()}, "technique=minibatch_stddev cannot "
         "be played with data.labelled: it adds one number to D's logit, and D then has an output for each class. Leav"
         "e one of the two out."),
    ],
)  # fmt: skip
def test_labels_and_what_learns_them_come_together(n, techniques, told):
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        check_labelled(n, Seats(techniques))
    assert check_labelled(None, Seats({})) is False
    assert check_labelled(100, Seats({"supervised": Supervised()})) is True
