"""The subclasses of a game: found in its training data before it begins, and known to D and to each G from then on."""

import logging
from typing import cast

from gan_lightning.core.subclasses import SubclassGenerator
from gan_lightning.data.arrays import GANData
from gan_lightning.game.module import GAN

log = logging.getLogger(__name__)


def find_subclasses(gan: GAN, data: GANData, begun: bool) -> None:
    """Group the training samples of each class, where a game that begins has subclasses.

    A game that has ``begun`` has them in its checkpoint. With ``init`` they are found anew in the data of the new game.
    """
    subclasses = gan.condition.subclasses if gan.condition else None
    if subclasses is None or begun or data.arrays is None:
        return
    subclasses.find(data.arrays.images, data.arrays.labels)
    for G in gan.generators.values():
        cast(SubclassGenerator, G).subclass_counts.copy_(subclasses.counts)
    least, most = (int(count) for count in subclasses.counts.aminmax())
    log.info("each class is told in %d subclasses, of %d to %d samples", subclasses.each, least, most)
