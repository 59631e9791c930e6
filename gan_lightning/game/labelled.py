"""The labelled samples of a semi-supervised game, and the batch of them that each step of D sees."""

import torch
from torch import Tensor, nn

from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.rng import mix


class Labelled(nn.Module):
    """Batches walk through permutations of all samples, one after the other, as in the published code of Salimans et
    al. 2016: 100 samples in batches of 100 are all in each batch. A batch is a function of (seed, step).

    The samples move to the game's device with it, and are not saved: the configuration says which they are.

    Args:
        images: uint8 ``[n, C, H, W]`` (or points, float32 ``[n, d]``).
        labels: int64 ``[n]``.
        seed: of the permutations.
    """

    images: Tensor
    labels: Tensor

    def __init__(self, images: Tensor, labels: Tensor, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.register_buffer("images", images.clone(), persistent=False)
        self.register_buffer("labels", labels.clone(), persistent=False)

    def rows(self, first: int, n: int) -> Tensor:
        """Row numbers of the samples ``first``, ..., ``first + n - 1`` of the endless walk, on the CPU."""
        size = len(self.labels)
        walk = [
            torch.randperm(size, generator=torch.Generator().manual_seed(mix(self.seed, 1, walked)))
            for walked in range(first // size, (first + n - 1) // size + 1)
        ]
        return torch.cat(walk)[first % size : first % size + n]

    def batch(self, real: Tensor, step: int, rank: int = 0, world: int = 1) -> tuple[Tensor, Tensor]:
        """As many samples as ``real`` has, of its type, and their labels: the rows of this process of the batch."""
        n = len(real)
        rows = self.rows((step * world + rank) * n, n).to(self.labels.device)
        return to_signed_range(self.images[rows], real.dtype), self.labels[rows]
