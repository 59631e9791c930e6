"""``data=auto``: the first of several that can be had: MNIST, 5,000 of its images, digits. Decided once per launch."""

import os
from collections.abc import Mapping

from gan_lightning.data.arrays import DataUnavailable, Source

# Environment variable with the name of the chosen dataset. Whoever chooses first sets it, so that all jobs of a
# multirun, in whatever process, train on the same data.
DECISION = "GAN_LIGHTNING_AUTO_DATA"


def choose(options: Mapping[str, Source]) -> tuple[str, str]:
    """(name of the first option that can be prepared, why the ones before it could not).

    Raises:
        DataUnavailable: none can be prepared.
    """
    decided = os.environ.get(DECISION, "")
    if decided in options:
        return decided, "Decided when the jobs were launched."
    refusals = []
    for name, source in options.items():
        try:
            source.prepare()
        except DataUnavailable as error:
            refusals.append(str(error))
            continue
        os.environ[DECISION] = name
        return name, " ".join(refusals)
    raise DataUnavailable(" ".join(refusals))
