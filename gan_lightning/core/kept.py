"""Random numbers that stay in one place in memory, for a recorded step to read."""

from collections.abc import Callable

import torch
from torch import Tensor

from gan_lightning.core.rng import Stream, Streams

Draw = tuple[str, tuple[int, ...], Tensor]  # "normal" or "uniform", the shape, the numbers


class KeptStream(Stream):
    """The draws of ``stream``, each in a tensor of its own that ``refill`` fills with those of another step."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.first = stream, stream.draws  # the half before this one may have drawn from it too
        self.draws = 0
        self.kept: dict[int, Draw] = {}

    def normal(self, *shape: int) -> Tensor:
        return self.draw("normal", shape, self.stream.normal)

    def uniform(self, *shape: int) -> Tensor:
        return self.draw("uniform", shape, self.stream.uniform)

    def generator(self) -> torch.Generator:
        raise ValueError(
            "step=captured plays draws of Stream.normal and Stream.uniform again, got one of a generator of its own. "
            "Draw with these, or write step=eager."
        )

    def draw(self, law: str, shape: tuple[int, ...], drawn: Callable[..., Tensor]) -> Tensor:
        if self.draws not in self.kept:
            self.stream.draws = self.first + self.draws
            self.kept[self.draws] = (law, shape, drawn(*shape))
        *asked, tensor = self.kept[self.draws]
        if asked != [law, shape]:
            raise ValueError(
                f"step=captured plays the same draws at every step: draw {self.draws} was {asked[0]} of shape "
                f"{asked[1]}, and is now {law} of shape {shape}. Write step=eager."
            )
        self.draws += 1
        return tensor

    def refill(self, stream: Stream) -> None:
        """Put the numbers of ``stream`` where those of the step before are; the next draw is the first again."""
        self.stream, self.first, self.draws = stream, stream.draws, 0
        for law, shape, tensor in self.kept.values():
            tensor.copy_(stream.normal(*shape) if law == "normal" else stream.uniform(*shape))


class KeptStreams(Streams):
    """The streams of a half of a step that is played again and again: the same names, each time with other numbers."""

    def __init__(self) -> None:
        self.open: dict[str, Stream] = {}

    def begin(self, streams: Streams) -> None:
        """From now on the draws are those of ``streams``, which are those of a step."""
        self.make = lambda *, name: KeptStream(streams[name])  # type: ignore[assignment]
        for name, stream in self.open.items():
            assert isinstance(stream, KeptStream)
            stream.refill(streams[name])
