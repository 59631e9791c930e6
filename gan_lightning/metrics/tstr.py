"""Train on synthetic, test on real (TSTR; Esteban et al. 2017, section 4.2), and the other way round (TRTS)."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.metrics.judge import JudgeNet


def tstr(
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    fake: Tensor,
    fake_labels: Tensor,
    labelled: Callable[..., Iterable[tuple[Tensor, Tensor]]],
    n: int = 60_000,
    updates: int = 5000,
    batch_size: int = 64,
    lr: float = 1e-3,
    width: int = 16,
    seeds: Sequence[int] = (0, 1, 2),
    truncation: float = 1.0,
    reject: float | None = None,
) -> dict[str, float]:
    """Accuracies of small classifiers (``classifier``), one for each of ``seeds``: their mean, and _sd over them.

    tstr: trained on ``n`` samples with the labels they were made for, right on the test images; tstr_images says how
    many samples there were, drawn as by ``sample truncation= reject=``. trts: trained on the training images, right on
    the ``fake`` images.
    """
    blocks = list(labelled(n, truncation, reject))
    samples, labels = torch.cat([x for x, _ in blocks]), torch.cat([y for _, y in blocks])
    classes = int(max(train_labels.max(), test_labels.max(), labels.max())) + 1
    settings = (classes, updates, batch_size, lr, width)
    on_real = [accuracy(classifier(samples, labels, seed, *settings), test, test_labels) for seed in seeds]
    on_fake = [accuracy(of_training_images(train, train_labels, seed, *settings), fake, fake_labels) for seed in seeds]
    found: dict[str, float] = {}
    for name, values in (("tstr", on_real), ("trts", on_fake)):
        spread = statistics.stdev(values) if len(values) > 1 else float("nan")
        found |= {name: statistics.fmean(values), f"{name}_sd": spread}
    return {**found, "tstr_images": len(samples)}


def classifier(
    images: Tensor, labels: Tensor, seed: int, classes: int, updates: int, batch_size: int, lr: float, width: int
) -> JudgeNet:
    """A judge's network trained for exactly ``updates`` by Adam, whose ``lr`` falls linearly to 0: the last is taken.

    Each pass over the ``images`` ``[N, C, S, S]`` has its own order. Nothing is augmented and nothing chosen, and all
    that is drawn is a function of ``seed``.

    Raises:
        ValueError: no square images whose side is a multiple of 4.
    """
    shape = tuple(images.shape[1:])
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] % 4:
        raise ValueError(
            f"tstr trains a classifier of square images whose side is a multiple of 4, got samples of shape {shape}. "
            "Use other metrics, such as metrics=conditional."
        )
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        net = JudgeNet(shape, classes=classes, width=width)
        optimizer = torch.optim.Adam(net.parameters(), lr)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, updates)
        passes = -(-updates * batch_size // len(images))
        order = torch.cat([torch.randperm(len(images)) for _ in range(passes)])
        for rows in order[: updates * batch_size].split(batch_size):
            loss = F.cross_entropy(net(images[rows])[1], labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


@lru_cache(maxsize=8)
def of_training_images(images: Tensor, labels: Tensor, seed: int, *settings: Any) -> JudgeNet:
    """``classifier``, trained once for all generators that are measured by the same two tensors (by identity)."""
    return classifier(images, labels, seed, *settings)


@torch.no_grad()
def accuracy(net: JudgeNet, images: Tensor, labels: Tensor) -> float:
    """Share of ``images`` ``[N, C, S, S]`` whose label ``net`` finds."""
    seen = torch.cat([net(part)[1].argmax(1) for part in images.split(500)])
    return (seen == labels).double().mean().item()
