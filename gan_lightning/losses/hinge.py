"""Hinge (Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17): logits beyond the margin add nothing to D's loss."""

import torch.nn.functional as F
from torch import Tensor

from gan_lightning.core.play import Loss, check_logits


class Hinge(Loss):
    """D descends max(0, 1 - D(x)) + max(0, 1 + D(G(z))), G ascends D(G(z))."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        check_logits("real_logits", real_logits)
        check_logits("fake_logits", fake_logits)
        return F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        check_logits("fake_logits", fake_logits)
        return -fake_logits.mean()
