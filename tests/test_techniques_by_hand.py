"""Techniques at numbers worked out by hand: views, averages, norms, what processes share out."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from gan_lightning.core.play import Discriminator, Play
from gan_lightning.core.prior import Normal
from gan_lightning.core.rng import Stream
from gan_lightning.techniques import global_batch
from gan_lightning.techniques.batch_features import HeadWithBatchFeatures
from gan_lightning.techniques.diff_augment import DiffAugment
from gan_lightning.techniques.dragan import DRAGAN
from gan_lightning.techniques.ema import EMA
from gan_lightning.techniques.feature_matching import FeatureMatching
from gan_lightning.techniques.gradient_clipping import GradientClipping
from gan_lightning.techniques.instance_noise import InstanceNoise
from gan_lightning.techniques.minibatch_discrimination import Closeness
from gan_lightning.techniques.spectral_norm import SpectralNorm, largest_singular_value
from gan_lightning.techniques.virtual_batch_norm import VirtualBatchNorm


class Given:
    """A stream that gives what it is told to, wherever it lies."""

    def __init__(self, values, device: str = "cpu") -> None:
        self.values = torch.as_tensor(values, device=device)

    def uniform(self, *shape):
        return self.values.reshape(shape)

    normal = uniform


# The global batch -------------------------------------------------------------------------------------------


class Processes:
    """torch.distributed for threads, each of which is one process."""

    def __init__(self, world: int, available: bool = True, initialized: bool = True) -> None:
        self.world, self.available, self.initialized = world, available, initialized
        self.given: dict[int, torch.Tensor] = {}
        self.all_gave, self.all_took = threading.Barrier(world, timeout=5), threading.Barrier(world, timeout=5)

    def is_available(self) -> bool:
        return self.available

    def is_initialized(self) -> bool:
        assert self.available
        return self.initialized

    def get_world_size(self) -> int:
        assert self.initialized
        return self.world

    def all_reduce(self, x: torch.Tensor) -> None:
        assert not x.requires_grad
        self.given[threading.get_ident()] = x.clone()
        self.all_gave.wait()
        total = sum(self.given.values())
        self.all_took.wait()
        x.copy_(total)

    def each(self, function, values: list[torch.Tensor]) -> list[torch.Tensor]:
        self.given.clear()
        with ThreadPoolExecutor(self.world) as pool:
            return list(pool.map(function, values))


PARTS = [
    torch.tensor([1.0, 2.0, 6.0]),
    torch.tensor([3.0, 9.0, 3.0]),
]  # together: mean 4, squares 9 + 4 + 4 + 1 + 25 + 1


def test_two_processes_share_a_mean_and_a_deviation(monkeypatch):
    two = Processes(2)
    monkeypatch.setattr(global_batch, "dist", two)
    assert global_batch.processes() == 2
    parts = [part.clone().requires_grad_() for part in PARTS]
    means = two.each(global_batch.global_mean, parts)
    assert [m.tolist() for m in means] == [[2.0, 5.5, 4.5]] * 2
    assert not any(m.requires_grad for m in means)
    assert [p.tolist() for p in parts] == [p.tolist() for p in PARTS], "the parts stay what they are"
    deviations = [d.item() for d in two.each(global_batch.global_std, PARTS)]
    assert deviations == pytest.approx([math.sqrt(44 / 5)] * 2, rel=1e-6)
    assert torch.cat(PARTS).std().item() == pytest.approx(math.sqrt(44 / 5), rel=1e-6)


@pytest.mark.parametrize(("available", "initialized"), [(False, False), (True, False), (True, True)])
def test_one_process_asks_nobody(monkeypatch, available, initialized):
    monkeypatch.setattr(global_batch, "dist", Processes(1, available, initialized))
    monkeypatch.setattr(Processes, "all_reduce", None)
    assert global_batch.processes() == 1
    assert global_batch.global_mean(PARTS[0]) is PARTS[0]
    assert global_batch.global_std(PARTS[0]).item() == pytest.approx(math.sqrt((4 + 1 + 9) / 2), rel=1e-6)


def test_two_processes_match_the_means_of_both(monkeypatch):
    """Features 1, 3 | 5, 7 against 0, 2 | 0, 2: the means are 4 and 1, and each process's share of the gradient."""
    two = Processes(2)
    monkeypatch.setattr(global_batch, "dist", two)
    fakes = [torch.tensor([[0.0], [2.0]], requires_grad=True) for _ in range(2)]
    reals = [torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]])]

    def term(i: int) -> torch.Tensor:
        real, fake = reals[i], fakes[i]
        play = Play("G", nn.Identity(), real, fake, None, None, fake[:, 0], real, fake, 0.0, 0, lambda x: (x, x))
        value = FeatureMatching(2.0).g_term(play, Stream(0))
        value.backward()
        return value

    values = two.each(term, [0, 1])
    assert sum(v.item() for v in values) / 2 == pytest.approx(2 * (4 - 1) ** 2)
    # of 2 |4 - 1|^2 in each of four fakes: -2 * 2 * 3 / 4; the mean over processes halves what each computes
    assert [f.grad.flatten().tolist() for f in fakes] == [[-6.0, -6.0]] * 2


