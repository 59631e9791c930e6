"""What each technique must fulfil, with a wrong version beside it that does not."""

import copy
import dataclasses
import math
from types import SimpleNamespace

import pytest
import torch
from conftest import TINY, EachStep, composed, only_network
from torch import nn
from torch.testing import assert_close

import gan_lightning
from gan_lightning.config.build import build_data, build_gan, check_lipschitz
from gan_lightning.config.compose import compose
from gan_lightning.core.play import Discriminator, Play
from gan_lightning.core.prior import Normal
from gan_lightning.core.rng import Stream
from gan_lightning.core.seats import Seats, Technique
from gan_lightning.game.module import GAN
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.networks.dcgan import Discriminator as ConvDiscriminator
from gan_lightning.networks.dcgan import Generator as ConvGenerator
from gan_lightning.networks.maxout import Generator as MaxoutGenerator
from gan_lightning.networks.mlp import Discriminator as MLPDiscriminator
from gan_lightning.networks.mlp import Generator as MLPGenerator
from gan_lightning.techniques.diff_augment import DiffAugment
from gan_lightning.techniques.dragan import DRAGAN
from gan_lightning.techniques.ema import EMA
from gan_lightning.techniques.feature_matching import FeatureMatching
from gan_lightning.techniques.gradient_clipping import GradientClipping
from gan_lightning.techniques.gradient_penalty import GradientPenalty
from gan_lightning.techniques.historical_averaging import HistoricalAveraging
from gan_lightning.techniques.minibatch_discrimination import Closeness, MinibatchDiscrimination
from gan_lightning.techniques.minibatch_stddev import Deviation, MinibatchStddev
from gan_lightning.techniques.packing import Packing
from gan_lightning.techniques.r1 import R1
from gan_lightning.techniques.r2 import R2
from gan_lightning.techniques.slopes import slopes
from gan_lightning.techniques.spectral_norm import SpectralNorm, largest_singular_value
from gan_lightning.techniques.virtual_batch_norm import VirtualBatchNorm
from gan_lightning.techniques.weight_clipping import WeightClipping
from gan_lightning.techniques.weight_norm import WeightNorm
from gan_lightning.training.setup import train

SHAPE = (1, 8, 8)


class Linear(Discriminator):
    """A critic of slope |w| everywhere: D(x) = w . x."""

    def __init__(self, w: torch.Tensor) -> None:
        super().__init__()
        self.features = nn.Flatten()
        self.head = nn.Linear(len(w), 1, bias=False)
        self.head.weight.data.copy_(w[None])


def a_play(D: Discriminator, n: int = 8, step: int = 0, player="D", view=lambda x: x, shape=SHAPE) -> Play:
    torch.manual_seed(1)
    real, fake = torch.randn(n, *shape), torch.randn(n, *shape)
    observe = lambda x: D.observe(view(x))  # noqa: E731
    rf, rl = observe(real)
    ff, fl = observe(fake)
    return Play(player, D, real, fake, None, rl, fl, rf, ff, 0.0, step, observe)


# Penalties ------------------------------------------------------------------------------------------------

W = torch.linspace(-0.5, 0.5, 64)
SLOPE = W.norm().item()
PENALTIES = [
    (GradientPenalty(10.0), 10 * (SLOPE - 1) ** 2),
    (DRAGAN(10.0), 10 * (SLOPE - 1) ** 2),
    (R1(10.0), 5 * SLOPE**2),
    (R2(10.0), 5 * SLOPE**2),
]


@pytest.mark.parametrize(("penalty", "expected"), PENALTIES, ids=lambda p: getattr(p, "name", ""))
def test_penalties_on_a_linear_critic_in_closed_form(penalty, expected):
    got = penalty.d_term(a_play(Linear(W)), Stream(0))
    assert_close(got.item(), expected, rtol=1e-5, atol=0)


def test_one_norm_over_the_whole_batch_is_told_apart():
    """As in torchgan: the norm of all gradients together, sqrt(N) times too long on a linear critic."""
    play = a_play(Linear(W))
    x = play.real.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(play.discriminate(x)[1].sum(), x)
    wrong = 10 * (gradient.norm() - 1) ** 2
    assert wrong.item() == pytest.approx(10 * (math.sqrt(8) * SLOPE - 1) ** 2, rel=1e-5)
    assert abs(wrong.item() - PENALTIES[0][1]) > 1


