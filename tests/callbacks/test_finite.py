"""A loss or gradient that is not finite stops the run before it spoils a weight, on a CPU and as on a GPU."""

import json
from types import SimpleNamespace

import pytest
import torch
from conftest import TINY
from lightning.pytorch import Callback
from torch.utils._python_dispatch import TorchDispatchMode

from gan_lightning.callbacks.finite import FiniteGuard, NotFinite
from gan_lightning.config.compose import compose
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.runs.checkpoint import read_checkpoint
from gan_lightning.techniques.r1 import R1
from gan_lightning.training.setup import train


def config(*overrides):
    return compose("train", [*TINY, "steps=12", "d_steps=2", "log_every=1", "checkpoint_every=2", *overrides])


class Watch(Callback):
    """Keeps both players' weights as they were before each batch."""

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self.before = {k: v.detach().clone() for k, v in module.named_parameters()}
        self.module = module

    def unchanged(self) -> bool:
        return all(torch.equal(v, self.before[k]) for k, v in self.module.named_parameters())


class PlantInBatch(Watch):
    """A pixel of the batches of D steps ``at`` is nan."""

    def __init__(self, *at: int) -> None:
        self.at = at

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        super().on_train_batch_start(trainer, module, batch, batch_idx)
        if module.d_steps_done in self.at:
            batch[0][0][0, 0, 0, 0] = torch.nan


def test_a_nan_in_a_batch_stops_the_run_at_its_step(tmp_path):
    watch = PlantInBatch(7)
    with pytest.raises(NotFinite, match=r"diverged, in its term adversarial = nan, after 7 D steps and 3"):
        train(config(), tmp_path, extra_callbacks=[watch])
    assert watch.unchanged()
    kept = read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")
    assert kept["counters"] == {"d_steps_done": 4, "g_steps_done": 2, "images_seen": 64}
    assert all(v.isfinite().all() for v in kept["state_dict"].values())
    status = json.loads((tmp_path / "status.json").read_text())
    assert status["status"] == "failed"
    assert "Try a smaller learning rate" in status["error"]


def test_the_term_that_was_not_finite_is_named(tmp_path, monkeypatch):
    penalty = R1.penalty
    monkeypatch.setattr(R1, "penalty", lambda self, play, rng: penalty(self, play, rng) / (play.step != 5))
    with pytest.raises(NotFinite, match=r"D's loss has diverged, in its term r1 = inf, after 5 D steps"):
        train(config("technique=[r1,instance_noise]"), tmp_path)


def test_a_finite_loss_with_a_gradient_that_is_not(tmp_path, monkeypatch):
    """|x| ** 0.5 at 0: the value is 0, the slope infinite."""

    def generator(self, real_logits, fake_logits):
        return fake_logits.mean() + (0 * fake_logits).abs().sqrt().sum()

    monkeypatch.setattr(NSGAN, "generator", generator)
    with pytest.raises(NotFinite, match=r"G's gradient is not finite after 2 D steps and 0 G"):
        train(config(), tmp_path)
    assert not (tmp_path / "checkpoints").exists() or not list((tmp_path / "checkpoints").iterdir())


def test_a_learning_rate_of_ten_is_stopped(tmp_path):
    with pytest.raises(NotFinite, match=r"loss has diverged, in its term adversarial = .* at most 1e\+06"):
        train(config("optimizer.lr=10", "steps=200", "checkpoint_every=0"), tmp_path)


def test_as_on_a_gpu_the_flag_holds_the_weights_until_it_is_read(tmp_path, monkeypatch):
    """The fused optimizers pass over the bad step and all others; the flag, read 2 G steps later, tells the first."""
    monkeypatch.setattr(FiniteGuard, "can_wait", lambda self, module, optimizer, scaled: True)
    planted = PlantInBatch(5, 7)
    kept = {}

    class AtPlant(Callback):
        def on_train_batch_start(self, trainer, module, batch, batch_idx):
            if module.d_steps_done == 5:
                kept.update({k: v.detach().clone() for k, v in module.named_parameters()})

    with pytest.raises(NotFinite, match=r"D's loss has diverged, in its term adversarial = nan, after 5 D steps and 2"):
        train(config("callbacks.finite.every=4", "checkpoint_every=0"), tmp_path, extra_callbacks=[AtPlant(), planted])
    assert planted.module.g_steps_done == 4
    assert all(torch.equal(v, kept[k]) for k, v in planted.module.named_parameters())


