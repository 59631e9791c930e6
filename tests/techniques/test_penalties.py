"""Penalties by hand, on a critic whose slope depends on where it is taken: D(x) = |x|^2 / 2 has the slope |x|."""

import math
import statistics
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from gan_lightning.config.build import build_gan
from gan_lightning.core.play import Discriminator, Play
from gan_lightning.core.rng import Stream
from gan_lightning.game.loop import Loop
from gan_lightning.networks.dcgan import Discriminator as ConvDiscriminator
from gan_lightning.techniques.dragan import DRAGAN
from gan_lightning.techniques.gradient_penalty import GradientPenalty
from gan_lightning.techniques.instance_noise import InstanceNoise
from gan_lightning.techniques.minibatch_stddev import MinibatchStddev
from gan_lightning.techniques.r1 import R1
from gan_lightning.techniques.r2 import R2
from gan_lightning.techniques.slopes import slopes

REAL = [(3.0, 4.0), (0.0, 1.0), (6.0, 8.0)]  # slopes 5, 1, 10
FAKE = [(1.0, 0.0), (0.0, 2.0), (0.0, 3.0)]  # slopes 1, 2, 3


class HalfSquare(nn.Module):
    def forward(self, f):
        return f.square().sum(1) / 2


class Bowl(Discriminator):
    def __init__(self) -> None:
        super().__init__()
        self.features, self.head = nn.Flatten(), HalfSquare()


class Given:
    """A stream that gives what it is told to, and asserts the shape that is asked for."""

    def __init__(self, values, shape) -> None:
        self.values, self.shape = values, shape

    def uniform(self, *shape):
        assert shape == self.shape
        return torch.tensor(self.values).reshape(shape)

    normal = uniform


def play_of(D: Discriminator, shape: tuple[int, ...]) -> Play:
    real, fake = (torch.tensor(x).reshape(3, *shape) for x in (REAL, FAKE))
    (rf, rl), (ff, fl) = D.observe(real), D.observe(fake)
    return Play("D", D, real, fake, None, rl, fl, rf, ff, 0.0, 0, D.observe)


SHAPES = pytest.mark.parametrize("shape", [(2,), (2, 1, 1), (1, 1, 2)])


@SHAPES
def test_r1_is_taken_at_the_data_and_r2_at_the_samples(shape):
    play = play_of(Bowl(), shape)
    assert R1(2.0).d_term(play, Stream(0)).item() == pytest.approx(2 / 2 * (25 + 1 + 100) / 3, rel=1e-6)
    assert R2(2.0).d_term(play, Stream(0)).item() == pytest.approx(2 / 2 * (1 + 4 + 9) / 3, rel=1e-6)


@SHAPES
def test_gradient_penalty_is_taken_between_with_one_u_per_sample(shape):
    """x^ = u x + (1 - u) G(z): (1.5, 1), (0, 1.5) and (6, 8) for u = 1/4, 1/2, 1."""
    rng = Given([0.25, 0.5, 1.0], (3, *[1] * len(shape)))
    expected = 10 * ((math.hypot(1.5, 1) - 1) ** 2 + (1.5 - 1) ** 2 + (10 - 1) ** 2) / 3
    assert GradientPenalty(10.0).d_term(play_of(Bowl(), shape), rng).item() == pytest.approx(expected, rel=1e-6)


@SHAPES
def test_dragan_is_taken_around_the_data_as_far_as_they_are_spread(shape):
    delta = [(1.0, -1.0), (0.0, 2.0), (0.5, 0.0)]
    far = 0.5 * statistics.stdev([3, 4, 0, 1, 6, 8])
    points = [[x + far * d for x, d in zip(*pair, strict=True)] for pair in zip(REAL, delta, strict=True)]
    expected = 10 * sum((math.hypot(*x) - 1) ** 2 for x in points) / 3
    got = DRAGAN(10.0, spread=0.5).d_term(play_of(Bowl(), shape), Given(delta, (3, *shape)))
    assert got.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("progress", "sigma"), [(0.0, 0.4), (0.5, 0.25), (1.0, 0.1)])
def test_instance_noise_falls_to_its_final_sigma(progress, sigma):
    x, noise = torch.zeros(3, 2), [(1.0, -1.0), (0.0, 2.0), (0.5, 0.0)]
    got = InstanceNoise(0.4, 0.1).view(x, progress, Given(noise, (3, 2)))
    torch.testing.assert_close(got, sigma * torch.tensor(noise))
    assert torch.equal(InstanceNoise(0.4).view(x, progress, Given(noise, (3, 2))), 0.4 * torch.tensor(noise))


