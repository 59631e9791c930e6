"""What the players of a game are told of a sample beside its class: declared on one base class."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.play import Prior
from gan_lightning.core.rng import Stream


class Within(ABC, nn.Module):
    """Tells samples of a class apart, by what it finds in the training data before a game begins.

    What it finds is in buffers, so that a run that is resumed has the same.

    Attributes:
        normals: how many of z's first values say what is drawn, and have to be standard normals.
    """

    normals: int = 1

    @abstractmethod
    def of(self, x: Tensor, y: Tensor, rng: Stream) -> Tensor:
        """What is told in place of the labels ``y`` ``[N]`` of samples ``x`` ``[N, *shape]``; its first axis is N."""

    @abstractmethod
    def find(self, images: Tensor, labels: Tensor) -> None:
        """Look at all training samples ``[N, *shape]``, uint8 or float in [-1, 1], and their classes ``[N]``."""

    @abstractmethod
    def give(self, G: ConditionalGenerator) -> None:
        """Give a G of the game what it draws by."""

    @abstractmethod
    def found(self) -> str:
        """What was found, in words."""

    @abstractmethod
    def refuses(self, prior: Prior) -> str:
        """Why z of this ``prior``, with fewer normals, will not do, and what to write."""
