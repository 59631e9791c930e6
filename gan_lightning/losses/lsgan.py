"""Least squares (Mao et al. 2017, equation 9, with a = 0, b = c = 1): logits are regressed on 0 and 1."""

from torch import Tensor

from gan_lightning.core.play import Loss, check_logits


class LSGAN(Loss):
    """D descends (D(x) - 1)^2 / 2 + D(G(z))^2 / 2, G descends (D(G(z)) - 1)^2 / 2."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        check_logits("real_logits", real_logits)
        check_logits("fake_logits", fake_logits)
        return (real_logits - 1).square().mean() / 2 + fake_logits.square().mean() / 2

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        check_logits("fake_logits", fake_logits)
        return (fake_logits - 1).square().mean() / 2
