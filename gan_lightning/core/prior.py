"""The law of z (p_z in Goodfellow et al. 2014), which G maps to samples: ``prior(n, rng)`` draws ``[n, dim]``."""

import torch
from torch import Tensor

from gan_lightning.core.play import Prior
from gan_lightning.core.rng import Stream


class Normal:
    """z ~ N(0, I): independent standard normals, ``[n, dim]``."""

    def __init__(self, dim: int = 100) -> None:
        self.dim = dim

    def __call__(self, n: int, rng: Stream) -> Tensor:
        return rng.normal(n, self.dim)


class Uniform:
    """z ~ U(low, high), each of ``dim`` coordinates independently: ``[n, dim]`` (Radford et al. 2016, figure 1).

    Raises:
        ValueError: ``low`` is not below ``high``.
    """

    def __init__(self, dim: int = 100, low: float = -1.0, high: float = 1.0) -> None:
        if not low < high:
            raise ValueError(f"prior.low must be below prior.high, got {low} and {high}. Swap them.")
        self.dim, self.low, self.high = dim, low, high

    def __call__(self, n: int, rng: Stream) -> Tensor:
        return self.low + (self.high - self.low) * rng.uniform(n, self.dim)


class Categorical:
    """z = (normals, code): ``dim - classes`` standard normals, then ``scale`` times a one-hot: ``[n, dim]``.

    Each of the ``classes`` is as likely as the others. A continuous G maps normals alone to a connected set, so that
    samples lie between the modes of the data too; with a code it may give modes that lie apart to different classes.
    The codes are of Chen et al. 2016 (InfoGAN, section 7), who also reward G for codes that can be told from a sample;
    a code of the same kind without that, ten times as long as the deviation of the normals, is the z of Mukherjee et
    al. 2019 (ClusterGAN, section 3.1).

    Args:
        dim: numbers of a z.
        classes: of the code; so many of the numbers are the one-hot.
        scale: length of the code.

    Raises:
        ValueError: the code leaves no number for the normals, or has no length.
    """

    def __init__(self, dim: int = 100, classes: int = 32, scale: float = 5.0) -> None:
        if not 1 < classes < dim:
            remedy = "Write prior=normal for z without a code." if classes < 2 else f"Write prior.dim={100 + classes}."
            raise ValueError(
                f"prior.classes must be at least 2 and below prior.dim, got {classes} of {dim}: the other numbers of z "
                f"are normal. {remedy}"
            )
        if not scale > 0:
            raise ValueError(f"prior.scale must be above 0, got {scale}. prior=normal has no code.")
        self.dim, self.classes, self.scale = dim, classes, scale

    def __call__(self, n: int, rng: Stream) -> Tensor:
        drawn = (rng.uniform(n, 1) * self.classes).long()
        # one_hot would look at the largest class, which a recorded step may not
        code = (drawn == torch.arange(self.classes, device=drawn.device)).float()
        return torch.cat([rng.normal(n, self.dim - self.classes), self.scale * code], 1)


def leading_normals(prior: Prior) -> int:
    """How many of z's first values are standard normals; a prior of somebody's own is taken for normal."""
    match prior:
        case Uniform():
            return 0
        case Categorical():
            return prior.dim - prior.classes
    return prior.dim


def narrowed(prior: Prior, z: Tensor, factor: float) -> Tensor:
    """``factor`` times z ``[n, dim]``; of a categorical ``prior`` the normals alone, since a code has one length."""
    if not isinstance(prior, Categorical):
        return factor * z
    normals = leading_normals(prior)
    return torch.cat([factor * z[:, :normals], z[:, normals:]], 1)


def law_in_words(prior: Prior) -> str:
    """The law of z in words, for whoever has G without this project."""
    match prior:
        case Uniform():
            return f"U({prior.low}, {prior.high})"
        case Categorical():
            normals = prior.dim - prior.classes
            return f"N(0, I) in its first {normals} numbers, the others {prior.scale} times the one-hot of a class"
        case Normal():
            return "N(0, I)"
    return f"the run's own prior, {type(prior).__name__}"


def in_torch(prior: Prior, n: int) -> str | None:
    """An expression in plain PyTorch that draws ``n`` z; None for a prior of somebody's own."""
    match prior:
        case Uniform():
            return f"torch.empty({n}, {prior.dim}).uniform_({prior.low}, {prior.high})"
        case Categorical():
            normals = f"torch.randn({n}, {prior.dim - prior.classes})"
            code = f"{prior.scale} * torch.eye({prior.classes})[torch.randint({prior.classes}, ({n},))]"
            return f"torch.cat([{normals}, {code}], 1)"
        case Normal():
            return f"torch.randn({n}, {prior.dim})"
    return None
