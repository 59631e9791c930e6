"""update=simultaneous, d_loss_weight: the game of the 2014 paper's own code, beside Algorithm 1."""

import copy

import pytest
import torch
from conditional import game as labelled_game
from conftest import EachStep
from torch.nn.functional import softplus

from gan_lightning.callbacks.finite import FiniteGuard, NotFinite
from gan_lightning.config.build import build_gan
from gan_lightning.config.checks import check_values
from gan_lightning.core.play import Discriminator
from gan_lightning.core.rng import Stream, seed_layers
from gan_lightning.game.loop import Loop
from gan_lightning.game.module import GAN

SHAPE = (1, 8, 8)
GAME = [
    "network=maxout",
    "network.G.hidden=20",
    "network.D.units=12",
    "network.D.irange=0.5",
    "network.G.irange=0.5",
    "optimizer=sgd",
    "optimizer.momentum=0.0",
    "optimizer.lr=0.1",
]


def built(tiny, *overrides: str) -> GAN:
    torch.manual_seed(0)
    return build_gan(tiny(*GAME, *overrides), SHAPE)


def batch(seed: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    real = torch.rand(16, *SHAPE, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return real, torch.zeros(16, dtype=torch.long)


def one_step(gan: GAN) -> GAN:
    Loop(gan).step(*batch())
    return gan


def by_hand(gan: GAN, weight: float) -> list[torch.Tensor]:
    """Both players' gradients where they stand, with dropout in D: what the authors' AdversaryCost2 takes."""
    G, D = copy.deepcopy(gan.G).train(), copy.deepcopy(gan.D).train()
    fake = G(gan.prior(16, Stream(0, 0, "z/D")))
    seed_layers(torch.device("cpu"), 0, 0, 0, 0)
    at_fake, at_real = D(fake), D(batch()[0])
    d_loss = weight * (softplus(-at_real).mean() + softplus(at_fake).mean())
    g_loss = softplus(-at_fake).mean()
    gradients = [
        *torch.autograd.grad(g_loss, list(G.parameters()), retain_graph=True),
        *torch.autograd.grad(d_loss, list(D.parameters())),
    ]
    return [p.detach() - 0.1 * g for p, g in zip([*G.parameters(), *D.parameters()], gradients, strict=True)]


def weights(gan: GAN) -> list[torch.Tensor]:
    return [p.detach() for p in [*gan.G.parameters(), *gan.D.parameters()]]


def farthest(one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
    return max((a - b).abs().max().item() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_both_players_move_from_the_old_weights_on_one_z_and_one_mask(tiny, weight):
    gan = built(tiny, "update=simultaneous", f"d_loss_weight={weight}")
    start, expected = [w.clone() for w in weights(gan)], by_hand(gan, weight)
    assert farthest(start, expected) > 0.01, "else nothing is shown"
    assert farthest(weights(one_step(gan)), expected) < 1e-6


def test_the_alternating_step_is_another(tiny):
    gan = built(tiny, "d_loss_weight=0.5")
    expected = by_hand(gan, 0.5)
    assert farthest(weights(one_step(gan)), expected) > 1e-3


@pytest.mark.parametrize("loss", ["nsgan", "rpgan"])  # rpgan looks at real in G's half too
def test_d_says_the_same_of_the_fakes_in_both_halves(tiny, monkeypatch, loss):
    """Dropout's masks and the noise of views are drawn once for both players; the next step draws others."""
    said = []
    original = Discriminator.observe

    def spy(self, x):
        said.append(original(self, x))
        return said[-1]

    monkeypatch.setattr(Discriminator, "observe", spy)
    plays = []
    play = GAN.play
    monkeypatch.setattr(GAN, "play", lambda self, *a: (plays.append(play(self, *a)), plays[-1])[1])
    gan = one_step(built(tiny, "update=simultaneous", f"loss={loss}", "technique=[instance_noise]"))
    one_step(gan)
    assert len(said) == (6 if loss == "nsgan" else 8), "no pass more than the alternating game has"
    assert [p.player for p in plays] == ["G", "D"] * 2
    first, same, second, _ = (p.fake_logits.detach() for p in plays)
    assert torch.equal(first, same)
    assert not torch.equal(first, second)
    if loss == "rpgan":
        assert torch.equal(plays[0].real_logits.detach(), plays[1].real_logits.detach())


def test_d_loss_weight_halves_ds_step_and_leaves_terms_alone(tiny):
    moved, terms = {}, {}
    for weight in (1.0, 0.5):
        gan = built(tiny, f"d_loss_weight={weight}")
        before = [p.detach().clone() for p in gan.D.parameters()]
        one_step(gan)
        moved[weight] = [p.detach() - b for p, b in zip(gan.D.parameters(), before, strict=True)]
        terms[weight] = one_step(built(tiny, f"d_loss_weight={weight}", "technique=[r1]")).terms["D"]
    assert max(m.abs().max().item() for m in moved[1.0]) > 0.01
    for whole, half in zip(moved[1.0], moved[0.5], strict=True):
        torch.testing.assert_close(half, whole / 2, rtol=1e-4, atol=1e-7)
    assert terms[0.5]["adversarial"].item() == pytest.approx(terms[1.0]["adversarial"].item() / 2)
    assert terms[0.5]["r1"].item() == terms[1.0]["r1"].item() > 0


def test_with_d_loss_weight_0_d_learns_from_labels_alone():
    """Two games of the same weights and labels with two losses: D moves alike, G does not."""
    own = ["d_loss_weight=0", "technique=[supervised]", "data.labelled=20"]
    games = [labelled_game(*own, f"loss={loss}") for loss in ("nsgan", "lsgan")]
    for gan in games:
        one_step(gan)
    assert all(torch.equal(a, b) for a, b in zip(games[0].D.parameters(), games[1].D.parameters(), strict=True))
    assert not torch.equal(next(games[0].G.parameters()), next(games[1].G.parameters()))
    assert games[0].terms["D"]["supervised"] > 0 == games[0].terms["D"]["adversarial"]


def test_d_loss_weight_0_without_labels_teaches_nothing_and_is_refused(tiny):
    with pytest.raises(ValueError, match=r"^d_loss_weight=0 leaves D the labels to learn from, and no technique here"):
        built(tiny, "d_loss_weight=0", "technique=[r1,ema]")


def test_a_run_counts_and_freezes_as_ever(play, monkeypatch):
    log = []
    original = GAN.move

    def spy(self, player, terms):
        other = self.G if player == "D" else self.D
        frozen = [p.detach().clone() for p in other.parameters()]
        assert not any(p.requires_grad for p in other.parameters())
        original(self, player, terms)
        assert all(torch.equal(a, b) for a, b in zip(frozen, other.parameters(), strict=True))
        log.append(player)

    monkeypatch.setattr(GAN, "move", spy)
    seen = EachStep(lambda gan: (gan.d_steps_done, gan.g_steps_done, gan.images_seen))
    gan = play("update=simultaneous", "steps=3", "technique=[ema,historical_averaging]", callbacks=(seen,))
    assert seen.seen == [(1, 1, 16), (2, 2, 32), (3, 3, 48)]
    assert log == ["G", "D"] * 3
    assert all(p.requires_grad for p in [*gan.G.parameters(), *gan.D.parameters()])
    assert gan.techniques["ema"].updates == 3


@pytest.mark.parametrize(("player", "at"), [("G", "2 D steps and 2 G steps"), ("D", "2 D steps and 2 G steps")])
def test_a_loss_that_is_not_finite_is_told_with_its_step(play, monkeypatch, player, at):
    original = GAN.move

    def broken(self, mover, terms):
        if mover == player and self.d_steps_done == 2:
            terms = {name: term * float("nan") for name, term in terms.items()}
        original(self, mover, terms)

    monkeypatch.setattr(GAN, "move", broken)
    with pytest.raises(NotFinite, match=f"^{player}'s loss has diverged, in its term adversarial = nan, after {at}"):
        play("update=simultaneous", "steps=5", callbacks=(FiniteGuard(),))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["update=simultaneous", "d_steps=2"], "so d_steps must be 1, got 2. Leave d_steps out, or write update=alt"),
        (["update=both"], "update must be alternating or simultaneous, got 'both'. Write for example update=altern"),
        (
            ["d_loss_weight=-1"],
            "d_loss_weight must be a number, 0 or more, got -1. Write for example d_loss_weight=0.5",
        ),
    ],
)
def test_what_makes_no_game_is_refused(tiny, overrides, message):
    with pytest.raises(ValueError, match=message):
        check_values(tiny(*overrides))