@pytest.mark.parametrize("penalty", [GradientPenalty(10.0), DRAGAN(10.0)], ids=lambda p: p.name)
def test_a_critic_of_unit_slope_pays_nothing(penalty):
    assert_close(penalty.d_term(a_play(Linear(W / W.norm())), Stream(0)).item(), 0.0, rtol=0, atol=1e-10)


def test_penalties_have_a_gradient_for_d():
    for penalty, _ in PENALTIES:
        D = Linear(W)
        penalty.d_term(a_play(D), Stream(0)).backward()
        # d/dw of weight * f(|w|) points along w
        g = D.head.weight.grad.flatten()
        assert abs(torch.cosine_similarity(g, W, dim=0).item()) == pytest.approx(1, abs=1e-5)


def test_a_lazy_penalty_costs_the_same_on_average():
    lazy, eager = GradientPenalty(2.0, interval=3), GradientPenalty(2.0)
    each = [lazy.d_term(a_play(Linear(W), step=s), Stream(0)).item() for s in range(6)]
    once = eager.d_term(a_play(Linear(W)), Stream(0)).item()
    assert each == pytest.approx([3 * once, 0, 0, 3 * once, 0, 0])


@pytest.mark.parametrize("penalty", [R1, R2])
def test_a_falling_weight_falls_in_equal_ratios(penalty):
    falling, steady = penalty(8.0, final_weight=0.5), penalty(8.0)
    once = steady.d_term(a_play(Linear(W)), Stream(0)).item()
    plays = [dataclasses.replace(a_play(Linear(W)), progress=p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert [falling.d_term(play, Stream(0)).item() / once for play in plays] == pytest.approx(
        [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16]
    )


def test_the_slope_of_a_pack_is_one_vector():
    """Two samples of slope s, packed: sqrt(2) s per input, one input per pack."""
    pack = Packing(2)
    play = a_play(Linear(torch.cat([W, W])), view=lambda x: pack.view(x, 0.0, Stream(0)))
    assert_close(slopes(play, play.real), torch.full((4,), math.sqrt(2) * SLOPE), rtol=1e-5, atol=0)


def test_penalties_stay_in_float32_under_autocast():
    D = Linear(W)
    with torch.autocast("cpu", torch.bfloat16):
        play = a_play(D)
        assert play.real_logits.dtype == torch.bfloat16
        got = slopes(play, play.real)
    assert got.dtype == torch.float32
    assert_close(got, torch.full((8,), SLOPE), rtol=1e-6, atol=0)
    assert abs(W.bfloat16().float().norm().item() - SLOPE) > 1e-5, "bfloat16 would be seen"


@pytest.mark.parametrize(
    ("technique", "D", "layer"),
    [
        ("gradient_penalty", ConvDiscriminator((1, 28, 28)), "BatchNorm2d"),
        ("dragan", ConvDiscriminator((1, 28, 28)), "BatchNorm2d"),
        ("gradient_penalty", MinibatchStddev().transform_d(MLPDiscriminator(SHAPE)), "Deviation over the batch"),
    ],
)
def test_slopes_at_single_samples_need_single_samples(technique, D, layer):
    penalty = GradientPenalty() if technique == "gradient_penalty" else DRAGAN()
    with pytest.raises(ValueError, match=f"technique={technique} needs a D that looks at each sample.*with {layer}"):
        penalty.join(SimpleNamespace(D=D))


# Salimans et al. 2016 -------------------------------------------------------------------------------------


def test_feature_matching_by_hand_and_blind_to_the_order_of_the_batch():
    D = MLPDiscriminator(SHAPE, hidden=(6, 3))
    play = a_play(D, player="G")
    expected = (play.real_features.mean(0) - play.fake_features.mean(0)).square().sum()
    assert_close(FeatureMatching(2.0).g_term(play, Stream(0)), 2 * expected)

    def per_sample(real, fake):  # the wrong version, as in torchgan
        return (real - fake).square().mean()

    order = torch.tensor([3, 1, 0, 2, 7, 6, 5, 4])
    real, fake = play.real_features, play.fake_features
    moved = Play(**{**vars(play), "real_features": real[order]})
    assert_close(FeatureMatching().g_term(moved, Stream(0)), expected)
    assert abs(per_sample(real[order], fake) - per_sample(real, fake)) > 1e-4


def test_feature_matching_moves_g_and_not_its_target():
    D = MLPDiscriminator(SHAPE, hidden=(6, 3))
    play = a_play(D, player="G")
    real, fake = (f.detach().requires_grad_() for f in (play.real_features, play.fake_features))
    FeatureMatching().g_term(Play(**{**vars(play), "real_features": real, "fake_features": fake}), Stream(0)).backward()
    assert real.grad is None
    expected = -2 / 8 * (real.mean(0) - fake.mean(0)).expand(8, -1)
    assert_close(fake.grad, expected)


def test_feature_matching_of_a_chosen_layer():
    D = MLPDiscriminator(SHAPE, hidden=(6, 3))
    matching = FeatureMatching(layer="features.2")
    matching.transform_d(D)
    play = a_play(D, player="G")
    first = D.features[:3]
    expected = (first(play.real).mean(0) - first(play.fake).mean(0)).square().sum()
    matching.seen.clear()
    a_play(D, player="G")
    assert_close(matching.g_term(play, Stream(0)), expected)
    with pytest.raises(ValueError, match="layer must name a module of D, got 'features.9'.*features.0, features.1"):
        FeatureMatching(layer="features.9").transform_d(D)


def test_feature_matching_gives_d_no_gradient(play):
    grads = {}

    class Look(Technique):
        def after_update(self, G, D, player):
            grads[player] = [p.grad.clone() for p in D.parameters()]

    gan = play("steps=1", gan=with_techniques({"feature_matching": FeatureMatching(), "look": Look()}))
    assert gan.adversarial_weight == 0
    assert all(torch.equal(d, g) for d, g in zip(grads["D"], grads["G"], strict=True)), "those of D's own half"


def test_closeness_against_a_double_loop():
    torch.manual_seed(0)
    layer = Closeness(5, 4, 3)
    f = torch.randn(6, 5)
    M = torch.einsum("na,abc->nbc", f, layer.T)
    expected = torch.zeros(6, 4)
    for i in range(6):
        for j in range(6):
            for b in range(4):
                expected[i, b] += math.exp(-sum(abs(M[i, b, c] - M[j, b, c]).item() for c in range(3)))
    assert_close(layer(f), expected)
    assert (layer(f) >= 1).all(), "the sample meets itself, as in the paper's sum"
    squared = torch.exp(-(M.unsqueeze(0) - M.unsqueeze(1)).square().sum(3)).sum(0)  # L2 instead of L1
    assert (squared - expected).abs().max() > 1e-3


def test_a_collapsed_batch_is_closer_than_a_spread_one():
    layer = Closeness(5, 4, 3)
    torch.manual_seed(0)
    assert_close(layer(torch.ones(6, 5)), torch.full((6, 4), 6.0))
    assert (layer(100 * torch.randn(6, 5)) < 1.1).all()


def test_minibatch_discrimination_begins_as_the_plain_d_and_learns():
    D = MLPDiscriminator(SHAPE, hidden=(6, 3))
    plain = copy.deepcopy(D)
    MinibatchDiscrimination(4, 3).transform_d(D)
    x = torch.randn(5, *SHAPE)
    assert 0 < (D(x) - plain(x)).abs().max() < 0.05
    D(x).sum().backward()
    assert D.head.batch_features.T.grad.abs().sum() > 0


def test_historical_averaging_against_a_stored_list(play):
    gan = with_techniques({"historical_averaging": HistoricalAveraging(0.5)})
    start = {p: [q.detach().clone() for q in getattr(gan, p).parameters()] for p in "DG"}
    past = {p: [start[p]] for p in "DG"}

    def keep(g):
        for p in "DG":
            past[p].append([q.detach().clone() for q in getattr(g, p).parameters()])

    play("steps=4", gan=gan, callbacks=(EachStep(keep),))
    technique = gan.seats.techniques["historical_averaging"]
    for p in "DG":
        mean = [torch.stack(each).mean(0) for each in zip(*past[p], strict=True)]
        for i, expected in enumerate(mean):
            assert_close(getattr(technique, f"mean_{p}_{i}"), expected, rtol=0, atol=1e-6)
        module = getattr(gan, p)
        term = technique.term(SimpleNamespace(player=p, mover=module))
        distance = sum((q - m).square().sum() for q, m in zip(module.parameters(), mean, strict=True))
        assert_close(term, 0.5 * distance, rtol=1e-4, atol=1e-9)
        wrong = sum((q - m).square().sum() for q, m in zip(module.parameters(), past[p][-2], strict=True))
        assert abs(wrong - distance) > 1e-6, "the distance to the last step alone is another number"
    saved = gan.state_dict()
    assert saved["techniques.historical_averaging.t_D"] == 5


NETWORKS = {
    "mlp": lambda: MLPGenerator(5, SHAPE, hidden=(8, 12)),
    "dcgan": lambda: ConvGenerator(5, (1, 28, 28), width=2),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_virtual_batch_norm_ignores_batch_mates_and_batch_norm_does_not(network):
    torch.manual_seed(0)
    plain = NETWORKS[network]()
    G = VirtualBatchNorm(Normal(5), size=6, seed=3).transform_g(copy.deepcopy(plain))
    z = torch.randn(4, 5)
    for mode in (True, False):
        G.train(mode)
        together = G(z)
        alone = torch.cat([G(z[i : i + 1]) for i in range(4)])
        assert_close(together, alone, rtol=0, atol=1e-6)
    assert_close(G.train()(z), G.eval()(z), rtol=0, atol=0)
    assert (plain(z) - torch.cat([plain(z[:2]), plain(z[2:])])).abs().max() > 1e-3, "BatchNorm's does not pass"


def test_virtual_batch_norm_by_hand():
    torch.manual_seed(0)
    G = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3))
    G[1].weight.data.uniform_(0.5, 2), G[1].bias.data.normal_()
    virtual = VirtualBatchNorm(Normal(5), size=6, seed=3).transform_g(G)
    z = torch.randn(2, 5)
    reference, h = G[0](virtual.reference), G[0](z)
    for i in range(2):
        joined = torch.cat([reference, h[i : i + 1]])  # the sample itself is mixed in
        mean, var = joined.mean(0), joined.var(0, correction=0)
        expected = (h[i] - mean) / (var + 1e-5).sqrt() * G[1].weight + G[1].bias
        assert_close(virtual(z)[i], expected)


def test_the_reference_batch_stays_and_is_saved(play):
    gan = play("technique=[virtual_batch_norm]", "technique.virtual_batch_norm.size=4")
    first = gan.state_dict()["G.reference"].clone()
    z = torch.randn(3, 5)
    with torch.no_grad():
        assert torch.equal(gan.G(z), gan.G(z)), "torchgan's forgets its reference at every second call"
    again = build_tiny("technique=[virtual_batch_norm]", "technique.virtual_batch_norm.size=4", "seed=7")
    assert not torch.equal(again.G.reference, first)
    again.load_state_dict(gan.state_dict())
    assert torch.equal(again.G.reference, first)
    with torch.no_grad():
        assert torch.equal(again.G(z), gan.G(z))


def test_virtual_batch_norm_without_batch_norm_is_refused():
    with pytest.raises(ValueError, match="replaces the BatchNorm of G, got a G without any.*network=mlp"):
        VirtualBatchNorm(Normal(5)).transform_g(MaxoutGenerator(5, SHAPE, hidden=8))


# Weights of D ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("D", "shape"),
    [
        (MLPDiscriminator(SHAPE, hidden=(12, 6)), SHAPE),
        (ConvDiscriminator((1, 28, 28), width=4, d_norm="none"), (1, 28, 28)),
    ],
    ids=["mlp", "dcgan"],
)
def test_spectral_norm_brings_the_largest_singular_value_to_1(D, shape):
    D = copy.deepcopy(D)  # another run in this process finds it as it was
    layers = [m for m in D.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert len(layers) == 3
    assert max(abs(largest_singular_value(m) - 1) for m in layers) > 0.1
    torch.manual_seed(0)
    SpectralNorm().transform_d(D)
    for _ in range(300):
        D(torch.randn(2, *shape))
    assert [largest_singular_value(m) for m in layers] == pytest.approx([1, 1, 1], abs=1e-3)
    frobenius = [m.weight.norm().item() for m in layers[:2]]
    assert min(frobenius) > 1.1, "divided by the Frobenius norm instead, this would be 1"


def test_weight_norm_is_length_times_direction():
    D = MLPDiscriminator(SHAPE, hidden=(6,))
    plain = copy.deepcopy(D)
    WeightNorm().transform_d(D)
    layer = D.features[1]
    g, v = layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
    assert_close(layer.weight, g * v / v.norm(dim=1, keepdim=True))
    x = torch.randn(3, *SHAPE)
    assert_close(D(x), plain(x))
    v.data.mul_(10)  # the direction's length means nothing
    assert_close(D(x), plain(x))
    assert (10 * plain.features[1].weight - layer.weight).abs().max() > 0.1


def test_both_norms_at_once_are_refused():
    with pytest.raises(ValueError, match="technique=weight_norm rescales D's weights.*spectral_norm and weight_norm"):
        Seats({"spectral_norm": SpectralNorm(), "weight_norm": WeightNorm()}).transform_d(MLPDiscriminator(SHAPE))


def test_clipping_keeps_d_in_its_box_and_leaves_g_alone(play):
    gan = with_techniques({"weight_clipping": WeightClipping(0.01)})
    sizes = EachStep(
        lambda g: tuple(max(p.abs().max().item() for p in m.parameters()) for m in (g.D, g.G))  # after G's move too
    )
    play("steps=3", gan=gan, callbacks=(sizes,))
    assert all(d <= 0.01 < g for d, g in sizes.seen)


# Mode coverage --------------------------------------------------------------------------------------------


def test_packing_counts_and_keeps_the_samples_apart():
    x = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 2, 3, 3)
    packed = Packing(4).view(x, 0.0, Stream(0))
    assert packed.shape == (2, 8, 3, 3)
    assert packed[:, ::2, 0, 0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert Packing(4).view_shape((2, 3, 3)) == (8, 3, 3)
    assert Packing(4).view(torch.zeros(8, 2), 0.0, Stream(0)).shape == (2, 8)


def test_packing_makes_fewer_verdicts(play):
    seen = EachStep(lambda g: (tuple(g.latest["real"].shape), tuple(g.latest["fake"].shape)))
    gan = play("technique=[packing]", "technique.packing.m=4", callbacks=(seen,))
    assert seen.seen == [((4,), (4,))] * 6
    assert gan.D.features[1].in_features == 4 * 64
    assert gan.images_seen == 6 * 16, "images, not packs"


def test_minibatch_stddev_by_hand():
    f = torch.tensor([[0.0, 1.0], [2.0, 5.0]])
    assert_close(Deviation()(f), torch.full((2, 1), 1.5))
    assert_close(Deviation()(torch.ones(4, 3)), torch.full((4, 1), 1e-4))
    per_sample = f.std(1, correction=0)  # the wrong axis
    assert (per_sample - 1.5).abs().max() > 0.4


# Stability in practice ------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 3])
def test_ema_against_an_average_kept_by_hand(play, k):
    gan = with_techniques({"ema": EMA(0.8, warmup=2)}, d_steps=k)
    before = copy.deepcopy(gan.G)
    mine, updates = None, 0

    def follow(g):
        nonlocal mine, updates
        if g.g_steps_done > updates:
            d = min(0.8, updates / (updates + 2))
            live = {n: v.detach().clone().double() for n, v in g.G.state_dict().items()}
            mine = live if mine is None else {n: d * mine[n] + (1 - d) * v for n, v in live.items()}
            updates += 1

    play("steps=8", f"d_steps={k}", gan=gan, callbacks=(EachStep(follow),))
    average = gan.generators["ema"]
    assert updates == 8
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            assert_close(value.double(), mine[name], rtol=0, atol=1e-6)
    live_buffers = [(b - a).abs().max() for b, a in zip(gan.G.buffers(), average.buffers(), strict=True)]
    assert max(live_buffers) > 1e-4, "BatchNorm's statistics are averaged too"
    assert not any(p.requires_grad for p in average.parameters())
    assert not any(m.training for m in average.modules())
    assert gan.G.training
    assert any((a - b).abs().max() > 1e-4 for a, b in zip(average.parameters(), before.parameters(), strict=True))


def test_ema_changes_no_bit_of_the_game(play):
    without, beside = play().state_dict(), play("technique=[ema]").state_dict()
    assert all(torch.equal(without[name], beside[name]) for name in without)


def test_gradient_clipping_shortens_each_player_by_itself(play):
    def lengths(g):
        return tuple(nn.utils.get_total_norm([p.grad for p in m.parameters()]).item() for m in (g.D, g.G))

    free, cut, half = EachStep(lengths), EachStep(lengths), EachStep(lengths)
    play("steps=2", gan=with_techniques({}), callbacks=(free,))
    play("steps=2", gan=with_techniques({"c": GradientClipping(0.01, 0.001)}), callbacks=(cut,))
    play("steps=2", gan=with_techniques({"c": GradientClipping(None, 0.001)}), callbacks=(half,))
    assert min(map(min, free.seen)) > 0.01
    assert all(pair == pytest.approx((0.01, 0.001), rel=1e-3) for pair in cut.seen)
    assert half.seen[0][0] == free.seen[0][0]
    assert half.seen[0][1] == pytest.approx(0.001, rel=1e-3)


def test_gradient_clipping_sees_unscaled_gradients(play):
    """The hook runs when the scaler has divided: clipped before that, a scale of 1024 would shorten 1024-fold."""
    seen = []

    class Look(Technique):
        def before_update(self, mover, player):
            seen.append(nn.utils.get_total_norm([p.grad for p in mover.parameters()]).item())

    play("steps=1", gan=with_techniques({"look": Look()}))
    plain, seen = seen[:], []
    from lightning.pytorch.plugins import MixedPrecision

    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    plugin = MixedPrecision("bf16-mixed", "cpu")
    plugin.scaler = scaler
    play("steps=1", gan=with_techniques({"look": Look()}), precision=None, plugins=[plugin])
    assert seen == pytest.approx(plain, rel=0.05), "within bfloat16's rounding"


def test_diff_augment_moves_cuts_and_lets_gradients_through():
    augment = DiffAugment(translation=0.25, cutout=0.25, fill=-1.0)
    x = torch.rand(64, 1, 8, 8, requires_grad=True)
    out = augment.view(x, 0.0, Stream(0, 1, "a"))
    assert out.shape == x.shape
    kept = out > -1
    assert set(out[kept].detach().tolist()) <= set(x.detach().flatten().tolist()), "pixels move, none is mixed"
    out.sum().backward()
    assert x.grad.sum().item() == kept.sum().item(), "each pixel that is seen has gradient 1"
    moved = DiffAugment(0.25, 0.0).translate(x, Stream(0, 1, "a"))
    offsets = {
        (dy, dx)
        for i in range(64)
        for dy in range(-2, 3)
        for dx in range(-2, 3)
        if torch.equal(torch.roll(x[i], (dy, dx), (1, 2))[0, 2:-2, 2:-2], moved[i, 0, 2:-2, 2:-2])
    }
    assert len(offsets) > 20, "of 25 offsets; one offset for the whole batch is the wrong version"
    holes = (DiffAugment(0.0, 0.5).cut(torch.zeros(400, 1, 8, 8), Stream(1)) == -1).sum((1, 2, 3))
    assert holes.max() == 16
    assert holes.min() >= 4, "the centre of the hole lies inside"
    assert 9 < holes.float().mean() < 14


def test_diff_augment_sees_the_two_halves_with_other_draws_and_refuses_points():
    augment, stream, x = DiffAugment(), Stream(0), torch.rand(8, 1, 8, 8)
    assert not torch.equal(augment.view(x, 0, stream), augment.view(x, 0, stream))
    assert torch.equal(DiffAugment(0, 0).view(x, 0, stream), x)
    with pytest.raises(ValueError, match=r"needs images \(C, H, W\), got samples of shape \(2,\)"):
        augment.view_shape((2,))


# Zero is nothing ------------------------------------------------------------------------------------------

NOTHING = [
    "gradient_penalty.weight=0",
    "dragan.weight=0",
    "r1.weight=0",
    "r2.weight=0",
    "historical_averaging.weight=0",
    "instance_noise.sigma=0",
    "packing.m=1",
]


@pytest.mark.parametrize("knob", NOTHING)
def test_a_weight_or_noise_of_zero_changes_no_bit(play, knob):
    def losses(*overrides):
        seen = EachStep(lambda g: (g.latest["loss/d"].item(), g.latest["loss/g"].item()))
        return seen, play(*overrides, callbacks=(seen,)).D.state_dict()

    name = knob.partition(".")[0]
    (without, plain), (beside, zero) = losses(), losses(f"technique=[{name}]", f"technique.{knob}")
    assert beside.seen == without.seen
    assert all(torch.equal(plain[key], zero[key]) for key in plain)


def test_feature_matching_of_weight_zero_beside_the_adversarial_loss_changes_no_bit(play):
    knobs = ["technique.feature_matching.weight=0", "technique.feature_matching.adversarial_weight=1"]
    # it looks at real data in G's half, which only layers with running statistics would notice
    one, two = play(), play("technique=[feature_matching]", *knobs)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


# Bad input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["gradient_penalty.weight=-1"], "gradient_penalty.weight must be a number, 0 or more, got -1"),
        (["r1.interval=0"], "r1.interval must be a whole number, 1 or more, got 0"),
        (["r1.final_weight=0"], "r1.final_weight must be a number above 0, got 0. null keeps the weight as it is"),
        (["r2.final_weight=1", "r2.weight=0"], "r2.weight must be a number above 0, got 0. No ratio leads from 0"),
        (["dragan.spread=0"], "dragan.spread must be a number above 0, got 0"),
        (["weight_clipping.limit=0"], "weight_clipping.limit must be a number above 0"),
        (["packing.m=0"], "packing.m must be a whole number, 1 or more, got 0"),
        (
            ["packing.m=3"],
            "technique=packing needs a batch per process that it can divide by 3, got 16. Set batch_size=15",
        ),
        (["ema.decay=1"], "ema.decay must be a number from 0 up to, not including, 1, got 1"),
        (["gradient_clipping.g=0"], "gradient_clipping.g must be a number above 0"),
        (["minibatch_discrimination.dims=0"], "minibatch_discrimination.dims must be a whole number, 1 or more"),
        (["feature_matching.weight=-2"], "feature_matching.weight must be a number, 0 or more, got -2"),
        (["historical_averaging.weight=a"], "historical_averaging.weight must be a number, 0 or more, got 'a'"),
        (["diff_augment.cutout=2"], "diff_augment.cutout must be at most 1, got 2"),
        (["virtual_batch_norm.size=1"], "virtual_batch_norm.size must be a whole number, 2 or more, got 1"),
        (["spectral_norm.iterations=0"], "spectral_norm.iterations must be a whole number, 1 or more"),
        (["instance_noise.sigma=-0.1"], "instance_noise.sigma must be a number, 0 or more, got -0.1"),
        (["instance_noise.sigma=high"], "instance_noise.sigma must be a number, 0 or more, got 'high'"),
    ],
)
def test_bad_knobs_are_refused(overrides, words):
    name = overrides[0].partition(".")[0]
    with pytest.raises(ValueError, match=words):
        build_tiny(f"technique=[{name}]", *(f"technique.{o}" for o in overrides))


