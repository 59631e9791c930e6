"""R1 and R2 by differences: by hand on critics that are known, and under draws of views, dropout and half precision."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from gan_lightning.config.build import build_gan
from gan_lightning.core.play import Discriminator, Play
from gan_lightning.core.rng import Stream
from gan_lightning.techniques.minibatch_stddev import MinibatchStddev
from gan_lightning.techniques.r1 import R1
from gan_lightning.techniques.r2 import R2

REAL, FAKE = [(3.0, 4.0), (0.0, 1.0), (6.0, 8.0)], [(1.0, 0.0), (0.0, 2.0), (0.0, 3.0)]
NOISE = [(1.0, -1.0), (0.0, 2.0), (0.5, 0.0)]
W = (2.0, -3.0)


class Given:
    """A stream that gives NOISE."""

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.tensor(NOISE).reshape(shape)


class HalfSquare(nn.Module):
    def forward(self, f):
        return f.square().sum(1) / 2


class Critic(Discriminator):
    """|x|^2 / 2, or w'x; counts its passes."""

    def __init__(self, kind: str, n: int = 2) -> None:
        super().__init__()
        self.features, self.head, self.passes = nn.Flatten(), HalfSquare(), 0
        if kind == "linear":
            self.head = nn.Linear(n, 1, bias=False)
            self.head.weight.data = torch.tensor([W]).repeat(1, n // 2)

    def observe(self, x, y=None):
        self.passes += 1
        return super().observe(x, y)


def play_of(D: Discriminator, real: torch.Tensor, fake: torch.Tensor, **more) -> Play:
    (rf, rl), (ff, fl) = D.observe(real), D.observe(fake)
    return Play("D", D, real, fake, None, rl, fl, rf, ff, 0.0, 0, D.observe, **more)


def inner(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(("penalty", "points"), [(R1, REAL), (R2, FAKE)])
@pytest.mark.parametrize("sigma", [0.01, 0.1, 2.0])
def test_by_hand(penalty, points, sigma):
    """On w'x the difference over sigma is w'e whatever sigma; on |x|^2 / 2 it is x'e + sigma |e|^2 / 2."""
    real, fake = torch.tensor(REAL), torch.tensor(FAKE)
    got = penalty(6.0, sigma=sigma).d_term(play_of(Critic("linear"), real, fake), Given())
    assert got.item() == pytest.approx(3 * sum(inner(W, e) ** 2 for e in NOISE) / 3, rel=1e-3)
    got = penalty(6.0, sigma=sigma).d_term(play_of(Critic("bowl"), real, fake), Given())
    by_hand = [(inner(x, e) + sigma * inner(e, e) / 2) ** 2 for x, e in zip(points, NOISE, strict=True)]
    assert got.item() == pytest.approx(3 * sum(by_hand) / 3, rel=1e-2 if sigma == 0.01 else 1e-3)


def test_over_the_noise_it_is_the_squared_slope():
    """E is |w|^2 on w'x and |x|^2 + sigma^2 d (d + 2) / 4 on |x|^2 / 2: exactly R1's square as sigma goes to 0."""
    n, d, sigma = 100_000, 2, 1.0
    real = torch.tensor([(3.0, 4.0)]).repeat(n, 1)
    for kind, exact, expected in (("linear", 13.0, 13.0), ("bowl", 25.0, 25 + sigma**2 * d * (d + 2) / 4)):
        play = play_of(Critic(kind), real, real)
        assert R1(2.0).d_term(play, Stream(0)).item() == pytest.approx(exact, rel=1e-5)
        got = R1(2.0, sigma=sigma).d_term(play, Stream(0)).item()
        assert got == pytest.approx(expected, abs=0.5), kind  # of which sigma's own term is 2


def test_its_gradient_is_that_of_the_exact_one():
    """In D's weights, on a critic with a curvature, over many draws."""
    torch.manual_seed(0)
    D = Critic("linear")
    D.features, D.head = nn.Sequential(nn.Linear(2, 16), nn.Tanh()), nn.Linear(16, 1)
    real = torch.randn(20, 2).repeat(5000, 1)
    play = play_of(D, real, real)
    weight = D.features[0].weight
    (exact,) = torch.autograd.grad(R1(1.0).d_term(play, Stream(0)), weight, retain_graph=True)
    (near,) = torch.autograd.grad(R1(1.0, sigma=0.01).d_term(play, Stream(0)), weight)
    assert (near - exact).norm() < 0.02 * exact.norm()


def test_what_the_step_knows_of_d_is_not_asked_again():
    for differ, passes in ((False, 1), (True, 2)):
        D = Critic("linear")
        real = torch.tensor(REAL)
        play = play_of(D, real, real, passes_differ=differ)
        before = D.passes
        R1(1.0, sigma=0.1).d_term(replace(play, discriminate=lambda x, again=False, D=D: D.observe(x)), Given())
        assert D.passes - before == passes


def test_under_autocast_it_is_taken_in_float32():
    """bfloat16 has three digits: the difference of two logits near 1,000 would be lost."""
    real = torch.tensor([(300.0, 4.0), (200.0, 1.0), (100.0, 8.0)])
    D = Critic("linear")
    exact = R1(2.0, sigma=0.1).d_term(play_of(D, real, real), Given())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        play = play_of(D, real, real)
        assert play.real_logits.dtype == torch.bfloat16
        got = R1(2.0, sigma=0.1).d_term(play, Given())
    assert got.dtype == torch.float32
    assert got.item() == pytest.approx(exact.item(), rel=1e-3)


@pytest.mark.parametrize(
    "more",
    [
        ["technique=[instance_noise,diff_augment,r1,r2]"],
        ["technique=[r1,r2]", "network.D.dropout=0.5"],
        ["technique=[diff_augment,r1,r2]", "network.D.dropout=0.5", "d_steps=2"],
        ["technique=[spectral_norm,r1,r2]"],  # its power iteration moves D's weights a little at each pass
    ],
)
def test_both_points_are_seen_under_the_same_draws(tiny, more):
    """With sigma it goes to a limit; another draw for the other point would be magnified by 1 / sigma^2, here 100."""
    found = []
    for sigma in (1e-2, 1e-3):
        cfg = tiny(*more, f"technique.r1.sigma={sigma}", f"technique.r2.sigma={sigma}")
        torch.manual_seed(0)
        gan = build_gan(cfg, (1, 8, 8))
        for p in gan.D.parameters():
            p.data += 0.1 * torch.randn(p.shape)  # the vectors of a spectral norm are no longer its weights' own
        gan.begin_step(torch.device("cpu"))
        gan.d_steps_done = 1
        real = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
        terms = gan.discriminator_terms(real, torch.zeros(16).long())
        found.append([terms[name].item() for name in ("r1", "r2")])
    for coarse, fine in zip(*found, strict=True):
        assert 0 < fine < 5
        assert coarse == pytest.approx(fine, rel=0.5)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: R1(sigma=0), "technique.r1.sigma must be a number above 0, got 0. null takes the exact slope"),
        (lambda: R2(sigma="a"), "technique.r2.sigma must be a number above 0, got 'a'"),
        (
            lambda: R2(sigma=0.1).join(SimpleNamespace(D=MinibatchStddev().transform_d(Critic("bowl", 64)))),
            "technique.r2.sigma needs a D that looks at each sample by itself, got one with Deviation over the batch",
        ),
    ],
)
def test_what_cannot_be(make, text):
    with pytest.raises(ValueError, match=text):
        make()
