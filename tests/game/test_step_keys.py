"""What each part of a step is given: the keys of its draws, the plays that terms see, what is remembered of it."""

from zlib import crc32

import pytest
import torch

from gan_lightning.config.build import build_gan
from gan_lightning.core.play import Play
from gan_lightning.core.prior import Normal
from gan_lightning.core.rng import Streams
from gan_lightning.core.seats import Seats, Technique
from gan_lightning.game import game
from gan_lightning.game.loop import Loop
from gan_lightning.game.module import GAN
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.losses.rpgan import RpGAN
from gan_lightning.networks.mlp import Discriminator, Generator

SHAPE = (1, 8, 8)
CPU = torch.device("cpu")
LABELS = torch.arange(4)


class Term(Technique):
    """In every seat that a step calls; it remembers what it was called with."""

    def __init__(self) -> None:
        self.views, self.plays, self.moved, self.streams = [], [], [], []

    def view(self, x, progress, rng):
        self.views.append((len(x), progress, rng.keys, rng.rank, rng.world))
        return x

    def d_term(self, play: Play, rng):
        self.plays.append(play)
        self.streams.append(rng.keys)
        play.discriminate(play.real)
        return torch.full((), 2.5)

    g_term = d_term

    def before_update(self, mover, player):
        self.moved.append((mover, player))

    def after_update(self, G, D, player):
        self.moved.append((G, D, player))


def a_game(*, loss=None, **more) -> tuple[GAN, Term]:
    torch.manual_seed(0)
    term = Term()
    gan = GAN(
        Generator(5, SHAPE, hidden=(8,)),
        Discriminator(SHAPE, hidden=(6,)),
        Normal(5),
        loss or NSGAN(),
        lambda p: torch.optim.SGD(p, lr=0.1),
        lambda p: torch.optim.SGD(p, lr=0.1),
        steps=4,
        seats=Seats({"t": term}),
        **more,
    )
    return gan, term


def step(gan: GAN, i: int = 0) -> torch.Tensor:
    real = torch.rand(4, *SHAPE)
    Loop(gan, rank=2, world=3).step(real, LABELS)
    return real


def keys(seed: int, at: int, name: str) -> tuple[int, int, int]:
    return (seed, at, crc32(name.encode()))


@pytest.fixture
def seeded(monkeypatch):
    """The keys that the generators of dropout are seeded with, and those of the draws of z."""
    found: list[tuple] = []
    monkeypatch.setattr(game, "seed_layers", lambda device, *key: found.append((device, *key)))
    original = Normal.__call__

    def spy(self, n, rng):
        found.append((n, rng.keys, rng.rank, rng.world, rng.device))
        return original(self, n, rng)

    monkeypatch.setattr(Normal, "__call__", spy)
    return found


