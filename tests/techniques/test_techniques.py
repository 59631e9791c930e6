"""What each technique must fulfil, with a wrong version beside it that does not."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch
from conftest import EachStep
from critics import SHAPE, a_play, build_tiny, with_techniques
from torch import nn
from torch.testing import assert_close

from gan_lightning.core.play import Play
from gan_lightning.core.prior import Normal
from gan_lightning.core.rng import Stream
from gan_lightning.core.seats import Technique
from gan_lightning.networks.dcgan import Generator as ConvGenerator
from gan_lightning.networks.maxout import Generator as MaxoutGenerator
from gan_lightning.networks.mlp import Discriminator as MLPDiscriminator
from gan_lightning.networks.mlp import Generator as MLPGenerator
from gan_lightning.techniques.feature_matching import FeatureMatching
from gan_lightning.techniques.historical_averaging import HistoricalAveraging
from gan_lightning.techniques.minibatch_discrimination import Closeness, MinibatchDiscrimination
from gan_lightning.techniques.virtual_batch_norm import VirtualBatchNorm

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
