"""Kernel distance (KID, Binkowski et al. 2018): the unbiased MMD^2 with the kernel (x'y / d + 1)^3."""

from torch import Tensor

from gan_lightning.metrics.features import check_features


def kernel_distance(real: Tensor, fake: Tensor, chunk: int = 1000) -> float:
    """MMD^2 of features ``[N, d]`` and ``[M, d]`` over all pairs: no subsets, so nothing random."""
    real, fake = check_features(real, fake, at_least=2)
    n, m = len(real), len(fake)
    within_r = (kernel_sum(real, real, chunk) - kernel_diagonal(real)) / (n * (n - 1))
    within_f = (kernel_sum(fake, fake, chunk) - kernel_diagonal(fake)) / (m * (m - 1))
    return within_r + within_f - 2 * kernel_sum(real, fake, chunk) / (n * m)


def kernel_sum(x: Tensor, y: Tensor, chunk: int) -> float:
    """Sum of the kernel over all pairs of rows of ``x`` ``[N, d]`` and ``y`` ``[M, d]``, ``chunk`` of x at a time."""
    return sum(float((part @ y.T / x.shape[1] + 1).pow(3).sum()) for part in x.split(chunk))


def kernel_diagonal(x: Tensor) -> float:
    """Sum of the kernel of each row with itself."""
    return (x.square().sum(1) / x.shape[1] + 1).pow(3).sum().item()
