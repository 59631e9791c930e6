"""A G that takes a label beside z, and the labels that it gets where nobody names any."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_lightning.core.rng import Stream


class ConditionalGenerator(nn.Module):
    """G([z, code(y)]): ``[N, dim]`` noise and labels ``[N]`` -> ``[N, *shape]``.

    Args:
        G: ``[N, dim + width]`` -> ``[N, *shape]``.
        code: labels ``[N]`` -> ``[N, width]``.
        class_counts: how many training samples each class has, int64 ``[K]``; saved with G.

    Attributes:
        chooses: the first value of z says which kind of sample of its class is drawn.
    """

    chooses: ClassVar[bool] = False
    class_counts: Tensor

    def __init__(self, G: nn.Module, code: nn.Module, class_counts: Tensor) -> None:
        super().__init__()
        self.G, self.code = G, code
        self.register_buffer("class_counts", class_counts.clone())

    @property
    def classes(self) -> int:
        """K."""
        return len(self.class_counts)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        if y is None:
            raise ValueError(
                f"G of a game with a condition needs labels [N] beside z, from 0 to {self.classes - 1}, got "
                "none. Write G(z, y)."
            )
        return self.made_of(*self.parts(z, y))

    def of_told(self, z: Tensor, told: Tensor) -> Tensor:
        """Samples ``[N, *shape]`` of ``z`` ``[N, dim]`` and of what the players of a game are told: here the labels."""
        samples: Tensor = self(z, told)
        return samples

    def parts(self, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """What of ``z`` G sees, and the code of ``y`` that it sees beside it."""
        return z, self.code(y).to(z.dtype)

    def made_of(self, z: Tensor, code: Tensor) -> Tensor:
        """Samples ``[N, *shape]`` of both parts."""
        samples: Tensor = self.G(torch.cat([z, code], 1))
        return samples

    def labels(self, n: int, seed: int) -> Tensor:
        """``[n]`` labels on the CPU, drawn by the frequency of the classes; a function of both arguments."""
        counts = self.class_counts.cpu().double()
        u = Stream(seed, name="labels").uniform(n).double()
        return torch.searchsorted(counts.cumsum(0) / counts.sum(), u, right=True)


def of_classes(label: int | Sequence[int], n: int, classes: int) -> Tensor:
    """``[n]`` labels of one class, or of several in blocks whose sizes differ by one at most.

    Raises:
        ValueError: it names no class from 0 to ``classes`` - 1, or more than ``n``.
    """
    several = list(label) if isinstance(label, Sequence) and not isinstance(label, str) else [label]
    odd = [one for one in several if type(one) is not int or not 0 <= one < classes]
    if odd or not several:
        raise ValueError(
            f"label must be a class of the run, a whole number from 0 to {classes - 1}, or a list of them, got "
            f"{odd[0] if odd else several!r}. Write label={classes - 1} or 'label=[0,1]'."
        )
    if len(several) > n:
        raise ValueError(
            f"n must be at least the number of classes that label names, {len(several)}, got {n}. Write "
            f"n={len(several)}."
        )
    return torch.tensor(several)[torch.arange(n) * len(several) // n]
