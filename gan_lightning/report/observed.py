"""What metrics may look at: images, with their labels and the judge's verdict, and what else is known of samples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from gan_lightning.core.pixels import to_pixels, to_signed_range
from gan_lightning.core.play import Discriminator
from gan_lightning.metrics.judge import Judge

BLOCK = 5000  # labelled samples at a time

Labelled = Callable[..., Iterator[tuple[Tensor, Tensor]]]


@dataclass(frozen=True)
class Known:
    """What is known of samples beside the samples themselves; None: nothing.

    Attributes:
        labels: ``[N]``, those that the samples were made for.
        labelled: gives ``n`` more of them, in blocks (samples ``[B, *shape]``, labels ``[B]``); its further arguments,
            ``truncation`` and ``reject``, say how samples are drawn.
        discriminator: of the game that made them, D's features ``[N, F]`` of images.
    """

    labels: Tensor | None = None
    labelled: Labelled | None = None
    discriminator: Callable[[Tensor], Tensor] | None = None

    def named(self) -> dict[str, Any]:
        return {"labels": self.labels, "labelled": self.labelled, "discriminator": self.discriminator}

    def has(self, what: str) -> bool:
        """Is ``what`` known, or something that every sample has?"""
        return self.named().get(what, True) is not None


NOTHING = Known()


class Observed:
    """Samples or real data, with the judge's features and class probabilities of them, computed when first needed."""

    def __init__(self, images: Tensor, judge: Judge, known: Known = NOTHING) -> None:
        self.images, self.judge, self.known = images, judge, known

    @cached_property
    def verdict(self) -> tuple[Tensor, Tensor]:
        return self.judge(self.images)

    def look(self, what: str) -> Any:
        """``images``, their ``features`` ``[N, F]`` or ``probabilities`` ``[N, classes]``, or the ``judge`` itself.

        ``labels``, ``labelled`` and ``discriminator`` are those of ``Known``.
        """
        if what in ("features", "probabilities"):
            return self.verdict[what == "probabilities"]
        return {"images": self.images, "judge": self.judge, **self.known.named()}[what]


def as_pixels(samples: Tensor) -> Tensor:
    """Images with 256 levels in [-1, 1], as real ones and picture files have. Points are returned as they are."""
    if samples.ndim == 2:
        return samples
    return to_signed_range(to_pixels(samples))


@torch.no_grad()
def features_of(D: Discriminator, images: Tensor, batch_size: int = 500) -> Tensor:
    """D's features ``[N, F]`` of images as they are, without the views of techniques; float32 on the CPU."""
    device = next(D.parameters()).device
    parts = [D.features(part.to(device)).flatten(1) for part in images.split(batch_size)]
    return torch.cat(parts).cpu().float()


def known_of_real(images: Tensor, labels: Tensor, n: int) -> Known:
    """The same of the first ``n`` of real ``images``; further ones are all images from the first on, and then end.

    In place of D's features they have their pixels.
    """

    def labelled(n: int, truncation: float = 1.0, reject: float | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(images[:n].split(BLOCK), labels[:n].split(BLOCK), strict=True)

    return Known(labels[:n], labelled, lambda x: x.flatten(1))