@pytest.mark.parametrize("loss", ["lsgan", "wgan", "hinge", "rpgan"])
def test_smoothing_is_for_losses_with_targets(loss):
    with pytest.raises(ValueError, match="label smoothing needs a loss with targets"):
        build_tiny(f"loss={loss}", "smoothing=one_sided")


def test_wgan_without_a_lipschitz_technique_warns(caplog):
    check_lipschitz(build_tiny("loss=wgan", "technique=[gradient_penalty]"))
    check_lipschitz(build_tiny("loss=nsgan"))
    assert "Lipschitz" not in caplog.text
    check_lipschitz(build_tiny("loss=wgan", "technique=[ema]"))
    assert "loss=wgan is a distance only for a Lipschitz D" in caplog.text


def test_that_warning_comes_before_a_run_and_not_when_it_is_loaded(tmp_path, caplog):
    train(compose("train", [*TINY, "loss=wgan"]), tmp_path)
    assert caplog.text.count("Lipschitz") == 1
    gan_lightning.load(tmp_path)
    assert caplog.text.count("Lipschitz") == 1


# Helpers --------------------------------------------------------------------------------------------------


def build_tiny(*overrides: str) -> GAN:
    cfg = copy.deepcopy(composed((*only_network(overrides), *overrides)))
    torch.manual_seed(cfg.seed)
    return build_gan(cfg, build_data(cfg).source.shape)


def with_techniques(techniques, d_steps=1) -> GAN:
    torch.manual_seed(0)
    return GAN(
        G=MLPGenerator(5, SHAPE, hidden=(8, 12)),
        D=MLPDiscriminator(SHAPE, hidden=(12, 6)),
        prior=Normal(5),
        loss=NSGAN(),
        optimizer_d=lambda p: torch.optim.SGD(p, lr=0.1),
        optimizer_g=lambda p: torch.optim.SGD(p, lr=0.1),
        steps=8,
        d_steps=d_steps,
        seats=Seats(techniques),
    )
