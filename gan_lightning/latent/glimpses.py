"""What is known of an image: all of it, all but a hole, or a smaller copy. Each is a linear function of the image."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor


class Glimpse(ABC):
    """``known(x)`` ``[N, K]`` of images ``[N, C, S, S]``; ``weights`` ``[K]`` are what an error of each counts."""

    weights: Tensor

    @abstractmethod
    def known(self, x: Tensor) -> Tensor:
        """The K numbers that are known of each image."""

    @abstractmethod
    def shown(self, known: Tensor) -> Tensor:
        """An image ``[N, C, S, S]`` in [-1, 1] of what is known, for the eye and for the encoder."""

    def completed(self, made: Tensor, known: Tensor) -> Tensor:
        """The answer: ``made`` ``[N, C, S, S]``, with what is known of the image put back."""
        return made

    def error(self, x: Tensor, known: Tensor) -> Tensor:
        """``[N]``: the weighted sum of squares of what is known of ``x`` less ``known`` ``[N, K]``."""
        return ((self.known(x) - known).square() * self.weights).sum(1)


class Whole(Glimpse):
    """Every pixel."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.weights = shape, torch.ones(())

    def known(self, x: Tensor) -> Tensor:
        return x.flatten(1)

    def shown(self, known: Tensor) -> Tensor:
        return known.view(-1, *self.shape)


class Hole(Glimpse):
    """The pixels outside of a hole, those near to it counting more (Yeh et al. 2017, equation 3).

    A pixel's weight is the share of unknown pixels in the window around it, and 0 where that is 0, over their mean.

    Args:
        hole: bool ``[S, S]``, True where nothing is known.
        channels: C.
        window: side of the window, an odd number; 0: all known pixels count 1.
    """

    def __init__(self, hole: Tensor, channels: int, window: int = 7) -> None:
        if hole.all() or not hole.any():
            raise ValueError("mask must leave some pixels and take others. Give another mask.")
        self.hole, self.channels = hole, channels
        self.at = (~hole).flatten().repeat(channels).nonzero()[:, 0]
        weights = torch.ones(hole.shape)
        if window:
            pad = window // 2
            near = F.avg_pool2d(hole.float()[None, None], window, 1, pad, count_include_pad=False)[0, 0]
            weights = near if bool(near[~hole].any()) else weights
        chosen = weights.flatten().repeat(channels)[self.at]
        self.weights = chosen / chosen.mean()

    def known(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, self.at]

    def shown(self, known: Tensor) -> Tensor:
        return self.filled(torch.full((len(known), self.channels, *self.hole.shape), -1.0), known)

    def filled(self, x: Tensor, known: Tensor) -> Tensor:
        """``x`` with the known pixels, to the last bit."""
        return x.flatten(1).index_copy(1, self.at, known).view_as(x)

    def completed(self, made: Tensor, known: Tensor) -> Tensor:
        return self.filled(blended(made, self.filled(made, known), self.hole), known)


class Shrunk(Glimpse):
    """Means of ``factor x factor`` pixels (Menon et al. 2020, equation 1 with a box filter).

    Raises:
        ValueError: ``factor`` does not divide the side.
    """

    def __init__(self, shape: tuple[int, ...], factor: int) -> None:
        if factor < 2 or shape[-1] % factor or shape[-1] == factor:
            fits = [f for f in range(2, shape[-1]) if shape[-1] % f == 0]
            raise ValueError(
                f"factor must divide the side {shape[-1]} of an image, got {factor}. Write factor={fits[0]}."
            )
        self.shape, self.factor = shape, factor
        self.weights = torch.tensor(float(factor**2))

    def known(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, self.factor).flatten(1)

    def small(self, known: Tensor) -> Tensor:
        """The small image ``[N, C, S / factor, S / factor]``."""
        side = self.shape[-1] // self.factor
        return known.view(-1, self.shape[0], side, side)

    def shown(self, known: Tensor) -> Tensor:
        return F.interpolate(self.small(known), scale_factor=self.factor, mode="nearest")

    def bicubic(self, known: Tensor) -> Tensor:
        """The small image enlarged by cubic splines, clamped to [-1, 1]."""
        large = F.interpolate(self.small(known), scale_factor=self.factor, mode="bicubic", align_corners=False)
        return large.clamp(-1, 1)


def blended(made: Tensor, known: Tensor, hole: Tensor) -> Tensor:
    """``known`` outside of the hole; in it what has the slopes of ``made`` and meets ``known`` at the edge.

    Poisson blending (Perez et al. 2003, equation 7; Yeh et al. 2017, section 3.3): the difference to ``made`` is
    harmonic in the hole. It is solved exactly, one system for all images.

    Args:
        made, known: ``[N, C, S, S]``.
        hole: bool ``[S, S]``.
    """
    rows, columns = hole.nonzero(as_tuple=True)
    number = torch.full(hole.shape, -1)
    number[rows, columns] = torch.arange(len(rows))
    laplacian = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    difference = (known - made).double().flatten(0, 1)
    edge = torch.zeros(len(difference), len(rows), dtype=torch.float64)
    for i, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if 0 <= r < hole.shape[0] and 0 <= c < hole.shape[1]:
                laplacian[i, i] += 1
                if hole[r, c]:
                    laplacian[i, number[r, c]] -= 1
                else:
                    edge[:, i] += difference[:, r, c]
    offset = torch.linalg.solve(laplacian, edge.T).T.float().view(*made.shape[:2], -1)
    result = known.clone()
    result[:, :, rows, columns] = (made[:, :, rows, columns] + offset).clamp(-1, 1)
    return result
