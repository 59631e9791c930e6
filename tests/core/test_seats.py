"""A dummy in every seat, played."""

import pytest
import torch
from conftest import EachStep
from torch import nn

from gan_lightning.config.build import build_data, build_gan
from gan_lightning.core.play import Discriminator, Play
from gan_lightning.core.prior import Normal
from gan_lightning.core.seats import Seats, Technique
from gan_lightning.game.module import GAN
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.networks.mlp import Discriminator as MLPDiscriminator
from gan_lightning.networks.mlp import Generator as MLPGenerator

SHAPE = (1, 8, 8)


def gan_with(technique=None, loss=None, d_shape=None) -> GAN:
    torch.manual_seed(0)
    seats = Seats({"dummy": technique} if technique else {})
    return GAN(
        G=MLPGenerator(5, SHAPE, hidden=(8, 12)),
        D=MLPDiscriminator(d_shape or seats.view_shape(SHAPE), hidden=(12, 6)),
        prior=Normal(5),
        loss=loss or NSGAN(),
        optimizer_d=lambda p: torch.optim.SGD(p, lr=0.1),
        optimizer_g=lambda p: torch.optim.SGD(p, lr=0.1),
        steps=3,
        seats=seats,
    )


def losses(play, gan: GAN) -> list[tuple[float, float]]:
    seen = EachStep(lambda g: (g.latest["loss/d"].item(), g.latest["loss/g"].item()))
    play("steps=3", gan=gan, callbacks=(seen,))
    return seen.seen


@pytest.fixture
def plain(play):
    return losses(play, gan_with())


def test_d_term_is_added_to_ds_loss(play, plain):
    class Term(Technique):
        def d_term(self, play: Play, rng):
            assert play.player == "D"
            assert play.real_logits.shape == play.fake_logits.shape == (16,)
            assert play.real_features.shape == (16, 6)
            assert isinstance(play.mover, Discriminator)
            return torch.full((), 2.5)

    got = losses(play, gan_with(Term()))
    assert got[0][0] == pytest.approx(plain[0][0] + 2.5, abs=1e-6)
    assert [g for _, g in got] == [g for _, g in plain]