def test_the_keys_of_an_alternating_step(seeded):
    gan, term = a_game(seed=9, d_steps=2)
    for i in range(4):
        step(gan, i)
    t = crc32(b"t")
    expected = []
    for at in range(4):
        z = (4, keys(9, at, "z/D"), 2, 3, CPU)
        expected += [(CPU, 9, at, 2, 0), z, (CPU, 9, at, 2, 2, t)]
        if at % 2:
            z = (4, keys(9, at, "z/G"), 2, 3, CPU)
            expected += [(CPU, 9, at + 1, 2, 1), z, (CPU, 9, at + 1, 2, 3, t)]  # D's step is counted by then
    assert seeded == expected
    assert term.streams == [keys(9, at, "t") for at in (0, 1, 1, 2, 3, 3)]
    of_view = lambda at, name: (4, 0.25 * (at // 2), keys(9, at, name), 2, 3)  # noqa: E731
    views = []
    for at in range(4):
        views += [of_view(at, "view/t")] * 2 + [of_view(at, "view/t/t")]
        if at % 2:
            views += [of_view(at, "view/t"), of_view(at, "view/t/t")]
    assert term.views == views
    assert (gan.d_steps_done, gan.g_steps_done, gan.images_seen, gan.progress) == (4, 2, 4 * 4 * 3, 0.5)


def test_the_keys_of_a_simultaneous_step(seeded):
    gan, term = a_game(seed=9, update="simultaneous")
    for i in range(2):
        step(gan, i)
    t, expected = crc32(b"t"), []
    for at in range(2):
        expected += [(CPU, 9, at, 2, 1), (4, keys(9, at, "z/D"), 2, 3, CPU), (CPU, 9, at, 2, 0), (CPU, 9, at, 2, 3, t)]
        expected += [(CPU, 9, at, 2, 0), (CPU, 9, at, 2, 2, t)]
    assert seeded == expected
    assert [p.player for p in term.plays] == ["G", "D"] * 2
    assert torch.equal(term.plays[0].fake, term.plays[1].fake)
    assert term.plays[0].fake.requires_grad
    assert not term.plays[1].fake.requires_grad
    assert (gan.d_steps_done, gan.g_steps_done, gan.images_seen) == (2, 2, 2 * 4 * 3)


@pytest.mark.parametrize(("loss", "real_in_g"), [(NSGAN(), False), (RpGAN(), True)])
def test_what_a_term_sees_and_what_is_remembered(loss, real_in_g):
    gan, term = a_game(loss=loss, d_loss_weight=0.5)
    step(gan)
    real = step(gan, 1)
    first, _, of_d, of_g = term.plays
    assert [(p.player, p.step, p.progress, p.mover) for p in (first, of_d, of_g)] == [
        ("D", 0, 0.0, gan.D),
        ("D", 1, 0.25, gan.D),
        ("G", 2, 0.25, gan.G),
    ]
    for play in (of_d, of_g):
        assert torch.equal(play.real, real)
        assert play.labels is LABELS
        assert play.fake.shape == real.shape
        assert (play.fake_logits.shape, play.fake_features.shape) == ((4,), (4, 6))
    assert (of_d.real_logits.shape, of_d.real_features.shape) == ((4,), (4, 6))
    assert (of_g.real_logits is not None, of_g.real_features is not None) == (real_in_g, real_in_g)
    assert not torch.equal(of_d.fake, of_g.fake)
    assert set(gan.latest) == {"loss/d", "loss/g", "real", "fake"}
    assert torch.equal(gan.latest["real"], of_d.real_logits)
    assert torch.equal(gan.latest["fake"], of_d.fake_logits)
    adversarial = {"D": 0.5 * loss.discriminator(of_d.real_logits, of_d.fake_logits),
                   "G": loss.generator(of_g.real_logits, of_g.fake_logits)}  # fmt: skip
    for player in "DG":
        assert gan.terms[player] == {"adversarial": adversarial[player], "t": torch.full((), 2.5)}
        assert gan.latest[f"loss/{player.lower()}"] == adversarial[player] + 2.5
        assert not any(v.requires_grad for v in (*gan.terms[player].values(), gan.latest[f"loss/{player.lower()}"]))
    assert not any(v.requires_grad for v in gan.latest.values())
    assert term.moved == [(gan.D, "D"), (gan.G, gan.D, "D"), (gan.G, "G"), (gan.G, gan.D, "G")] * 2


def test_values_that_move_with_the_steps_and_what_a_checkpoint_remembers():
    lr = lambda at: 0.5 / (1 + at)  # noqa: E731
    gan, _ = a_game(schedules={"D": {"lr": lr}, "G": {"lr": lambda at: 10.0 + at, "momentum": lambda at: 0.1 * at}})
    loop = Loop(gan, world=3)
    for _ in range(3):
        loop.step(torch.rand(4, *SHAPE), LABELS)
    d, g = (loop.optimizers[player].param_groups[0] for player in "DG")
    assert (d["lr"], g["lr"], g["momentum"]) == (0.5 / 3, 12.0, pytest.approx(0.2))
    assert gan.g_just_moved
    saved: dict = {}
    gan.on_save_checkpoint(saved)
    assert saved == {"counters": {"d_steps_done": 3, "g_steps_done": 3, "images_seen": 36}}
    states = [{"state": {}, "param_groups": [{**group, "params": [7]}]} for group in (d, g)]
    fresh, _ = a_game()
    fresh.on_load_checkpoint({**saved, "optimizer_states": states})
    assert (fresh.d_steps_done, fresh.g_steps_done, fresh.images_seen) == (3, 3, 36)
    assert [s["param_groups"][0]["lr"] for s in states] == [0.1, 0.1], "of the configuration"
    assert [s["param_groups"][0]["params"] for s in states] == [[7], [7]]
    fresh.on_load_checkpoint(saved)
    states[0]["param_groups"] *= 2
    with pytest.raises(ValueError, match="zip"):
        fresh.on_load_checkpoint({**saved, "optimizer_states": states})
    assert fresh.generators == {"G": fresh.G}
    assert not a_game()[0].g_just_moved


def test_a_game_as_it_begins(tiny):
    gan = build_gan(tiny(), SHAPE)
    assert (gan.d_steps, gan.simultaneous, gan.d_loss_weight, gan.adversarial_weight) == (1, False, 1.0, 1.0)
    assert (gan.latest, gan.terms, gan.numbers, gan.automatic_optimization) == ({}, {}, {}, False)
    plain, _ = a_game()
    assert (plain.d_steps, plain.simultaneous, plain.d_loss_weight, plain.seed, plain.schedules) == (1, False, 1, 0, {})
    plain.begin_step(CPU)
    assert isinstance(plain.rng, Streams)
    plain.g_steps_done = 9
    assert plain.progress == 1.0
