"""Auxiliary discriminative classifier (ADC-GAN; Hou et al. 2022): a second head of D names the class and real or fake.

The classifier of AC-GAN knows real classes alone, and a G that follows it prefers samples that are easy to name. This
one has 2 K outputs, l_y+ for "of class y and real" and l_y- for "of class y and fake": its optimum knows p(x, y) and
G's law of them apart, and for a fixed optimal classifier G's term is least where the two are the same.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.conditions.auxiliary import Auxiliary
from gan_lightning.core.play import Play
from gan_lightning.core.rng import Stream


class Discriminative(Auxiliary):
    """D descends -E log C(y+ | x) - E log C(y- | G(z, y)) beside its loss, G E [l_y- - l_y+] at G(z, y) beside its own.

    l_y- - l_y+ = log C(y- | x) - log C(y+ | x): the softmax over all 2 K outputs cancels.

    Args:
        width: of e_G.
        real_weight, fake_weight: of the two parts of D's term; the paper has one weight, 1, for all three.
        g_weight: of G's term.
        subclasses: as in ``Auxiliary``.
    """

    name = "discriminative"

    def new_class_head(self, features: int) -> nn.Linear:
        """The first half of the outputs are l_y+, the others l_y-."""
        return nn.Linear(features, 2 * self.named)

    def named_by(self, told: Tensor) -> Tensor:
        """Of what the players are told: what the class head names, ``[N]``."""
        return told

    def d_term(self, play: Play, rng: Stream) -> Tensor:
        assert play.real_features is not None
        assert play.labels is not None
        assert play.fake_labels is not None
        real = F.cross_entropy(self.outputs(play.real_features), self.named_by(play.labels))
        fake = F.cross_entropy(self.outputs(play.fake_features), self.named_by(play.fake_labels) + self.named)
        return self.real_weight * real + self.fake_weight * fake

    def g_term(self, play: Play, rng: Stream) -> Tensor:
        assert play.fake_labels is not None
        l = self.outputs(play.fake_features)  # noqa: E741
        y = self.named_by(play.fake_labels)
        of_class = torch.stack([y, y + self.named], 1)
        real, fake = l.gather(1, of_class).unbind(1)
        return self.g_weight * (fake - real).mean()
