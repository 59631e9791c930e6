"""Shapes, ranges and sizes of every network family."""

import pytest
import torch

from gan_lightning.networks import conv, dcgan, maxout, mlp, points
from gan_lightning.networks.layers import Maxout, halvings, init_he_leaky


def count(module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("family", [mlp, maxout, dcgan, conv])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 8)])
def test_shapes_and_ranges(family, shape):
    torch.manual_seed(0)
    G, D = family.Generator(z_dim=7, shape=shape), family.Discriminator(shape=shape)
    images = G(3 * torch.randn(5, 7))
    assert images.shape == (5, *shape)
    assert images.abs().max() <= 1
    features, logits = D.observe(images)
    assert logits.shape == (5,)
    assert features.shape == (5, features[0].numel())
    logits.sum().backward()
    assert all(p.grad is not None for p in (*G.parameters(), *D.parameters()))


def test_mlp_is_the_one_of_the_notes():
    G, D = mlp.Generator(100, (1, 28, 28)), mlp.Discriminator((1, 28, 28))
    linear = (100 * 128 + 128) + (128 * 256 + 256) + (256 * 512 + 512) + (512 * 1024 + 1024) + (1024 * 784 + 784)
    assert count(G) == linear + 2 * (256 + 512 + 1024)
    assert count(D) == (784 * 512 + 512) + (512 * 256 + 256) + (256 + 1)
    assert {
        m.eps for m in mlp.Generator(9, (1, 8, 8), bn_eps=0.8).modules() if isinstance(m, torch.nn.BatchNorm1d)
    } == {0.8}


def test_maxout_takes_the_largest_piece():
    layer = Maxout(2, units=3, pieces=2)
    x = torch.randn(4, 2)
    every = layer.affine(x)
    by_hand = torch.stack([torch.maximum(every[:, 2 * u], every[:, 2 * u + 1]) for u in range(3)], 1)
    torch.testing.assert_close(layer(x), by_hand, rtol=0, atol=0)


def test_maxout_is_the_published_configuration():
    G, D = maxout.Generator(100, (1, 28, 28)), maxout.Discriminator((1, 28, 28))
    assert count(G) == (100 * 1200 + 1200) + (1200 * 1200 + 1200) + (1200 * 784 + 784)
    assert count(D) == (784 * 1200 + 1200) + (240 * 1200 + 1200) + (240 + 1)
    assert G.output.weight.abs().max() <= 0.05
    assert 0.0049 < D.head[1].weight.abs().max() <= 0.005
    assert [m.p for m in D.modules() if isinstance(m, torch.nn.Dropout)] == [0.2, 0.5, 0.5]


def test_maxout_starts_from_the_pixel_means():
    G = maxout.Generator(3, (1, 8, 8))
    images = torch.rand(200, 1, 8, 8) * 1.8 - 0.9
    mean = images.mean(0)
    mean[0, 0] = -1.0  # never lit: the authors' code keeps a probability of 1e-7
    G.start_from(mean)
    torch.nn.init.zeros_(G.output.weight)
    torch.testing.assert_close(G(torch.randn(2, 3))[0], mean, rtol=0, atol=1e-5)
    assert G.output.bias[0].item() == pytest.approx(-16.118, abs=1e-3)


def test_dcgan_rules():
    """Radford et al. 2015, section 3: no BatchNorm at D's input and G's output, none at all with d_norm=none."""
    D = dcgan.Discriminator((1, 28, 28))
    kinds = [type(m).__name__ for m in D.features]
    assert kinds == ["Conv2d", "LeakyReLU", "Conv2d", "BatchNorm2d", "LeakyReLU", "Flatten"]
    assert not any("Norm" in type(m).__name__ for m in dcgan.Discriminator((1, 28, 28), d_norm="none").modules())
    G = [type(m).__name__ for m in dcgan.Generator(5, (1, 28, 28)).layers]
    assert G[-2:] == ["ConvTranspose2d", "Tanh"]
    assert G.count("BatchNorm2d") == 2


@pytest.mark.parametrize(("shape", "expected"), [((1, 28, 28), (2, 7)), ((3, 32, 32), (3, 4)), ((1, 64, 64), (4, 4))])
def test_convolutions_halve_while_they_can(shape, expected):
    assert halvings("dcgan", shape) == expected


def test_conv_is_small_and_its_d_has_no_norm():
    G, D = conv.Generator(100, (1, 28, 28)), conv.Discriminator((1, 28, 28))
    maps = [m for m in G.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels, m.bias is not None) for m in maps] == [(48, 24, False), (24, 1, True)]
    norms = 2 * (512 + 48 + 24)
    assert count(G) == 100 * 512 + 512 * 48 * 49 + 48 * 24 * 16 + (24 * 16 + 1) + norms
    assert count(D) == (16 * 24 + 24) + (24 * 48 * 16 + 48) + (48 * 49 * 512 + 512) + (512 + 1)
    assert not any("Norm" in type(m).__name__ for m in D.modules())
    features, _ = D.observe(torch.zeros(2, 1, 28, 28))
    assert features.shape == (2, 512)