def test_a_d_term_may_run_its_own_pass_of_d(play, plain):
    class Penalty(Technique):
        def d_term(self, play: Play, rng):
            x = play.real.detach().requires_grad_()
            _, logits = play.discriminate(x)
            (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
            return slope.square().sum((1, 2, 3)).mean()

    got = losses(play, gan_with(Penalty()))
    assert got[0][0] > plain[0][0]
    assert got[-1] != plain[-1]


def test_g_term_can_replace_the_adversarial_loss(play):
    class Term(Technique):
        adversarial_weight = 0.0

        def g_term(self, play: Play, rng):
            assert play.player == "G"
            assert play.real_logits is None
            return play.fake_features.square().mean() * 0 + 3.0

    assert [g for _, g in losses(play, gan_with(Term()))] == [3.0, 3.0, 3.0]


def test_a_g_term_that_needs_real_gets_it(play):
    class Matching(Technique):
        needs_real_in_g = True
        adversarial_weight = 0.0

        def g_term(self, play: Play, rng):
            return (play.real_features.mean(0) - play.fake_features.mean(0)).square().sum()

    assert all(g > 0 for _, g in losses(play, gan_with(Matching())))


def test_a_loss_that_needs_real_gets_it(play):
    class Relativistic(NSGAN):
        needs_real_in_g = True

        def generator(self, real_logits, fake_logits):
            return nn.functional.softplus(real_logits - fake_logits).mean()

    got = losses(play, gan_with(loss=Relativistic()))
    assert all(g > 0 for _, g in got)


def test_a_view_may_change_the_shape(play):
    class Pack(Technique):
        seen = 0

        def view(self, x, progress, rng):
            self.seen += 1
            return x.reshape(len(x) // 2, -1, *x.shape[2:])

        def view_shape(self, shape):
            return (2 * shape[0], *shape[1:])

    pack = Pack()
    gan = gan_with(pack)
    assert gan.D.features[1].in_features == 2 * 64
    seen = EachStep(lambda g: g.latest["fake"].shape)
    play("steps=3", gan=gan, callbacks=(seen,))
    assert seen.seen == [(8,)] * 3
    assert pack.seen == 9, "real and fake in D's half, fake in G's"


def test_a_view_sees_progress_and_its_own_draws(play):
    class Look(Technique):
        def __init__(self):
            self.progress, self.draws = [], []

        def view(self, x, progress, rng):
            self.progress.append(progress)
            self.draws.append(rng.normal(1).item())
            return x

    look = Look()
    losses(play, gan_with(look))
    assert look.progress == pytest.approx([0, 0, 0, 1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 2 / 3])
    assert len(set(look.draws)) == 9


def test_a_view_that_does_nothing_changes_no_bit(play, plain):
    class Nothing(Technique):
        def view(self, x, progress, rng):
            rng.normal(3)
            return x

    assert losses(play, gan_with(Nothing())) == plain


def test_transforms_are_applied_once_at_construction():
    class Wrap(Technique):
        def transform_d(self, D):
            D.head = nn.Sequential(D.head, nn.Identity())
            return D

        def transform_g(self, G):
            return nn.Sequential(G, nn.Identity())

    gan = gan_with(Wrap())
    assert isinstance(gan.D.head, nn.Sequential)
    assert isinstance(gan.G, nn.Sequential)
    assert len(gan.G) == 2


def test_after_update_is_called_after_each_move_and_its_state_is_saved(play):
    class Count(Technique, nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("moves", torch.zeros(2))

        def after_update(self, G, D, player):
            self.moves[0 if player == "D" else 1] += 1

    gan = gan_with(Count())
    losses(play, gan)
    assert gan.state_dict()["techniques.dummy.moves"].tolist() == [3.0, 3.0]


def test_a_class_without_a_seat_is_refused():
    class Nobody(Technique):
        pass

    class Stranger:
        def d_term(self, play, rng):
            return play.fake_logits.sum()

    with pytest.raises(ValueError, match="technique 'dummy' fits no seat.*Nobody has none"):
        gan_with(Nobody())
    with pytest.raises(ValueError, match="'dummy' must derive from gan_lightning.core.seats.Technique, got Strang"):
        gan_with(Stranger())


def test_seats_keep_the_order_of_the_command_line(tiny):
    cfg = tiny("technique=[instance_noise]", "technique.instance_noise.sigma=0.3")
    gan = build_gan(cfg, build_data(cfg).source.shape)
    assert [(name, t.sigma) for name, t in gan.views] == [("instance_noise", 0.3)]


def test_instance_noise_of_zero_changes_no_bit(play):
    def final(*overrides):
        return play(*overrides).state_dict()

    quiet, without = final("technique=[instance_noise]", "technique.instance_noise.sigma=0"), final()
    assert all(torch.equal(quiet[key], without[key]) for key in without)
    loud = final("technique=[instance_noise]", "technique.instance_noise.sigma=0.5")
    assert not torch.equal(loud["D.head.weight"], without["D.head.weight"])


def test_a_weight_of_zero_changes_no_bit_even_beside_dropout(play):
    """An own pass of D draws dropout masks; the halves are seeded apart, so it shifts none of the others'."""

    class Nothing(Technique):
        def d_term(self, play: Play, rng):
            return 0.0 * play.discriminate(play.real)[1].mean()

    def final(technique):
        torch.manual_seed(0)
        gan = gan_with(technique)
        gan.D = MLPDiscriminator(SHAPE, hidden=(12, 6), dropout=0.5)
        return losses(play, gan)

    assert final(Nothing()) == final(None)


def test_an_adversarial_loss_that_is_replaced_is_not_computed(play):
    class Broken(NSGAN):
        def generator(self, real_logits, fake_logits):
            raise AssertionError("nobody asked")

    class Term(Technique):
        adversarial_weight = 0.0

        def g_term(self, play: Play, rng):
            return play.fake_logits.square().mean()

    assert len(losses(play, gan_with(Term(), loss=Broken()))) == 3
