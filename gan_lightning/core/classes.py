"""K + 1 classes (Salimans et al. 2016, section 5): D names the class of a sample, and "fake" is one class more.

D has an output l_k for each of K classes; that of "fake" is 0, which loses nothing, since softmax knows differences
only. With Z = sum_k exp l_k, D(x) = Z / (Z + 1): the log-odds of "real" are log Z = logsumexp(l), a logit as any other,
and every loss on logits and every term of a technique serves as it is.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.play import Discriminator, Shape
from gan_lightning.core.sampler import evaluating
from gan_lightning.core.seats import Seats

FIRST = 500  # training samples that a D may start from


class ClassDiscriminator(Discriminator):
    """The features of ``D`` and a head of K outputs in place of its own, ``D.new_head``.

    Args:
        D: any D that is head(features(x)).
        shape: of what it sees of a sample, without the batch axis.
        class_counts: how many labelled samples each class has, int64 ``[K]``; saved with D.

    Raises:
        ValueError: there are no two classes, or ``D`` looks at samples in a way of its own.
    """

    class_counts: Tensor

    def __init__(self, D: Discriminator, shape: Shape, class_counts: Tensor) -> None:
        super().__init__()
        if class_counts.ndim != 1 or class_counts.is_floating_point() or class_counts.numel() < 2:
            raise ValueError(
                f"data.labelled needs labels of two classes or more, got {class_counts.numel()}. Use data with labels, "
                "or leave data.labelled and technique=[supervised] out."
            )
        if type(D).observe is not Discriminator.observe:
            raise ValueError(
                f"data.labelled needs a D that is head(features(x)), got {type(D).__name__}, whose observe is its own. "
                "Use another network, or leave data.labelled and technique=[supervised] out."
            )
        with evaluating(D.features):
            width = int(D.features(torch.zeros(2, *shape)).shape[1])
        D.head = D.new_head(width, class_counts.numel())
        self.features, self.head = D.features, D.head
        self.register_buffer("class_counts", class_counts.clone())

    def outputs(self, features: Tensor) -> Tensor:
        """The outputs l ``[N, K]`` for features ``[N, F]``, float32 at least: softmax(l) are the classes' shares."""
        logits: Tensor = self.head(features)
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def class_logits(self, x: Tensor) -> Tensor:
        """The outputs l ``[N, K]`` for samples ``x`` ``[N, *shape]``."""
        return self.outputs(self.features(x))

    def observe(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        features = self.features(x)
        return features, self.outputs(features).logsumexp(1)


def share_wrong(D: ClassDiscriminator, images: Tensor, labels: Tensor, batch_size: int = 1000) -> float:
    """Share of ``images`` (uint8, or float in [-1, 1]) whose most likely class, by D in eval mode, is not the label."""
    weight = next(D.parameters())
    with evaluating(D):
        parts = [to_signed_range(part, weight.dtype).to(weight.device) for part in images.split(batch_size)]
        named = torch.cat([D.class_logits(part).argmax(1).cpu() for part in parts])
    return float((named != labels).double().mean())


def begun(
    D: Discriminator, shape: Shape, class_counts: Tensor | None, samples: Callable[[int], Tensor] | None
) -> Discriminator:
    """``D``, or a D that names classes around it, before techniques transform it.

    Args:
        D: for what it sees of a sample, ``shape``.
        class_counts: how many labelled samples each class has, ``[K]``; None where D names no classes.
        samples: gives the first training samples, for ``start_from``; None where D has begun, or sees something else.
    """
    whole = D if class_counts is None else ClassDiscriminator(D, shape, class_counts)  # D then has the new head too
    if samples is not None:
        D.start_from(samples(FIRST))
    return whole


def check_labelled(n: int | None, seats: Seats) -> bool:
    """Is it a game with labelled data, whose D names classes? ``n`` is their number, ``data.labelled``.

    Raises:
        ValueError: labels come without a technique that learns them, or such a technique without labels; or another
            technique cannot be played with them.
    """
    learning = [name for name, technique in seats.techniques.items() if technique.needs_labelled]
    if learning and n is None:
        raise ValueError(
            f"technique={learning[0]} learns the classes of labelled data, and data.labelled, their number, is null. "
            "Write data.labelled=100, or leave the technique out."
        )
    if n is not None and not learning:
        raise ValueError(
            f"data.labelled must be null in a game in which nothing learns labels, got {n}. Add "
            "technique=[supervised], or leave data.labelled out."
        )
    for name, technique in seats.techniques.items():
        if n is not None and technique.refuses_classes:
            raise ValueError(
                f"technique={name} cannot be played with data.labelled: {technique.refuses_classes}. Leave one of the "
                "two out."
            )
    return n is not None
