"""Relativistic pairing (Jolicoeur-Martineau 2019; Huang et al. 2024, equation 2): each fake against one real sample."""

import torch.nn.functional as F
from torch import Tensor

from gan_lightning.core.play import Loss, check_logits


class RpGAN(Loss):
    """D descends -log sigmoid(D(x) - D(G(z))), G descends -log sigmoid(D(G(z)) - D(x)), over the pairs of a batch."""

    needs_real_in_g = True

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        check_logits("real_logits", real_logits)
        check_logits("fake_logits", fake_logits)
        return F.softplus(fake_logits - real_logits).mean()

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        assert real_logits is not None, "needs_real_in_g"
        check_logits("real_logits", real_logits)
        check_logits("fake_logits", fake_logits)
        return F.softplus(real_logits - fake_logits).mean()
