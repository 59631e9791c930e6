"""Semi-supervised learning with K + 1 classes (Salimans et al. 2016, section 5): D learns the labels that there are."""

import torch.nn.functional as F
from torch import Tensor

from gan_lightning.core.classes import ClassDiscriminator
from gan_lightning.core.play import Play
from gan_lightning.core.rng import Stream
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.knobs import at_least


class Supervised(Technique):
    """weight * -E log p(y | x, y is not fake) = weight * E [logsumexp(l) - l_y], over the labelled batch of the step.

    The labelled data pass the views and D by themselves.

    Args:
        weight: factor of the term.
    """

    needs_labelled = True
    refuses_labels = "both players would see the label of each sample, also of those that count as unlabelled"

    def __init__(self, weight: float = 1.0) -> None:
        at_least("supervised", "weight", weight, 0, "0 switches the term off.")
        self.weight = weight

    def d_term(self, play: Play, rng: Stream) -> Tensor:
        D = play.mover
        assert isinstance(D, ClassDiscriminator)
        assert play.labelled is not None
        x, y = play.labelled
        features, _ = play.discriminate(x)
        return self.weight * F.cross_entropy(D.outputs(features), y)
