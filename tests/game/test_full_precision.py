"""In half precision D's pass over a batch whose slope is taken by differences is float32, and made once."""

import pytest
import torch

from gan_lightning.config.build import build_gan

CPU = torch.device("cpu")
CONV = ["network=conv", "network.G.hidden=16", "network.D.hidden=16", "network.G.width=4", "network.D.width=4"]


def half_of_d(tiny, half: bool, step: int = 0, technique: str = "r1", **options):
    """The game, the terms of D's half, and the play that its techniques saw with the number of D's passes."""
    given = [f"technique.{technique}.{key}={value}" for key, value in options.items()]
    torch.manual_seed(0)
    gan = build_gan(tiny(*CONV, f"technique=[{technique}]", *given), (1, 8, 8))
    passes, plays, observe, seen_by = [], [], gan.D.observe, gan.seen_by
    gan.D.observe = lambda x, y=None: passes.append(x.dtype) or observe(x, y)
    gan.seen_by = lambda name, play: plays.append(play) or seen_by(name, play)
    gan.d_steps_done = step
    gan.begin_step(CPU)
    real = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        terms = gan.discriminator_terms(real, torch.zeros(16).long())
    return gan, terms, plays[0], len(passes)


@pytest.mark.parametrize(
    ("technique", "options", "real", "fake", "passes"),
    [
        ("r1", {"sigma": 0.1}, torch.float32, torch.bfloat16, 3),
        ("r2", {"sigma": 0.1}, torch.bfloat16, torch.float32, 3),
        ("r1", {"sigma": "null"}, torch.bfloat16, torch.bfloat16, 3),  # its own pass is the one it differentiates
        ("r1", {"sigma": 0.1, "weight": 0, "final_weight": "null"}, torch.bfloat16, torch.bfloat16, 2),
        ("r1", {"sigma": 0.1, "interval": 2}, torch.bfloat16, torch.bfloat16, 2),  # nothing at a step that is odd
    ],
)
def test_what_is_float32(tiny, technique, options, real, fake, passes):
    _, terms, play, n = half_of_d(tiny, True, step=1, technique=technique, **options)
    assert (play.real_logits.dtype, play.fake_logits.dtype, n) == (real, fake, passes)
    assert (terms[technique] == 0) == (n == 2)


@pytest.mark.parametrize("technique", ["r1", "r2"])
def test_the_penalty_is_that_of_float32(tiny, technique):
    """Differences of bfloat16 logits, over a sigma of 0.001, would be far off; the fakes are rounded."""
    _, exact, _, n = half_of_d(tiny, False, technique=technique, sigma=1e-3)
    _, half, _, m = half_of_d(tiny, True, technique=technique, sigma=1e-3)
    assert (n, m) == (3, 3)
    assert half[technique].item() == pytest.approx(exact[technique].item(), rel=1e-5 if technique == "r1" else 0.02)


def test_the_loss_is_taken_from_the_same_pass(tiny):
    gan, terms, play, _ = half_of_d(tiny, True, sigma=0.1)
    expected = gan.loss.discriminator(play.real_logits, play.fake_logits)
    torch.testing.assert_close(terms["adversarial"], expected, rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(terms["adversarial"] + terms["r1"], play.real_logits)
    assert gradient.dtype == torch.float32
    assert gradient.abs().min() > 0


def test_where_passes_differ_nothing_can_be_taken_over(tiny):
    """Views draw for each pass, so that a penalty makes both of its own."""
    gan = build_gan(tiny(*CONV, "technique=[diff_augment,r1]", "technique.r1.sigma=0.1"), (1, 8, 8))
    gan.begin_step(CPU)
    real = torch.rand(16, 1, 8, 8) * 2 - 1
    seen = []
    gan.d_losses = lambda play: seen.append(play) or {}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        gan.discriminator_terms(real, torch.zeros(16).long())
    assert seen[0].full_precision == frozenset()
    assert seen[0].real_logits.dtype == torch.bfloat16


def test_g_asks_for_nothing(tiny):
    gan = build_gan(tiny(*CONV, "loss=rpgan", "technique=[r1,r2]", "technique.r1.sigma=0.1"), (1, 8, 8))
    gan.begin_step(CPU)
    seen, real = [], torch.rand(16, 1, 8, 8) * 2 - 1
    gan.g_losses = lambda play: seen.append(play) or {}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        gan.generator_terms(real, torch.zeros(16).long())
    assert {seen[0].real_logits.dtype, seen[0].fake_logits.dtype} == {torch.bfloat16}
