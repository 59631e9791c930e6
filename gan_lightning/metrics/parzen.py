"""Parzen-window log-likelihood to the letter of Goodfellow et al. 2014, section 5 (their parzen_ll.py).

A Gaussian of width sigma on each sample, pixels in [0, 1]; sigma is the best of logspace(-1, 0, 10) on the first
1,000 validation images; the test set's mean log-likelihood in nats and its standard error over test images.
It rewards blur: real training images reach 241, k-means centroids more.
"""

import math

import torch
from torch import Tensor

from gan_lightning.metrics.features import squared_distances

SIGMAS = tuple(torch.logspace(-1, 0, 10, dtype=torch.float64).tolist())


def log_likelihoods(samples: Tensor, x: Tensor, sigmas: tuple[float, ...], chunk: int = 500) -> Tensor:
    """``[len(sigmas), N]`` log densities in nats of ``x [N, d]`` under the windows on ``samples [M, d]``."""
    samples, x = samples.double(), x.double()
    columns = []
    for part in x.split(chunk):
        distances = squared_distances(part, samples)
        columns.append(torch.stack([(distances * (-0.5 / s**2)).logsumexp(1) for s in sigmas]))
    width = math.sqrt(2 * math.pi)
    constants = [-math.log(len(samples)) - x.shape[1] * math.log(s * width) for s in sigmas]
    return torch.cat(columns, 1) + torch.tensor(constants, dtype=torch.float64)[:, None]


def parzen_log_likelihood(validation: Tensor, test: Tensor, fake: Tensor) -> dict[str, float]:
    """Log-likelihood of ``test`` under windows on ``fake``, its standard error, and sigma, chosen on ``validation``.

    All are images ``[N, C, H, W]`` in [-1, 1].
    """
    validation, test, samples = (((x + 1) / 2).flatten(1) for x in (validation[:1000], test, fake))
    best = log_likelihoods(samples, validation, SIGMAS).mean(1).argmax().item()
    sigma = SIGMAS[int(best)]
    values = log_likelihoods(samples, test, (sigma,))[0]
    error = values.std(unbiased=False).item() / math.sqrt(len(values))
    return {"parzen_ll": values.mean().item(), "parzen_standard_error": error, "parzen_sigma": sigma}
