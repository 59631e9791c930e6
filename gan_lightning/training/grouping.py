"""What a condition tells of samples beside their class: found in the training data before a game begins."""

import logging
from typing import cast

from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.data.arrays import GANData
from gan_lightning.game.module import GAN

log = logging.getLogger(__name__)


def find_within(gan: GAN, data: GANData, begun: bool) -> None:
    """Look at the training samples of each class, and give D and each G of a game that begins what it found.

    A game that has ``begun`` has it in its checkpoint. With ``init`` it is found anew in the data of the new game, but
    for what the weights that it begins with know, such as the axes of features.
    """
    within = gan.condition.within if gan.condition else None
    if within is None or begun or data.arrays is None:
        return
    within.find(data.arrays.images, data.arrays.labels)
    for G in gan.generators.values():
        within.give(cast(ConditionalGenerator, G))
    log.info("%s", within.found())
