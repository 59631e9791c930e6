"""Every technique beside every other, and beside every loss: it plays and matters, or is refused with a reason."""

import functools
import itertools

import pytest
import torch
from conftest import TECHNIQUES, TINY, TOGETHER, composed
from played import differs, play
from torch.utils._python_dispatch import TorchDispatchMode

from gan_lightning.config.build import make
from gan_lightning.config.compose import compose
from gan_lightning.config.where import CONF
from gan_lightning.core.prior import Normal
from gan_lightning.core.seats import Seats
from gan_lightning.game.loop import Loop
from gan_lightning.game.module import GAN
from gan_lightning.networks.mlp import Discriminator, Generator

SHAPE = (1, 8, 8)
LOSSES = sorted(p.stem for p in (CONF / "loss").glob("*.yaml"))
LOUD = ["technique.gradient_clipping.d=0.01", "technique.gradient_clipping.g=0.01"]  # so that three steps feel it

SINGLE = "needs a D that looks at each sample by itself"
REFUSED = {
    ("dragan", "minibatch_discrimination"): SINGLE,
    ("dragan", "minibatch_stddev"): SINGLE,
    ("gradient_penalty", "minibatch_discrimination"): SINGLE,
    ("gradient_penalty", "minibatch_stddev"): SINGLE,
    ("spectral_norm", "weight_norm"): "Choose one of spectral_norm and weight_norm",
}


def all_nodes():
    return composed((*TINY, f"technique=[{','.join(TECHNIQUES)}]", *LOUD)).technique


@functools.cache
def loss_of(name: str):
    return compose("train", [*TINY, f"loss={name}"]).loss


def game(techniques, loss: str = "nsgan", optimizer=lambda p: torch.optim.Adam(p, lr=0.01)) -> GAN:
    torch.manual_seed(0)
    return GAN(
        G=Generator(5, SHAPE, hidden=(8, 12)),
        D=Discriminator(
            Seats(seats := {n: make(all_nodes()[n]) for n in techniques}).view_shape(SHAPE), hidden=(12, 6)
        ),
        prior=Normal(5),
        loss=make(loss_of(loss)),
        optimizer_d=optimizer,
        optimizer_g=optimizer,
        steps=3,
        seats=Seats(seats),
    )


def batches(n: int = 3):
    generator = torch.Generator().manual_seed(1)
    return [(torch.rand(16, *SHAPE, generator=generator) * 2 - 1, torch.zeros(16).long()) for _ in range(n)]


@functools.cache
def played(techniques: tuple[str, ...], loss: str = "nsgan"):
    """(losses of three steps, final state) of a game."""
    return play(game(techniques, loss), batches())


def check(techniques: tuple[str, ...], loss: str = "nsgan") -> None:
    reason = REFUSED.get(techniques)
    if reason:
        with pytest.raises(ValueError, match=reason):
            game(techniques, loss)
        return
    mine = played(techniques, loss)
    assert torch.tensor(mine[0]).isfinite().all()
    assert all(v.isfinite().all() for v in mine[1].values())
    for left_out in techniques:
        rest = tuple(t for t in techniques if t != left_out)
        assert differs(mine, played(rest, loss)), f"{left_out} does nothing beside {rest}, {loss}"


PAIRS = list(itertools.combinations(TECHNIQUES, 2))
WITH_LOSS = list(itertools.product(TECHNIQUES, LOSSES))


@pytest.mark.parametrize("pair", [*REFUSED, *PAIRS[::9]], ids="+".join)
def test_some_pairs(pair):
    check(pair)


@pytest.mark.parametrize(("technique", "loss"), WITH_LOSS[::5])
def test_some_losses_with_techniques(technique, loss):
    check((technique,), loss)


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_every_pair(pair):
    check(pair)


@pytest.mark.slow
@pytest.mark.parametrize(("technique", "loss"), WITH_LOSS)
def test_every_loss_with_every_technique(technique, loss):
    check((technique,), loss)


def test_the_order_of_a_refused_pair_does_not_matter():
    for one, other in REFUSED:
        with pytest.raises(ValueError, match=REFUSED[one, other]):
            game((other, one))


def test_all_techniques_together_are_bit_equal_twice():
    played.cache_clear()
    first = played(tuple(TOGETHER))
    played.cache_clear()
    assert not differs(first, played(tuple(TOGETHER)))


@pytest.mark.parametrize("techniques", [*((t,) for t in TECHNIQUES), tuple(TOGETHER)], ids="+".join)
def test_no_technique_reads_back_from_the_device(techniques):
    class Refuse(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            assert "_local_scalar_dense" not in str(function), f"{techniques} reads a value in the step"
            assert "nonzero" not in str(function), f"{techniques} makes a shape out of values"
            return function(*args, **(kwargs or {}))

    # Adam on a CPU counts its steps in tensors there and reads them; what is asked here is the step's own part
    loop = Loop(game(techniques, optimizer=lambda p: torch.optim.SGD(p, lr=0.01)))
    for batch in batches(2):
        with Refuse():
            loop.step(*batch)
