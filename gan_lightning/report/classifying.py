"""How many test images a semi-supervised D, and each average of it, names wrong."""

from collections.abc import Mapping
from typing import Any

from gan_lightning.core.classes import share_wrong
from gan_lightning.report.yardstick import Yardstick
from gan_lightning.runs.load import LoadedGenerator


def errors(
    generators: Mapping[str, LoadedGenerator], yardstick: Yardstick, protocol: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A column of metrics.json: ``test_errors`` of D and ``test_errors_<name>`` of its averages; none without classes.

    Its floor are the errors of the judge, which all labels have taught.

    Args:
        generators: hash of the weights of a checkpoint's G -> that G, which was loaded with the D beside it.
        yardstick: of the dataset, whose test images count.
        protocol: of the evaluation.
    """
    if not any(G.classifiers for G in generators.values()):
        return []
    test = yardstick.real["test"]
    images, labels = test.look("images"), test.look("labels")
    values = {
        weights: {
            "test_errors" + ("" if name == "D" else f"_{name}"): round(share_wrong(D, images, labels) * len(labels))
            for name, D in G.classifiers.items()
        }
        for weights, G in generators.items()
    }
    by_judge = int((test.look("probabilities").argmax(1).cpu() != labels).sum())
    return [
        {
            "metric": "test_errors",
            "function": "share_wrong",
            "of": ["test_images", "test_labels"],
            "parameters": {},
            "protocol": protocol,
            "floor": {name: by_judge for numbers in values.values() for name in numbers},
            "values": values,
        }
    ]