# BatchNorm in D -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [R1, R2])
def test_r1_and_r2_refuse_a_d_with_batch_norm(penalty):
    """Behind a BatchNorm and a linear head the penalty is 0, whatever D: nothing would be regularised."""
    torch.manual_seed(0)
    D = Bowl()
    D.features, D.head = nn.Sequential(nn.Flatten(), nn.Linear(2, 8), nn.BatchNorm1d(8)), nn.Linear(8, 1)
    play = play_of(D, (2,))
    assert penalty(10.0).d_term(play, Stream(0)).item() == pytest.approx(0, abs=1e-9)
    assert slopes(play_of(Bowl(), (2,)), play.real).min() >= 1, "without it the slope is there"
    with pytest.raises(
        ValueError, match=f"technique={penalty.name} needs a D without BatchNorm, got one with BatchNorm1d"
    ):
        penalty().join(SimpleNamespace(D=D))
    with pytest.raises(
        ValueError, match="with BatchNorm2d.*Write experiment=dcgan or 'technique=.ema.', .* network.D.d_norm=none"
    ):
        penalty().join(SimpleNamespace(D=ConvDiscriminator((1, 28, 28))))
    penalty().join(SimpleNamespace(D=ConvDiscriminator((1, 28, 28), d_norm="none")))
    penalty().join(SimpleNamespace(D=MinibatchStddev().transform_d(ConvDiscriminator((1, 28, 28), d_norm="none"))))


# A term's own passes move nobody else's draws -------------------------------------------------------------

VIEWS = ["instance_noise", "diff_augment"]
PENALTIES = ["gradient_penalty", "dragan", "r1", "r2"]
WEIGHTED = [*PENALTIES, "historical_averaging", "feature_matching"]


@pytest.fixture
def losses(tiny):
    """Losses of two steps, by terms, under views that draw and a D with dropout."""

    def run(techniques: list[str], **knobs: float) -> list[dict[str, dict[str, float]]]:
        cfg = tiny(f"technique=[{','.join([*VIEWS, *WEIGHTED])}]", "network.D.dropout=0.5")  # composed once
        cfg.technique = {name: cfg.technique[name] for name in techniques}
        cfg.technique[techniques[-1]].update(knobs)
        torch.manual_seed(0)
        gan = build_gan(cfg, (1, 8, 8))
        loop = Loop(gan)
        generator = torch.Generator().manual_seed(1)
        steps = []
        for _ in range(2):
            loop.step(2 * torch.rand(16, 1, 8, 8, generator=generator) - 1, torch.zeros(16).long())
            steps.append({p: {name: term.item() for name, term in gan.terms[p].items()} for p in "DG"})
        return steps

    return run


def of_the_game(steps: list[dict[str, dict[str, float]]]) -> list[list[float]]:
    return [[step[player]["adversarial"] for player in "DG"] for step in steps]


@pytest.mark.parametrize("name", WEIGHTED)
def test_a_weight_of_0_changes_no_bit_beside_views_and_dropout(losses, name):
    more = {"adversarial_weight": 1.0} if name == "feature_matching" else {}
    assert of_the_game(losses([*VIEWS, name], weight=0, **more)) == of_the_game(losses(VIEWS))


@pytest.mark.parametrize("name", PENALTIES)
def test_a_penalty_that_moves_nothing_changes_no_bit_beside_views_and_dropout(losses, name):
    """It is computed, and at 1e-30 lost in the rounding."""
    assert of_the_game(losses([*VIEWS, name], weight=1e-30)) == of_the_game(losses(VIEWS))


@pytest.mark.parametrize("kind", [GradientPenalty, DRAGAN, R1, R2], ids=lambda k: k.name)
def test_a_penalty_of_weight_0_is_not_computed(kind):
    play = play_of(Bowl(), (2,))
    object.__setattr__(play, "discriminate", None)
    assert kind(0.0).d_term(play, Stream(0)).item() == 0.0
    with pytest.raises(TypeError):
        kind(1.0).d_term(play, Stream(0))


@pytest.mark.parametrize(("name", "other"), [("gradient_penalty", "r1"), ("dragan", "r2"), ("r1", "dragan")])
def test_a_term_is_the_same_with_another_beside_it(losses, name, other):
    """At the first step, where both games have the same weights: the same points, noise of the views and masks."""
    alone, beside = losses([*VIEWS, name])[0]["D"], losses([*VIEWS, other, name])[0]["D"]
    assert alone[name] > 0
    assert beside[name] == alone[name]
    assert beside["adversarial"] == alone["adversarial"]
