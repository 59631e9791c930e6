"""Values and gradients at logits worked out by hand, both sides of every tolerance."""

import math

import pytest
import torch
from torch.testing import assert_close

from gan_lightning.config.build import make
from gan_lightning.config.compose import compose
from gan_lightning.config.where import CONF
from gan_lightning.losses.cross_entropy import discriminator_cross_entropy
from gan_lightning.losses.mmgan import MMGAN
from gan_lightning.losses.nsgan import NSGAN

BOTH = pytest.mark.parametrize("loss_class", [MMGAN, NSGAN])


def logits(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


@BOTH
def test_d_loss_by_hand(loss_class):
    # D(x) = 0.8, 0.5 and D(G(z)) = 0.2: -[(log .8 + log .5) / 2 + log .8]
    real, fake = logits(math.log(4), 0.0), logits(-math.log(4), -math.log(4))
    expected = -(math.log(0.8) + math.log(0.5)) / 2 - math.log(0.8)
    assert_close(loss_class().discriminator(real, fake).item(), expected, rtol=0, atol=1e-12)


@BOTH
def test_d_loss_is_2_log_2_where_d_knows_nothing(loss_class):
    """Goodfellow et al. 2014, theorem 1: V = -log 4 at D = 1/2."""
    zero = logits(0.0, 0.0)
    assert_close(loss_class().discriminator(zero, zero).item(), 2 * math.log(2), rtol=0, atol=1e-12)


def test_g_losses_by_hand():
    fake = logits(math.log(4), 0.0)  # D(G(z)) = 0.8, 0.5
    assert_close(MMGAN().generator(None, fake).item(), (math.log(0.2) + math.log(0.5)) / 2, rtol=0, atol=1e-12)
    assert_close(NSGAN().generator(None, fake).item(), -(math.log(0.8) + math.log(0.5)) / 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("logit", [-3.0, -0.5, 0.0, 2.0])
def test_g_gradients_in_closed_form(logit):
    """d/dl log(1 - sigmoid(l)) = -sigmoid(l); d/dl -log sigmoid(l) = -(1 - sigmoid(l))."""
    for loss, expected in ((MMGAN(), -1 / (1 + math.exp(-logit))), (NSGAN(), -1 / (1 + math.exp(logit)))):
        fake = logits(logit)
        loss.generator(None, fake).backward()
        assert_close(fake.grad.item(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_saturation_where_d_is_sure(dtype):
    """The paper's argument, section 3: at D(G(z)) -> 0 minimax has no gradient left, non-saturating has all of it."""
    for loss, expected in ((MMGAN(), 0.0), (NSGAN(), -1.0)):
        fake = torch.tensor([-200.0], dtype=dtype, requires_grad=True)
        loss.generator(None, fake).backward()
        assert_close(fake.grad.item(), expected, rtol=0, atol=1e-30)


def test_the_wrong_non_saturating_form_is_told_apart():
    """log(sigmoid(l) + 1e-8), seen in other libraries: its gradient dies where the heuristic is needed."""
    fake = torch.tensor([-200.0], requires_grad=True)
    (-torch.log(torch.sigmoid(fake) + 1e-8)).mean().backward()
    assert fake.grad.item() == 0.0


@BOTH
@pytest.mark.parametrize("logit", [-200.0, 200.0])
@pytest.mark.parametrize("targets", [(1.0, 0.0), (0.9, 0.0), (0.9, 0.1)])
def test_finite_at_extreme_logits(loss_class, logit, targets):
    loss = loss_class(*targets)
    real = torch.tensor([logit], requires_grad=True)
    fake = torch.tensor([logit], requires_grad=True)
    total = loss.discriminator(real, fake) + loss.generator(None, fake)
    total.backward()
    assert all(torch.isfinite(t).all() for t in (total, real.grad, fake.grad))


@BOTH
def test_smoothing_moves_d_only(loss_class):
    real, fake = logits(0.7, -1.2), logits(0.3, -2.0)
    plain, smooth = loss_class(), loss_class(real_target=0.9, fake_target=0.1)
    p, q = torch.sigmoid(real.detach()), torch.sigmoid(fake.detach())
    expected = -(0.9 * p.log() + 0.1 * (1 - p).log()).mean() - (0.1 * q.log() + 0.9 * (1 - q).log()).mean()
    assert_close(smooth.discriminator(real, fake).detach(), expected, rtol=0, atol=1e-12)
    assert smooth.generator(None, fake).item() == plain.generator(None, fake).item()


@BOTH
@pytest.mark.parametrize(("real_target", "fake_target"), [(1.0, 0.0), (0.9, 0.0), (0.9, 0.1)])
def test_optimal_logit_is_the_target(loss_class, real_target, fake_target):
    """Where p_r = p_g, the best D is (alpha + beta) / 2: the gradient vanishes there."""
    best = (real_target + fake_target) / 2
    logit = logits(math.log(best / (1 - best)))
    loss_class(real_target, fake_target).discriminator(logit, logit).backward()
    assert_close(logit.grad.item(), 0.0, rtol=0, atol=1e-12)


@BOTH
def test_logits_of_the_wrong_shape_are_refused(loss_class):
    column, flat = torch.zeros(3, 1), torch.zeros(3)
    with pytest.raises(ValueError, match=r"fake_logits must have shape \[N\], got \[3, 1\]"):
        loss_class().discriminator(flat, column)
    with pytest.raises(ValueError, match=r"real_logits must have shape \[N\]"):
        loss_class().discriminator(column, flat)
    with pytest.raises(ValueError, match=r"fake_logits must have shape \[N\]"):
        loss_class().generator(None, column)


@pytest.mark.parametrize("name", sorted(p.stem for p in (CONF / "loss").glob("*.yaml")))
def test_every_loss_names_the_logits_that_have_the_wrong_shape(name):
    loss, column, flat = make(compose("train", [f"loss={name}"]).loss), torch.zeros(3, 1), torch.zeros(3)
    for real, fake, wrong in ((column, flat, "real"), (flat, column, "fake")):
        with pytest.raises(ValueError, match=rf"^{wrong}_logits must have shape \[N\], got \[3, 1\]"):
            loss.discriminator(real, fake)
    with pytest.raises(ValueError, match=r"^fake_logits must have shape \[N\], got \[3, 1\]"):
        loss.generator(flat, column)
    if loss.needs_real_in_g:
        with pytest.raises(AssertionError, match="^needs_real_in_g$"):
            loss.generator(None, flat)
        with pytest.raises(ValueError, match=r"^real_logits must have shape \[N\], got \[3, 1\]"):
            loss.generator(column, flat)


def test_without_targets_they_are_1_and_0():
    real, fake = logits(0.3, -1.2), logits(0.7, 2.0)
    plain = discriminator_cross_entropy(real, fake)
    assert plain.item() == discriminator_cross_entropy(real, fake, 1.0, 0.0).item()
    assert plain.item() != discriminator_cross_entropy(real, fake, 0.9, 0.0).item()
