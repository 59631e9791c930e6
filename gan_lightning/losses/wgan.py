"""Wasserstein (Arjovsky et al. 2017, equations 2 and 3): D is a critic, whose means differ by the distance."""

from torch import Tensor

from gan_lightning.core.play import Loss, check_logits


class WGAN(Loss):
    """D ascends E D(x) - E D(G(z)), G ascends E D(G(z)).

    E D(x) - E D(G(z)) estimates the Wasserstein-1 distance only for a 1-Lipschitz D: a technique has to keep it so.
    """

    needs_lipschitz = True
    wasserstein = True

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        check_logits("real_logits", real_logits)
        check_logits("fake_logits", fake_logits)
        return fake_logits.mean() - real_logits.mean()

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        check_logits("fake_logits", fake_logits)
        return -fake_logits.mean()