def test_he_weights_keep_the_mean_square_through_every_kind_of_layer():
    """He et al. 2015: of normal inputs, behind LeakyReLU in hidden layers, as it is in the last."""
    torch.manual_seed(0)
    nn = torch.nn
    x = torch.randn(64, 32, 14, 14)
    for layer in (nn.Conv2d(32, 64, 4, 2), nn.ConvTranspose2d(32, 64, 4, 2, 3), nn.Linear(14, 400)):
        body = nn.Sequential(layer, nn.LeakyReLU(0.2), nn.Linear(1, 1))
        init_he_leaky(body, 0.2)
        assert body[1](layer(x)).square().mean().item() == pytest.approx(1.0, rel=0.1)
        assert layer.bias.abs().max() == 0
        init_he_leaky(layer, 0.2)  # now it is the last
        assert layer(x).square().mean().item() == pytest.approx(1.0, rel=0.1)


def test_dcgan_says_what_does_not_fit():
    with pytest.raises(ValueError, match=r"needs square images .* got \(1, 28, 30\). Write experiment=mlp"):
        dcgan.Generator(5, (1, 28, 30))
    with pytest.raises(ValueError, match="even image side of at least 8, got 27"):
        dcgan.Discriminator((1, 27, 27))
    with pytest.raises(ValueError, match="d_norm must be batch or none, got 'layer'"):
        dcgan.Discriminator((1, 28, 28), d_norm="layer")
    remedy = r"Write network=points prior.dim=2, or experiment=ring8"
    with pytest.raises(ValueError, match=rf"network=conv needs square images .* got points \(2,\). {remedy}"):
        conv.Discriminator((2,))


def test_waves_are_spread_from_slow_to_fast():
    torch.manual_seed(0)
    waves = points.Waves(2, 400, finest=100.0)
    x = torch.randn(6, 2)
    out = waves(x)
    assert out.shape == (6, 802)
    torch.testing.assert_close(out[:, :2], x)
    torch.testing.assert_close(out[:, 2:402] ** 2 + out[:, 402:] ** 2, torch.ones(6, 400))
    deviations = [part.std().item() for part in waves.B.split(100, 1)]
    assert deviations == pytest.approx([100 ** ((i + 0.5) / 4) for i in range(4)], rel=0.35)
    assert not list(waves.parameters()), "they are not learnt"
    assert list(waves.state_dict()) == ["B"]


def test_waves_let_a_small_network_learn_a_fine_pattern():
    """Stripes of width 0.05: with waves the loss falls below half of what the plain network reaches."""

    def reached(waves: int) -> float:
        torch.manual_seed(0)
        D = points.Discriminator((2,), (32, 32), waves=waves, finest=100.0)
        optimizer = torch.optim.Adam(D.parameters(), 3e-3)
        for _ in range(300):
            x = torch.rand(256, 2) - 0.5
            loss = torch.nn.functional.binary_cross_entropy_with_logits(D(x), ((x[:, 0] / 0.1) % 1 < 0.5).float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item()

    plain, fine = reached(0), reached(64)
    assert plain > 0.65, "as good as a guess: log 2 is 0.693"
    assert fine < plain / 2


def test_waves_let_g_pass_quickly_from_mode_to_mode():
    """z in five cells, each to be sent to its own mean: with waves less than a third as many lie between two means."""

    def between(waves: int) -> float:
        torch.manual_seed(0)
        G = points.Generator(1, (1,), (32, 32), waves=waves, finest=3.0)
        optimizer = torch.optim.Adam(G.parameters(), 3e-3)
        for _ in range(300):
            z = 10 * torch.rand(256, 1) - 5
            loss = (G(z) - (z / 2).round()).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        x = G(torch.linspace(-5, 5, 1000)[:, None])
        return ((x - x.round()).abs() > 0.25).float().mean().item()

    assert between(32) < between(0) / 3


def test_he_starts_g_spread_out():
    """The sd of each coordinate over z: nearly a point with PyTorch's own initial weights of three ReLU layers."""
    torch.manual_seed(1)
    z = torch.randn(4096, 2)
    spreads = {}
    for init in ("default", "he"):
        torch.manual_seed(0)
        games = [points.Generator(2, (2,), (128, 128, 128), waves=32, finest=3.0, init=init)(z) for _ in range(10)]
        spreads[init] = torch.stack([x.std(0).mean() for x in games]).mean().item()
    assert 0.3 < spreads["he"] < 1
    assert spreads["default"] < 0.03
    with pytest.raises(ValueError, match=r"network\.G\.init must be default or he, got 'hee'"):
        points.Generator(2, (2,), init="hee")


def test_he_keeps_the_mean_square():
    torch.manual_seed(0)
    G = points.Generator(64, (64,), (512, 512, 512), init="he")
    z = 3 * torch.randn(4096, 64)
    assert G(z).square().mean().sqrt().item() == pytest.approx(3, rel=0.1)
