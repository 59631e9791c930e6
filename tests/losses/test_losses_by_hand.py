"""Each loss at three unequal real and three unequal fake logits: its value, and its gradient in each of them."""

import math

import pytest
import torch

from gan_lightning.losses.hinge import Hinge
from gan_lightning.losses.lsgan import LSGAN
from gan_lightning.losses.mmgan import MMGAN
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.losses.rpgan import RpGAN
from gan_lightning.losses.wgan import WGAN

REAL, FAKE = [0.5, -1.0, 2.0], [-1.5, 0.25, 0.75]


def p(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def mean(values) -> float:
    return sum(values) / 3


CROSS_ENTROPY = (
    -mean(math.log(p(r)) for r in REAL) - mean(math.log(1 - p(f)) for f in FAKE),
    [(p(r) - 1) / 3 for r in REAL],
    [p(f) / 3 for f in FAKE],
)
SMOOTHED = (
    -mean(0.9 * math.log(p(r)) + 0.1 * math.log(1 - p(r)) for r in REAL)
    - mean(0.2 * math.log(p(f)) + 0.8 * math.log(1 - p(f)) for f in FAKE),
    [(p(r) - 0.9) / 3 for r in REAL],
    [(p(f) - 0.2) / 3 for f in FAKE],
)
PAIRS = list(zip(REAL, FAKE, strict=True))
# value, gradient in the real logits, gradient in the fake logits
D = {
    "nsgan": (NSGAN(), *CROSS_ENTROPY),
    "mmgan": (MMGAN(), *CROSS_ENTROPY),
    "nsgan smoothed": (NSGAN(0.9, 0.2), *SMOOTHED),
    "mmgan smoothed": (MMGAN(0.9, 0.2), *SMOOTHED),
    # (0.25 + 4 + 1) / 6 + (2.25 + 0.0625 + 0.5625) / 6
    "lsgan": (LSGAN(), 5.25 / 6 + 2.875 / 6, [-0.5 / 3, -2 / 3, 1 / 3], [-1.5 / 3, 0.25 / 3, 0.75 / 3]),
    "wgan": (WGAN(), -0.5 / 3 - 1.5 / 3, [-1 / 3] * 3, [1 / 3] * 3),
    # (0.5 + 2 + 0) / 3 + (0 + 1.25 + 1.75) / 3: beyond the margin no gradient
    "hinge": (Hinge(), 2.5 / 3 + 3 / 3, [-1 / 3, -1 / 3, 0], [0, 1 / 3, 1 / 3]),
    "rpgan": (
        RpGAN(),
        -mean(math.log(p(r - f)) for r, f in PAIRS),
        [-p(f - r) / 3 for r, f in PAIRS],
        [p(f - r) / 3 for r, f in PAIRS],
    ),
}
NOTHING = [0.0] * 3
G = {
    "nsgan": (NSGAN(0.9, 0.2), -mean(math.log(p(f)) for f in FAKE), NOTHING, [(p(f) - 1) / 3 for f in FAKE]),
    "mmgan": (MMGAN(0.9, 0.2), mean(math.log(1 - p(f)) for f in FAKE), NOTHING, [-p(f) / 3 for f in FAKE]),
    # (6.25 + 0.5625 + 0.0625) / 6
    "lsgan": (LSGAN(), 6.875 / 6, NOTHING, [-2.5 / 3, -0.75 / 3, -0.25 / 3]),
    "wgan": (WGAN(), 0.5 / 3, NOTHING, [-1 / 3] * 3),
    "hinge": (Hinge(), 0.5 / 3, NOTHING, [-1 / 3] * 3),
    "rpgan": (
        RpGAN(),
        -mean(math.log(p(f - r)) for r, f in PAIRS),
        [p(r - f) / 3 for r, f in PAIRS],
        [-p(r - f) / 3 for r, f in PAIRS],
    ),
}


@pytest.mark.parametrize(("player", "name"), [*(("discriminator", n) for n in D), *(("generator", n) for n in G)])
def test_value_and_gradients(player, name):
    loss, value, by_real, by_fake = (D if player == "discriminator" else G)[name]
    real, fake = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (REAL, FAKE))
    total = getattr(loss, player)(real, fake)
    gradients = torch.autograd.grad(total, (real, fake), allow_unused=True)
    got = [[0.0] * 3 if g is None else g.tolist() for g in gradients]
    assert total.item() == pytest.approx(value, rel=0, abs=1e-12)
    assert got[0] == pytest.approx(by_real, rel=0, abs=1e-12)
    assert got[1] == pytest.approx(by_fake, rel=0, abs=1e-12)