# Views ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "far"), [(0.25, (1, 2)), (0.15, (1, 1)), (0.1, (0, 1)), (1.0, (4, 8)), (0.0, (0, 0))]
)
def test_a_translation_moves_each_image_by_whole_pixels(share, far):
    """Images of 4 x 8: ``far`` down or to the right at most, each distance as likely as the others; and of 8 x 4."""
    u = torch.tensor([[0.0, 0.0], [0.999, 0.999], [0.5, 0.3], [0.3, 0.7], [0.7, 0.0]])
    x = torch.rand(5, 2, 4, 8)
    got = DiffAugment(share, 0.0, fill=-3.0).view(x, 0.0, Given(u))
    expected = torch.full_like(x, -3.0)
    for i, pair in enumerate(u.tolist()):
        down, right = (math.floor(v * (2 * f + 1)) - f for v, f in zip(pair, far, strict=True))
        for r in range(4):
            for c in range(8):
                if 0 <= r + down < 4 and 0 <= c + right < 8:
                    expected[i, :, r, c] = x[i, :, r + down, c + right]
    assert torch.equal(got, expected)
    turned = DiffAugment(share, 0.0, fill=-3.0).view(x.mT, 0.0, Given(u.flip(1)))
    assert torch.equal(turned, expected.mT)


@pytest.mark.parametrize(
    ("share", "sides"), [(0.5, (2, 4)), (0.3, (1, 2)), (0.7, (3, 6)), (0.1, None), (1.0, (4, 8)), (0.0, None)]
)
def test_a_hole_of_whole_pixels_has_its_centre_in_the_image(share, sides):
    """Images of 4 x 8; an even side has its centre between two pixels, or at an edge of the image."""
    u = [[0.0, 0.0], [0.999, 0.999], [0.5, 0.3], [0.3, 0.7], [0.7, 0.0]]
    x = torch.rand(5, 2, 4, 8)
    got = DiffAugment(0.0, share, fill=-3.0).view(x, 0.0, Given(u))
    expected = x.clone()
    for i, pair in enumerate(u):
        if sides is None:  # one of them rounds to 0
            continue
        first = [
            math.floor(v * (length + 1 - s % 2)) - s // 2 for v, length, s in zip(pair, (4, 8), sides, strict=True)
        ]
        for r in range(4):
            for c in range(8):
                if 0 <= r - first[0] < sides[0] and 0 <= c - first[1] < sides[1]:
                    expected[i, :, r, c] = -3.0
    assert torch.equal(got, expected)


def test_views_stay_where_the_images_are():
    """On the device "meta" nothing is computed, and what lies elsewhere is refused."""
    x = torch.empty(2, 1, 4, 4, device="meta")
    stream = Given([[0.5, 0.5]] * 2, "meta")
    augment = DiffAugment(0.25, 0.5)
    assert augment.translate(x, stream).device.type == "meta"
    assert augment.cut(x, stream).device.type == "meta"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_instance_noise_of_sigma_1_in_the_type_of_the_images(dtype):
    x = torch.tensor([[0.5, -0.25]], dtype=dtype)
    got = InstanceNoise(1.0).view(x, 0.5, Given([[1.5, -2.0]]))
    assert got.dtype == dtype
    assert got.tolist() == [[2.0, -2.25]]


def test_instance_noise_of_sigma_0_draws_nothing():
    x = torch.zeros(1, 2)
    assert InstanceNoise(0.0).view(x, 0.0, None) is x
    assert InstanceNoise(0.3, 0.0).view(x, 1.0, None) is x


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
