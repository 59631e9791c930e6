"""Does G copy training images? Euclidean distances of samples to their nearest training and test images."""

import torch
from torch import Tensor

from gan_lightning.metrics.features import squared_distances


def nearest(x: Tensor, among: Tensor, chunk: int = 5000) -> tuple[Tensor, Tensor]:
    """For each of ``x``: (distance ``[N]``, row ``[N]``) of the nearest of ``among``; images of any one shape."""
    x, among = x.flatten(1).float(), among.flatten(1).float()
    best = torch.full((len(x),), torch.inf)
    row = torch.zeros(len(x), dtype=torch.long)
    for start in range(0, len(among), chunk):
        distances, index = squared_distances(x, among[start : start + chunk]).min(1)
        closer = distances < best
        best[closer], row[closer] = distances[closer], index[closer] + start
    return best.sqrt(), row


def memorisation(train: Tensor, test: Tensor, fake: Tensor, limit: int = 2000) -> dict[str, float]:
    """Signs of copied training images. All are ``[N, C, H, W]`` in [-1, 1]; the first ``limit`` fakes are looked at.

    train_test_ratio: median over fakes of (distance to the nearest training image / to the nearest test image); it
    is a little below 1 for new images since there are more training images, 0 for copies.
    copied_share: share of fakes less than half as far from the training as from the test images.
    """
    fake = fake[:limit]
    to_train, _ = nearest(fake, train)
    to_test, _ = nearest(fake, test)
    ratio = to_train / to_test.clamp_min(1e-12)
    return {"train_test_ratio": ratio.median().item(), "copied_share": (ratio < 0.5).double().mean().item()}
