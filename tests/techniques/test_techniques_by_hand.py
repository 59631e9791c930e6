"""Techniques at numbers worked out by hand: averages, norms, reference batches."""

import math

import pytest
import torch
from given import Given
from torch import nn
from torch.testing import assert_close

from gan_lightning.core.play import Discriminator, Play
from gan_lightning.core.prior import Normal
from gan_lightning.core.rng import Stream
from gan_lightning.techniques.batch_features import HeadWithBatchFeatures
from gan_lightning.techniques.dragan import DRAGAN
from gan_lightning.techniques.ema import EMA
from gan_lightning.techniques.feature_matching import FeatureMatching
from gan_lightning.techniques.gradient_clipping import GradientClipping
from gan_lightning.techniques.minibatch_discrimination import Closeness
from gan_lightning.techniques.spectral_norm import SpectralNorm, largest_singular_value
from gan_lightning.techniques.virtual_batch_norm import VirtualBatchNorm

# Averages ---------------------------------------------------------------------------------------------------


class OneWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(5.0))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("statistic", torch.tensor(1.0))


@pytest.mark.parametrize(
    ("decay", "warmup", "expected"),
    [
        (0.5, 0, [8, 6, 7]),  # 8; (8 + 4) / 2; (6 + 8) / 2
        (0.75, 0, [8, 7, 7.25]),
        (0.75, 1, [8, 6, 6 * 2 / 3 + 8 / 3]),  # d = 0, 1/2, 2/3
        (0.75, 2, [8, 8 / 3 + 4 * 2 / 3, (16 / 3 + 8) / 2]),  # d = 0, 1/3, 1/2
    ],
)
def test_an_average_of_three_values(decay, warmup, expected):
    G = OneWeight()
    ema = EMA(decay, warmup)
    ema.join(type("Game", (), {"G": G}))
    seen = []
    for i, value in enumerate([8.0, 4.0, 8.0]):
        G.w.data.fill_(value), G.statistic.fill_(value), G.count.fill_(i + 1)
        ema.after_update(G, G, "G")
        G.w.data.fill_(-1.0)
        ema.after_update(G, G, "D")  # not its move
        seen.append(ema.average.w.item())
        assert ema.average.statistic.item() == seen[-1]
        assert ema.average.count.item() == i + 1
    assert seen == pytest.approx(expected, rel=1e-6)
    assert ema.updates.item() == 3


def test_an_average_never_trains():
    ema = EMA()
    ema.join(type("Game", (), {"G": nn.Sequential(nn.BatchNorm1d(2))}))
    for asked in (ema.train(), ema.train(True), ema.train(False), nn.ModuleList([ema]).train()[0]):
        assert asked is ema
        assert not any(m.training for m in ema.modules())
    assert not any(p.requires_grad for p in ema.parameters())


# Norms of weights and of gradients --------------------------------------------------------------------------


def test_the_largest_singular_value_of_a_layer():
    dense, conv = nn.Linear(2, 2), nn.Conv2d(1, 2, (1, 2))
    for layer in (dense, conv):
        layer.weight.data.copy_(torch.tensor([[3.0, 0.0], [0.0, -4.0]]).view(layer.weight.shape))
        assert largest_singular_value(layer) == pytest.approx(4, rel=1e-12)
    conv.weight.data.copy_(torch.ones(2, 1, 1, 2))  # [[1, 1], [1, 1]]
    assert largest_singular_value(conv) == pytest.approx(2, rel=1e-12)


def test_each_pass_iterates_as_often_as_asked():
    for iterations in (1, 3):
        D = Discriminator()
        D.features, D.head = nn.Flatten(), nn.Linear(4, 1)
        SpectralNorm(iterations).transform_d(D)
        assert D.head.parametrizations.weight[0].n_power_iterations == iterations


@pytest.mark.parametrize(
    ("d", "g", "expected"), [(1.0, 2.5, (1.0, 2.5)), (None, 1.0, (5.0, 1.0)), (10.0, None, (5, 5))]
)
def test_a_gradient_of_length_5_is_cut_to_its_player_s_limit(d, g, expected):
    clipping, lengths = GradientClipping(d, g), []
    for player in ("D", "G"):
        mover = nn.Linear(1, 1)
        mover.weight.grad, mover.bias.grad = torch.tensor([[3.0]]), torch.tensor([4.0])
        clipping.before_update(mover, player)
        lengths.append(math.hypot(mover.weight.grad.item(), mover.bias.grad.item()))
    assert lengths == pytest.approx(expected, rel=1e-5)


