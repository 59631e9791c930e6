"""Small games with a condition, for the tests of conditions."""

import copy
from typing import Any

import torch
from conftest import composed, only_network
from torch import Tensor

from gan_lightning.config.build import build_data, build_gan
from gan_lightning.game.module import GAN
from gan_lightning.training.grouping import find_within

CONDITIONS = ("auxiliary", "concat", "discriminative", "instance", "projection")
SMALL = {"condition=instance": ["condition.features=2"]}  # what a tiny game needs beside its choice
SHAPE = (1, 8, 8)


def cfg_of(*overrides: str) -> Any:
    small = [word for choice in overrides for word in SMALL.get(choice, [])]
    return copy.deepcopy(composed((*only_network(overrides), *small, *overrides)))


def game(*overrides: str) -> GAN:
    """A tiny game on made-up images of ten classes: ``game("condition=concat", ...)``."""
    cfg = cfg_of(*overrides)
    data = build_data(cfg)
    data.setup()
    torch.manual_seed(cfg.seed)
    gan = build_gan(cfg, data.source.shape, class_counts=data.class_counts, labelled=data.known)
    find_within(gan, data, begun=False)
    return gan


def batches(n: int = 3, size: int = 16) -> list[tuple[Tensor, Tensor]]:
    """``n`` batches of images and labels of ten classes, the same at every call."""
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.rand(size, *SHAPE, generator=generator) * 2 - 1, torch.randint(10, (size,), generator=generator))
        for _ in range(n)
    ]
