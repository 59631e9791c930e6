"""Samples that D prefers: optimal budgeted rejection sampling (Verine et al. 2024), with a D calibrated first.

A sample x is kept with the probability min(1, c r(x)), r(x) = p_data(x) / p_G(x), and c such that one of K is kept:
among all ways to keep one of K it has the smallest f-divergence from the data, for every f (their theorem 3.2). log r
is the logit of a logistic regression on D's features that tells training images from samples; the logit of D itself is
that of the last steps of a game, known up to a constant at best, and over-sure.

The regression is shrunk hard. Without that it tells the images that D knows by heart from all others, samples and real
ones alike: then fewer kinds of samples are kept, and their Frechet distance grows. What remains is a flat ratio along
the line on which the means of both differ.

Of a G that takes labels the ratio is p_data(x | y) / p_G(x | y), a regression for each class: what G lacks of one class
is no lack of another. These are shrunk less.
"""

import math
from dataclasses import dataclass

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from gan_lightning.config.build import build_source
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.rng import Stream, fixed_rows, mix
from gan_lightning.report.observed import features_of
from gan_lightning.runs.load import LoadedGenerator, readable_root

PENALTY = 0.75  # half of it times |w|^2 is added to the mean cross entropy, for features of standard deviation 1
OF_A_CLASS = 0.025  # the same of the regression of a class
SHOWN = 20_000  # images and samples that it sees, each
POOL = 10_000  # samples by which c is found


@dataclass
class DensityRatio:
    """log r(x) = w . (f(x) - mean) / deviation + bias, with D's features f.

    Where ``weight`` is ``[K, F]`` and ``bias`` ``[K]``, there is a ratio for each of K classes.
    """

    G: LoadedGenerator
    mean: Tensor
    deviation: Tensor
    weight: Tensor
    bias: Tensor
    truncation: float = 1.0  # of the samples that it is the ratio of

    def log_of(self, samples: Tensor, y: Tensor | None = None) -> Tensor:
        """log r ``[N]`` of samples ``[N, *shape]``, of classes ``y`` ``[N]`` where each has a ratio; float64."""
        assert self.G.D is not None
        x = (features_of(self.G.D, samples).double() - self.mean) / self.deviation
        if self.weight.ndim == 1:
            return x @ self.weight + self.bias
        return (x * self.weight[y]).sum(1) + self.bias[y]


def calibrated(
    G: LoadedGenerator,
    images: Tensor,
    seed: int,
    penalty: float | None = None,
    truncation: float = 1.0,
    labels: Tensor | None = None,
) -> DensityRatio:
    """The ratio by a regression on D's features of real images and of as many samples, at most SHOWN of each.

    With ``truncation`` above 1 the samples that are kept have been drawn from a wider law than the data's, of which the
    ratio takes away what is too much. A G that takes labels, with the ``labels`` of the images, has a ratio for each
    class, which is 1 where there are not two images and two samples. ``penalty`` is PENALTY, or OF_A_CLASS.

    Raises:
        ValueError: the run's D looks at more than a sample.
    """
    if G.D is None:
        raise ValueError(
            f"reject needs a D that looks at one sample alone, and that of {G.path} does not, or was not exported. "
            "Leave reject out."
        )
    rows, own = fixed_rows(len(images), min(SHOWN, len(images))), mix(seed, 1) % 2**32
    real, fake_labels = images[rows], G.labels(len(rows), own)
    fake = G.sample(len(real), own, y=fake_labels, truncation=truncation)
    x = torch.cat([features_of(G.D, real), features_of(G.D, fake)]).double()
    mean, deviation = x.mean(0), x.std(0, correction=0)
    deviation[deviation == 0] = 1.0
    x, is_real = (x - mean) / deviation, torch.arange(len(x)) < len(real)
    if fake_labels is None or labels is None:
        weight, bias = fitted(x, is_real, PENALTY if penalty is None else penalty)
        return DensityRatio(G, mean, deviation, weight, bias, truncation)
    y = torch.cat([labels[rows], fake_labels])
    each = [fitted(x[y == c], is_real[y == c], OF_A_CLASS if penalty is None else penalty) for c in range(G.classes)]
    weights, biases = (torch.stack(parts) for parts in zip(*each, strict=True))
    return DensityRatio(G, mean, deviation, weights, biases, truncation)


def fitted(x: Tensor, is_real: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Weight ``[F]`` and bias of log p_real / p_fake on ``x`` ``[N, F]``; both 0 where one of them has not two rows."""
    real = int(is_real.sum())
    fake = len(x) - real
    if min(real, fake) < 2:
        return x.new_zeros(x.shape[1]), x.new_zeros(())
    found = LogisticRegression(C=1 / (penalty * len(x)), max_iter=1000).fit(x.numpy(), is_real.numpy())
    return torch.from_numpy(found.coef_[0]), x.new_tensor(found.intercept_[0]) - math.log(real / fake)


def training_data(G: LoadedGenerator) -> tuple[Tensor, Tensor]:
    """The training images of the run's dataset, in [-1, 1], and their labels. Raises ValueError: they cannot be had."""
    data = G.config.data
    if "root" in data:
        data.root = readable_root(data)
    source = build_source(data)
    source.prepare()
    arrays = source.train()
    return to_signed_range(arrays.images), arrays.labels


def log_scale(log_ratios: Tensor, budget: float) -> float:
    """log c with which the mean of min(1, c r) over ``log_ratios`` ``[N]`` is 1 / ``budget``, by bisection.

    Raises:
        ValueError: ``budget`` is below 1.
    """
    if budget < 1:
        raise ValueError(f"reject must be 1 or more, got {budget}. Write reject=4.")
    low, high = -float(log_ratios.max()) - 50.0, -float(log_ratios.min()) + 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if float((log_ratios + middle).clamp(max=0).exp().mean()) < 1 / budget:
            low = middle
        else:
            high = middle
    return high


def kept_samples(
    ratio: DensityRatio, n: int, budget: float, seed: int, label: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """``n`` samples that were kept, of about ``budget`` times as many, and their labels; a function of all arguments.

    They are drawn in blocks, each with z, labels and chances of its own; c is that of a pool drawn apart.
    """
    G, truncation = ratio.G, ratio.truncation
    own = mix(seed, 2) % 2**32
    y = G.labels(POOL, own, label)
    scale = log_scale(ratio.log_of(G.sample(POOL, own, y=y, truncation=truncation), y), budget)
    samples, labels, block = list[Tensor](), list[Tensor](), 0
    while sum(map(len, samples)) < n:
        own = mix(seed, 3, block) % 2**32
        y = G.labels(POOL, own, label)
        drawn = G.sample(POOL, own, y=y, truncation=truncation)
        chance = (ratio.log_of(drawn, y) + scale).clamp(max=0).exp()
        kept = Stream(own, name="reject").uniform(POOL).double() < chance
        samples.append(drawn[kept])
        if y is not None:
            labels.append(y[kept])
        block += 1
    return torch.cat(samples)[:n], torch.cat(labels)[:n] if labels else None
