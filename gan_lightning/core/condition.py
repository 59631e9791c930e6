"""How the players of a game take the class of a sample, p(x | y) in place of p(x): declared on one base class.

A condition turns a G and a D that know nothing of labels into players ``G(z, y)`` and ``D(x, y)``. Fakes take the
labels of the real batch, so one vector of labels serves both, and whatever point a term chooses between them.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.play import Discriminator, Play, Shape
from gan_lightning.core.rng import Stream
from gan_lightning.core.sampler import evaluating
from gan_lightning.core.seats import Seats
from gan_lightning.core.within import Within


class Condition(ABC):
    """Base of all conditions.

    Args:
        class_counts: how many training samples each class has, int64 ``[K]``.
        shape: of what D sees of a sample, without the batch axis: that of the data, or what views make of it.

    Attributes:
        name: what errors and the curves of its terms call it.
        classes: K.
        within: gives what takes the place of labels in the game, such as subclasses; None: they are labels.

    Raises:
        ValueError: there are no two classes.
    """

    name: ClassVar[str]
    within: Within | None = None

    def __init__(self, class_counts: Tensor, shape: Shape) -> None:
        self.class_counts, self.shape, self.classes = class_counts, shape, class_counts.numel()
        whole = class_counts.ndim == 1 and not class_counts.is_floating_point() and self.classes >= 2
        if not whole or int(class_counts.min()) < 0 or int((class_counts > 0).sum()) < 2:
            raise ValueError(
                f"condition={self.name} needs training data with labels of two classes or more, got "
                f"{int((class_counts > 0).sum())}. Use data with labels, or condition=none."
            )

    def z_dim(self, dim: int) -> int:
        """How wide G's input is for noise of ``dim`` values."""
        return dim

    def d_shape(self) -> Shape:
        """The shape that D is built for, without the batch axis."""
        return self.shape

    @abstractmethod
    def transform_g(self, G: nn.Module) -> ConditionalGenerator:
        """``G(z, y)`` of a G for ``z_dim`` inputs; called once, behind the techniques' own transforms."""

    @abstractmethod
    def transform_d(self, D: Discriminator) -> Discriminator:
        """``D(x, y)`` of a D for ``d_shape``; called once, ahead of the techniques' own transforms."""

    def d_term(self, play: Play, rng: Stream) -> Tensor:
        """A scalar added to D's loss; what is not written adds nothing."""
        raise NotImplementedError

    def g_term(self, play: Play, rng: Stream) -> Tensor:
        """A scalar added to G's loss; what is not written adds nothing."""
        raise NotImplementedError

    def terms(self, seat: str) -> list[tuple[str, Any]]:
        """Its name and itself, if it has written the method ``seat``: d_term or g_term."""
        return [(self.name, self)] if getattr(type(self), seat) is not getattr(Condition, seat) else []


class ConditionalDiscriminator(Discriminator):
    """The features and the head of ``D``, under their names, in a D whose ``observe`` looks at labels too.

    Raises:
        ValueError: ``D`` is not head(features(x)) but looks at samples in a way of its own.
    """

    def __init__(self, D: Discriminator, condition: str) -> None:
        super().__init__()
        if type(D).observe is not Discriminator.observe:
            raise ValueError(
                f"condition={condition} needs a D that is head(features(x)), got {type(D).__name__}, whose observe is "
                "its own. Use another network, or condition=none."
            )
        self.features, self.head, self.condition = D.features, D.head, condition

    def given(self, y: Tensor | None) -> Tensor:
        """``y``, which is there. Raises ValueError."""
        if y is None:
            raise ValueError(f"D with condition={self.condition} needs labels [N] beside x, got none. Write D(x, y).")
        return y


def width_of_features(D: Discriminator, shape: Shape) -> int:
    """F of the features ``[N, F]`` of samples of ``shape``."""
    with evaluating(D.features):
        return int(D.features(torch.zeros(2, *shape)).flatten(1).shape[1])


def conditioned(
    condition: Condition | None, seats: Seats, G: nn.Module, D: Discriminator
) -> tuple[nn.Module, Discriminator]:
    """Both players with the transforms of techniques, which know nothing of labels, and of the condition.

    Raises:
        ValueError: a technique cannot be played with labels.
    """
    if condition is None:
        return seats.transform_g(G), seats.transform_d(D)
    for name, technique in seats.techniques.items():
        if technique.refuses_labels:
            raise ValueError(
                f"technique={name} cannot be played with condition={condition.name}: {technique.refuses_labels}. "
                "Leave one of the two out."
            )
    return condition.transform_g(seats.transform_g(G)), seats.transform_d(condition.transform_d(D))
