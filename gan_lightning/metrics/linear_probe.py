"""What D's features hold of the classes: the error of a linear classifier on them (Radford et al. 2016, section 5)."""

from collections.abc import Callable

import torch
from torch import Tensor

from gan_lightning.core.rng import fixed_rows


def linear_probe(
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    features: Callable[[Tensor], Tensor],
    n: int = 10_000,
    penalty: float = 100.0,
    iterations: int = 1000,
) -> dict[str, float]:
    """probe_error: share of test samples ``[N, *shape]`` that multinomial logistic regression has wrong.

    It sees ``features`` ``[N, F]``, each less its mean and over its standard deviation in ``n`` training samples (drawn
    by a fixed permutation; all, where there are fewer), on which it is fitted: the sum of their cross-entropies plus
    penalty / 2 |w|^2 is descended by L-BFGS, at most ``iterations`` of it. probe_images: how many they were.
    """
    from sklearn.linear_model import LogisticRegression

    rows = fixed_rows(len(train), n)
    x, unseen = features(train[rows]).double(), features(test).double()
    mean, deviation = x.mean(0), x.std(0, correction=0)
    deviation[deviation == 0] = 1.0
    shown, asked = (((part - mean) / deviation).numpy() for part in (x, unseen))
    probe = LogisticRegression(C=1 / penalty, max_iter=iterations).fit(shown, train_labels[rows].numpy())
    wrong = torch.from_numpy(probe.predict(asked)) != test_labels
    return {"probe_error": wrong.double().mean().item(), "probe_images": len(rows)}
