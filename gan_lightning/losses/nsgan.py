"""The non-saturating game of Goodfellow et al. 2014, section 3: G descends -log D(G(z))."""

import torch.nn.functional as F
from torch import Tensor

from gan_lightning.core.play import Loss, check_logits
from gan_lightning.losses.cross_entropy import discriminator_cross_entropy


class NSGAN(Loss):
    """G's gradient in the logit is -(1 - D(G(z))): it tends to -1 where D is sure that the sample is fake.

    Args:
        real_target: D's target for real data (one-sided smoothing: 0.9).
        fake_target: D's target for fake data. Neither target touches G's loss.
    """

    logits = "log_odds"

    def __init__(self, real_target: float = 1.0, fake_target: float = 0.0) -> None:
        self.real_target, self.fake_target = real_target, fake_target

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return discriminator_cross_entropy(real_logits, fake_logits, self.real_target, self.fake_target)

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        check_logits("fake_logits", fake_logits)
        return F.softplus(-fake_logits).mean()  # -log sigmoid(l) = softplus(-l)
