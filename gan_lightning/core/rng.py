"""Random numbers as a function of (seed, step, stream, draw).

Nothing is carried from one step to the next, so there is nothing to save: a resumed run draws what the
uninterrupted one would have drawn, and sampling or logging cannot shift the noise of training. Each draw is
made for the global batch and each process takes its rows, so N processes play the game of one.
"""

import struct
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from zlib import crc32

import torch
from torch import Tensor


def mix(*keys: int) -> int:
    """One well-mixed 64-bit seed from several non-negative integers."""
    return int.from_bytes(blake2b(struct.pack(f"<{len(keys)}Q", *keys), digest_size=8).digest(), "little")


def seed_layers(device: torch.device, *keys: int) -> None:
    """Seed the global generators, from which layers such as dropout draw. The host does not wait for the device."""
    seed = mix(*keys)
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def fixed_rows(total: int, n: int) -> Tensor:
    """``n`` of ``total`` row numbers, drawn with seed 0; not the first n, which may differ from the rest of a file."""
    return torch.randperm(total, generator=torch.Generator().manual_seed(0))[:n]


class Stream:
    """The random numbers that one part of the game, called ``name``, draws in one step.

    A shape ``[n, ...]`` is that of this process, which gets its n rows of a draw for the global batch of ``n * world``.

    Args:
        seed, step, name: with the number of the draw they determine it.
        device: where it is drawn; a GPU draws other numbers than a CPU.
        rank, world: this is process ``rank`` of ``world``.
    """

    def __init__(
        self,
        seed: int,
        step: int = 0,
        name: str = "",
        *,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.keys = (seed, step, crc32(name.encode()))
        self.device, self.rank, self.world = torch.device(device), rank, world
        self.draws = 0

    def generator(self) -> torch.Generator:
        """A generator for the next draw, with the same seed in every process."""
        generator = torch.Generator(self.device)
        generator.manual_seed(mix(*self.keys, self.draws))
        self.draws += 1
        return generator

    def _rows(self, shape: tuple[int, ...], draw: Callable[..., Tensor]) -> Tensor:
        n = shape[0]
        full = draw((n * self.world, *shape[1:]), generator=self.generator(), device=self.device)
        return full[self.rank * n : (self.rank + 1) * n]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers, float32."""
        return self._rows(shape, torch.randn)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), float32."""
        return self._rows(shape, torch.rand)


class Streams:
    """The streams of one step, opened by name."""

    def __init__(self, seed: int, step: int, device: torch.device | str = "cpu", rank: int = 0, world: int = 1) -> None:
        self.open: dict[str, Stream] = {}
        self.make = partial(Stream, seed, step, device=device, rank=rank, world=world)

    def __getitem__(self, name: str) -> Stream:
        if name not in self.open:
            self.open[name] = self.make(name=name)
        return self.open[name]
