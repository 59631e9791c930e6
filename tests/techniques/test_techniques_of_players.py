"""Norms, clipping, packing, averages and augmentation, and what no technique may be told."""

import copy

import pytest
import torch
from conftest import TINY, EachStep
from critics import SHAPE, build_tiny, with_techniques
from torch import nn
from torch.testing import assert_close

import gan_lightning
from gan_lightning.config.build import check_lipschitz
from gan_lightning.config.compose import compose
from gan_lightning.core.rng import Stream
from gan_lightning.core.seats import Seats, Technique
from gan_lightning.networks.dcgan import Discriminator as ConvDiscriminator
from gan_lightning.networks.mlp import Discriminator as MLPDiscriminator
from gan_lightning.techniques.diff_augment import DiffAugment
from gan_lightning.techniques.ema import EMA
from gan_lightning.techniques.gradient_clipping import GradientClipping
from gan_lightning.techniques.minibatch_stddev import Deviation
from gan_lightning.techniques.packing import Packing
from gan_lightning.techniques.spectral_norm import SpectralNorm, largest_singular_value
from gan_lightning.techniques.weight_clipping import WeightClipping
from gan_lightning.techniques.weight_norm import WeightNorm
from gan_lightning.training.setup import train

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
