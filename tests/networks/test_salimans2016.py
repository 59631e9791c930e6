"""The players of Salimans et al. 2016 against their published configuration, and D's start from samples."""

import pytest
import torch
from conditional import cfg_of
from conftest import TINY
from torch import nn

from gan_lightning.config.build import build_gan
from gan_lightning.core.play import passes_differ
from gan_lightning.core.sampler import evaluating
from gan_lightning.networks.salimans2016 import Discriminator, Generator, NormalNoise, length_of

SHAPE = (1, 28, 28)


def samples(n: int = 500) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1


def linear(D: nn.Module) -> list[nn.Linear]:
    return [m for m in D.modules() if isinstance(m, nn.Linear)]


def test_the_layers_are_those_of_the_paper():
    G, D = Generator(100, SHAPE), Discriminator(SHAPE)
    assert [layer.out_features for layer in linear(G)] == [500, 500, 784]
    assert [layer.out_features for layer in linear(D)] == [1000, 500, 250, 250, 250, 1]
    assert [m.sigma for m in D.modules() if isinstance(m, NormalNoise)] == [0.3, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert [length_of(layer).requires_grad for layer in linear(D)] == [False] * 5 + [True]
    lengths = [layer.weight.norm(dim=1) for layer in (*linear(D), G.output)]
    assert all(torch.allclose(length, torch.ones(())) for length in lengths)
    norms = [m for m in G.modules() if isinstance(m, nn.BatchNorm1d)]
    assert [(m.weight.requires_grad, m.bias.requires_grad) for m in norms] == [(False, True)] * 2
    assert isinstance(D.features[-1], nn.ReLU), "features have no noise on them"
    assert isinstance(D.new_head(250, 10)[0], NormalNoise)
    assert D.new_head(250, 10)[1].out_features == 10


def test_samples_lie_between_minus_1_and_1_and_a_mean_of_one_half_is_0():
    G = Generator(5, (1, 4, 4))
    images = G(torch.randn(50, 5) * 100)
    assert images.shape == (50, 1, 4, 4)
    assert images.abs().max() <= 1
    nn.init.zeros_(length_of(G.output))
    assert torch.equal(G(torch.randn(50, 5)), torch.zeros(50, 1, 4, 4))


def test_d_sees_pixels_between_0_and_1_and_noise_in_training_only():
    D, x = Discriminator((1, 4, 4), hidden=(6,)), torch.full((2000, 1, 4, 4), -1.0)
    with evaluating(D):
        assert torch.equal(D.features[:3](x), torch.zeros(2000, 16))
        assert torch.equal(D.features[:3](-x), torch.ones(2000, 16))
        assert torch.equal(D(x), D(x))
    seen = D.features[:3](x)
    assert seen.std().item() == pytest.approx(0.3, rel=0.02)
    assert D.head[0](torch.zeros(2000, 16)).std().item() == pytest.approx(0.5, rel=0.02)
    assert not torch.equal(D(x), D(x))
    assert passes_differ(nn.Sequential(NormalNoise(0.1)))
    assert not passes_differ(nn.Sequential(nn.ReLU()))


def test_units_begin_with_mean_0_and_variance_1_over_the_samples():
    torch.manual_seed(0)
    D, outputs = Discriminator(SHAPE, input_noise=0, noise=0), []
    D.head = D.new_head(250, 10)
    x = samples()
    D.start_from(x)
    for layer in linear(D):
        layer.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    D.head(D.features(x))
    assert len(outputs) == 6
    for output in outputs:
        assert torch.allclose(output.mean(0), torch.zeros(()), atol=1e-4)
        assert torch.allclose(output.std(0, correction=0), torch.ones(()), atol=1e-3)
    assert [length_of(layer).requires_grad for layer in linear(D)] == [False] * 5 + [True]


def test_with_noise_it_starts_from_noisy_values_as_in_training():
    torch.manual_seed(0)
    D = Discriminator(SHAPE)
    D.start_from(samples())
    outputs = []
    linear(D)[3].register_forward_hook(lambda module, inputs, output: outputs.append(output))
    D(samples(3000))
    assert outputs[0].std().item() == pytest.approx(1, abs=0.1)


def cfg(*overrides):
    return cfg_of("network=salimans2016", *overrides)


def test_the_game_starts_d_from_the_first_500_samples_before_techniques_change_it():
    asked = []

    def first(n):
        asked.append(n)
        return samples(n)[..., :8, :8]

    built = {}
    for name, source in (("started", first), ("not", None)):
        torch.manual_seed(0)
        built[name] = build_gan(cfg("technique=[feature_matching]"), (1, 8, 8), samples=source)
    assert asked == [500]
    lengths = {name: torch.cat([length_of(layer) for layer in linear(gan.D)]) for name, gan in built.items()}
    assert torch.equal(lengths["not"], torch.ones(2251, 1))
    assert (lengths["started"] != 1).all()
    build_gan(cfg("technique=[packing]"), (1, 8, 8), samples=first)
    assert asked == [500], "D sees packs, not samples"


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_a_technique_that_rescales_too_is_refused(name):
    with pytest.raises(ValueError, match=rf"technique={name} rescales D's weights, which .* neither with network=sal"):
        build_gan(cfg(f"technique=[{name}]"), (1, 8, 8))


def test_a_game_of_them_plays_and_is_a_function_of_its_seed(play):
    words = [*(o for o in TINY if not o.startswith("network.")), "network=salimans2016", "network.G.hidden=[12]",
             "network.D.hidden=[12,6]", "technique=[supervised,feature_matching,ema]", "data.labelled=20"]  # fmt: skip
    one, other = (play(*words).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert "D.head.1.parametrizations.weight.original0" in one