def test_as_on_a_gpu_no_checkpoint_is_written_after_it(tmp_path, monkeypatch):
    monkeypatch.setattr(FiniteGuard, "can_wait", lambda self, module, optimizer, scaled: True)
    with pytest.raises(NotFinite, match=r"after 5 D steps"):
        train(config("callbacks.finite.every=1000"), tmp_path, extra_callbacks=[PlantInBatch(5)])
    assert read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["counters"]["d_steps_done"] == 4


def test_a_healthy_game_plays_alike_with_and_without_the_guard(tmp_path, monkeypatch):
    runs = {}
    for name, wait in (("on a CPU", False), ("as on a GPU", True), ("without", None)):
        folder = tmp_path / name
        folder.mkdir()
        with monkeypatch.context() as patch:
            if wait is None:
                patch.setattr(FiniteGuard, "on_before_optimizer_step", None)
            else:
                patch.setattr(FiniteGuard, "can_wait", lambda *args, wait=wait: wait)
            train(config(), folder)
        runs[name] = read_checkpoint(folder / "checkpoints" / "last.ckpt")["state_dict"]
    first, *others = runs.values()
    assert all(torch.equal(first[k], other[k]) for other in others for k in first)


def fp16_step(guard, module, optimizer, loss: float, gradient: float) -> None:
    module.terms = {"D": {"adversarial": torch.tensor(loss)}}
    optimizer.param_groups[0]["params"][0].grad = torch.full((2,), gradient)
    guard.on_before_optimizer_step(SimpleNamespace(precision="16-mixed"), module, optimizer)


@pytest.fixture
def scaled():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.1)
    module = SimpleNamespace(player_of=lambda _: "D", d_steps=1, d_steps_done=9, device=torch.device("cpu"), terms={})
    return module, optimizer


def test_under_fp16_single_overflows_are_the_scalers_business(scaled):
    guard = FiniteGuard(skips=3)
    for gradient in (torch.inf, torch.nan, 1.0, torch.inf, torch.inf):
        fp16_step(guard, *scaled, loss=0.5, gradient=gradient)
    with pytest.raises(NotFinite, match="D's gradient is not finite after 9 D steps"):
        fp16_step(guard, *scaled, loss=0.5, gradient=torch.inf)


def test_under_fp16_a_loss_that_is_not_finite_stops_at_once(scaled):
    with pytest.raises(NotFinite, match="in its term adversarial = nan"):
        fp16_step(FiniteGuard(), *scaled, loss=torch.nan, gradient=1.0)


class NoReadBack(TorchDispatchMode):
    """A value that goes from the device to Python stalls a GPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func is not torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_as_on_a_gpu_a_step_reads_nothing_back(scaled, monkeypatch):
    module, optimizer = scaled
    guard = FiniteGuard()
    module.terms = {"D": {"adversarial": torch.tensor(0.5), "r1": torch.tensor(0.1)}}
    optimizer.param_groups[0]["params"][0].grad = torch.ones(2)
    for precision in ("32-true", "16-mixed"):
        with pytest.raises(AssertionError), NoReadBack():
            guard.on_before_optimizer_step(SimpleNamespace(precision=precision), module, optimizer)
    monkeypatch.setattr(FiniteGuard, "can_wait", lambda *args: True)
    for precision in ("32-true", "16-mixed"):
        with NoReadBack():
            guard.on_before_optimizer_step(SimpleNamespace(precision=precision), module, optimizer)
    guard.check(module)