# Layers over the batch --------------------------------------------------------------------------------------


def test_what_a_head_sees_of_its_batch_is_added_to_its_logits():
    head, over = nn.Linear(2, 1, bias=False), nn.Flatten(0)
    over.forward = lambda f: f.square()
    both = HeadWithBatchFeatures(head, over, 2)
    head.weight.data.copy_(torch.tensor([[1.0, -1.0]])), both.weight.weight.data.copy_(torch.tensor([[0.5, 2.0]]))
    assert both(torch.tensor([[3.0, 1.0], [0.0, 2.0]])).tolist() == [2 + 4.5 + 2, -2 + 8]


def test_new_weights_are_drawn_as_wide_as_they_are_said_to_be():
    torch.manual_seed(0)
    closeness, head = Closeness(40, 50, 10), HeadWithBatchFeatures(nn.Linear(2, 1), nn.Identity(), 20_000)
    for weights, std in ((closeness.T, 0.05), (head.weight.weight, 1e-3)):  # 20,000 values: 5 standard errors
        assert abs(weights.mean().item()) < 5 * std / math.sqrt(20_000)
        assert weights.std().item() == pytest.approx(std, rel=5 / math.sqrt(40_000))
    assert head.weight.bias is None


def test_feature_matching_keeps_the_last_two_outputs_of_its_layer():
    D = Discriminator()
    D.features, D.head = nn.Flatten(), nn.Linear(2, 1)
    matching = FeatureMatching(layer="features")
    matching.transform_d(D)
    for value in (1.0, 2.0, 3.0):
        D(torch.full((1, 2), value))
    assert [f[0, 0].item() for f in matching.seen] == [2.0, 3.0]
    assert [FeatureMatching(w).needs_real_in_g for w in (0, 0.5)] == [False, True]


def test_dragan_hides_nothing_in_the_samples():
    """delta = 0: the slope is taken at the data themselves, |x| for D(x) = |x|^2 / 2."""
    D = Discriminator()
    D.features, D.head = nn.Flatten(), nn.Flatten(0)
    D.head.forward = lambda f: f.square().sum(1) / 2
    real = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    play = Play("D", D, real, -real, None, D(real), D(real), real, real, 0.0, 0, D.observe)
    assert DRAGAN(2.0).d_term(play, Given([[0.0, 0.0]] * 2)).item() == pytest.approx(2 * (16 + 0) / 2)


# Virtual batch normalisation --------------------------------------------------------------------------------


def test_virtual_batch_norm_of_pictures_by_hand():
    """A sample's own mean is over its positions; the reference batch's, over its rows and positions."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3, eps=0.1)
    norm.weight.data.uniform_(0.5, 2), norm.bias.data.normal_()
    virtual = VirtualBatchNorm(Normal(5), size=4).transform_g(nn.Sequential(norm))
    h = torch.randn(6, 3, 2, 2)
    got = virtual.G(h)
    for i in (4, 5):
        joined = torch.cat([h[:4], h[i : i + 1]]).transpose(0, 1).flatten(1)
        mean, var = joined.mean(1)[:, None, None], joined.var(1, correction=0)[:, None, None]
        expected = (h[i] - mean) / (var + 0.1).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]
        assert_close(got[i], expected)
    assert virtual.G(h.double()).dtype == torch.float64
    assert virtual.G(h.bfloat16()).dtype == torch.bfloat16


def test_the_reference_batch_is_a_draw_of_its_own_stream():
    G = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3))
    virtual = VirtualBatchNorm(Normal(5), size=6, seed=3).transform_g(G)
    assert torch.equal(virtual.reference, Stream(3, name="virtual_batch_norm").normal(6, 5))
    reference = virtual.reference
    virtual.bfloat16().reference = reference
    assert virtual(torch.randn(2, 5).bfloat16()).dtype == torch.bfloat16, "the reference follows z"
    assert (VirtualBatchNorm(Normal(5)).size, VirtualBatchNorm(Normal(5)).seed) == (64, 0)
