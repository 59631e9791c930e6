"""The step is Algorithm 1: who moves, when, on which noise, and that nothing else does."""

import json
import os
from pathlib import Path

import pytest
import torch
from conftest import EachStep
from torch.utils._python_dispatch import TorchDispatchMode

from gan_lightning.game.module import GAN

GOLDEN = Path(__file__).parent.parent / "goldens" / "plain_game.json"


def weights(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in module.parameters()])


@pytest.mark.parametrize("k", [1, 2, 3])
def test_updates_are_counted_and_the_run_ends_after_exactly_steps(play, k):
    moves = []
    seen = EachStep(lambda gan: (weights(gan.D), weights(gan.G), gan.d_steps_done, gan.g_steps_done))
    gan = play(f"d_steps={k}", "steps=5", callbacks=(seen,))
    assert (gan.d_steps_done, gan.g_steps_done, gan.images_seen) == (5 * k, 5, 5 * k * 16)
    for before, after in zip(seen.seen, seen.seen[1:], strict=False):
        moves.append((not torch.equal(before[0], after[0]), not torch.equal(before[1], after[1])))
        assert moves[-1] == (True, after[3] > before[3]), "D moves every batch, G only when it is counted"
    assert sum(g for _, g in moves) == 5 - (seen.seen[0][3])
    for optimizer, steps in zip(gan.players().values(), (5 * k, 5), strict=True):
        state = next(iter(optimizer.optimizer.state.values()))
        assert state["step"].item() == steps


def test_the_other_player_is_frozen_and_keeps_no_stray_gradient(play, monkeypatch):
    """G's half must neither move D nor leave gradients in it, and the other way round."""
    log = []
    original = GAN.move

    def spy(self, player, terms):
        loss = sum(terms.values())
        other = self.G if player == "D" else self.D
        mine = self.D if player == "D" else self.G
        frozen, own = weights(other), weights(mine)
        kept = [p.grad for p in other.parameters()]
        assert not any(p.requires_grad for p in other.parameters())
        expected = torch.autograd.grad(loss, list(mine.parameters()), retain_graph=True)
        original(self, player, terms)
        assert torch.equal(frozen, weights(other))
        assert not torch.equal(own, weights(mine))
        assert all(a is b for a, b in zip(kept, (p.grad for p in other.parameters()), strict=True))
        for p, g in zip(mine.parameters(), expected, strict=True):
            torch.testing.assert_close(p.grad, g, rtol=0, atol=0)
        log.append(player)

    monkeypatch.setattr(GAN, "move", spy)
    gan = play("d_steps=2", "steps=3")
    assert log == ["D", "D", "G"] * 3
    assert all(p.requires_grad for p in gan.parameters())


def test_a_step_that_raises_leaves_nobody_frozen(play, monkeypatch):
    def broken(self, player, terms):
        raise RuntimeError("planted")

    monkeypatch.setattr(GAN, "move", broken)
    built = []
    original = GAN.on_fit_start
    monkeypatch.setattr(GAN, "on_fit_start", lambda self: (built.append(self), original(self)))
    with pytest.raises(RuntimeError, match="planted"):
        play()
    assert all(p.requires_grad for p in built[0].parameters())


def test_noise_is_fresh_in_both_halves_and_reproducible(play, monkeypatch):
    def draws() -> list[torch.Tensor]:
        seen: list[torch.Tensor] = []
        with monkeypatch.context() as patch:
            from gan_lightning.core.prior import Normal

            original = Normal.__call__

            def spy(self, n, rng):
                seen.append(original(self, n, rng))
                return seen[-1]

            patch.setattr(Normal, "__call__", spy)
            play("steps=3")
        return seen

    first, second = draws(), draws()
    assert len(first) == 6
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(not torch.equal(a, b) for i, a in enumerate(first) for b in first[:i])


class NoReadBack(TorchDispatchMode):
    """Refuses whatever would wait for the device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func is not torch.ops.aten._local_scalar_dense.default, "a tensor's value was read during a step"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "extra",
    [[], ["network=maxout"], ["technique=[instance_noise]", "d_steps=2"], ["network=maxout", "update=simultaneous"]],
)
def test_a_step_reads_nothing_back_from_the_device(play, monkeypatch, extra):
    original = GAN.training_step

    def guarded(self, batch, batch_idx):
        with NoReadBack():
            original(self, batch, batch_idx)

    monkeypatch.setattr(GAN, "training_step", guarded)
    play(*extra, "steps=3")


def test_the_guard_against_reading_back_works():
    with pytest.raises(AssertionError, match="value was read"), NoReadBack():
        torch.ones(1).sum().item()


def golden_losses(play, loss: str) -> list[list[float]]:
    seen = EachStep(lambda gan: [gan.latest["loss/d"].item(), gan.latest["loss/g"].item()])
    play(f"loss={loss}", "steps=10", callbacks=(seen,), double=True)
    return seen.seen


@pytest.mark.parametrize("loss", ["mmgan", "nsgan"])
def test_golden_losses(play, loss):
    """Ten steps of the plain game in float64. A refactoring leaves them alone.

    A change of the game that is meant says why in its commit and rewrites the file: GAN_WRITE_GOLDENS=1 pytest.
    """
    got = golden_losses(play, loss)
    stored = json.loads(GOLDEN.read_text())
    if os.environ.get("GAN_WRITE_GOLDENS"):
        GOLDEN.write_text(json.dumps({**stored, loss: got}, indent=1) + "\n")
        pytest.skip("goldens rewritten")
    assert len(got) == 10
    for mine, theirs in zip(got, stored[loss], strict=True):
        assert mine == pytest.approx(theirs, rel=0, abs=1e-6)


def test_same_seed_same_weights_and_another_seed_others(play):
    one, same, other = play(), play(), play("seed=1")
    assert torch.equal(weights(one), weights(same))
    assert not torch.equal(weights(one), weights(other))


def test_dropout_is_a_function_of_the_step_too(play):
    """Whoever else draws from the global generator must not move the game."""

    def disturb(gan):
        torch.rand(7)

    calm = play("network=maxout")
    disturbed = play("network=maxout", callbacks=(EachStep(disturb),))
    assert torch.equal(weights(calm), weights(disturbed))


def test_real_and_fake_pass_d_apart(play, monkeypatch):
    """In one batch, BatchNorm would tell D which is which."""
    from gan_lightning.core.play import Discriminator

    sizes = []
    original = Discriminator.observe
    monkeypatch.setattr(Discriminator, "observe", lambda self, x: (sizes.append(len(x)), original(self, x))[1])
    play("steps=2")
    assert sizes == [16, 16, 16] * 2, "D sees real, fake; then G's fake: no pass over real in G's half"
