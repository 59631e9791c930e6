"""step=captured: each half of a step is recorded once as a CUDA graph, and is then one launch instead of hundreds.

A graph repeats the same kernels on the same memory, with the numbers that Python gave them when it was recorded. So
what differs from step to step has to lie on the device, at the same address each time: the batch, the random numbers,
the share of the run that is done, a scheduled learning rate. They are put there before each replay, and are the
numbers that step=eager takes: it is the same game.
"""

import gc
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from gan_lightning.core.kept import KeptStreams
from gan_lightning.core.play import Player

WARM_UP = 3  # steps that are played as they are: optimizers make their moments, CUDA's libraries choose their kernels

Half = Callable[[Tensor, Tensor], None]  # real [N, *shape], labels [N]


class Recording(Protocol):
    """What a half did to the device."""

    def rehearse(self, play: Callable[[], None]) -> None:
        """Play as ever, where ``record`` will."""

    def record(self, play: Callable[[], None]) -> None:
        """Play once, and keep what it did."""

    def replay(self) -> None:
        """Do it again."""


class CUDAGraph:
    """A CUDA graph on a stream of its own, on which the steps before it are played too, as PyTorch asks."""

    def __init__(self) -> None:
        self.graph, self.stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()

    def rehearse(self, play: Callable[[], None]) -> None:
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            play()
        torch.cuda.current_stream().wait_stream(self.stream)

    def record(self, play: Callable[[], None]) -> None:
        gc.collect()  # graphs of a run before this one, which must not be freed during a capture
        cause: Exception | None = None
        try:
            with torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
                try:
                    play()
                except Exception as error:
                    cause = error  # ending a capture that failed raises another one over it
                    raise
        except Exception as error:
            raise ValueError(
                f"step=captured could not record this game: {cause or error}. Write step=eager."
            ) from error
        self.graph.replay()  # recording launches nothing

    def replay(self) -> None:
        self.graph.replay()


class CapturedHalf:
    """One player's half for batches of one shape: WARM_UP times as it is, then recorded, then replayed.

    Args:
        game: a ``GAN``.
        player: whose half it is.
        recording: made anew for this half.
    """

    def __init__(self, game: Any, player: Player, recording: Recording) -> None:
        self.game, self.player, self.recording = game, player, recording
        self.played, self.recorded = 0, False
        self.rng = KeptStreams()
        self.inputs: tuple[Tensor, Tensor, Tensor] | None = None  # real, labels, share of the run that is done
        self.latest: dict[str, Tensor] = {}
        self.terms: dict[str, Tensor] = {}

    def __call__(self, half: Half, real: Tensor, labels: Tensor) -> bool:
        """Play it on a batch. Was it a replay, in which nothing of ``half`` ran in Python?"""
        self.played += 1
        if self.played < WARM_UP:
            self.recording.rehearse(lambda: half(real, labels))
            return False
        game, rng = self.game, self.game.rng
        self.put(real, labels)
        if self.recorded:
            self.recording.replay()
            game.latest |= self.latest
            game.terms[self.player] = self.terms
            return True
        assert self.inputs is not None
        *batch, share = self.inputs
        game.rng, game.share = self.rng, share
        try:
            if self.played == WARM_UP:
                self.rehearse(lambda: half(*batch))
            else:
                self.record(lambda: half(*batch))
        finally:
            game.rng, game.share = rng, None
        return False

    def put(self, real: Tensor, labels: Tensor) -> None:
        """Put what differs from step to step where the recording reads it."""
        if self.inputs is None:
            share = torch.empty((), device=real.device, dtype=torch.float64)  # as Python's
            self.inputs = (torch.empty_like(real), torch.empty_like(labels), share)
        for place, tensor in zip(self.inputs, (real, labels), strict=False):
            place.copy_(tensor)
        self.inputs[2].fill_(self.game.progress)
        self.rng.begin(self.game.rng)

    def rehearse(self, play: Callable[[], None]) -> None:
        """Play as ever, and keep a place for each random number. Raises ValueError where a layer draws its own."""
        device = self.game.place[0]
        before = generator_state(device)
        self.recording.rehearse(play)
        if not torch.equal(before, generator_state(device)):
            raise ValueError(
                f"step=captured needs layers that draw no random numbers, got some in {self.player}'s half that do: "
                "a recording cannot begin them anew at each step. Leave them out (dropout, say), or write step=eager."
            )

    def record(self, play: Callable[[], None]) -> None:
        game, latest = self.game, self.game.latest
        game.latest = {}
        try:
            self.recording.record(play)
            self.latest, self.terms, self.recorded = game.latest, game.terms[self.player], True
        finally:
            game.latest = latest | game.latest


class Captured:
    """Plays the halves of a game, each from its recording once there is one.

    Args:
        game: a ``GAN`` that ``check_capturable`` lets pass.
        plain: G steps done -> will something look into the next step, so that it must run as it is?
        recording: makes a ``Recording``; the tests have one that needs no GPU.
        replayed: called with the player after a replay, in which nothing ran in Python.
    """

    def __init__(
        self,
        game: Any,
        plain: Callable[[int], bool] = lambda g_steps: False,
        recording: Callable[[], Recording] = CUDAGraph,
        replayed: Callable[[Player], None] = lambda player: None,
    ) -> None:
        self.game, self.plain, self.recording, self.replayed = game, plain, recording, replayed
        self.halves: dict[tuple[Any, ...], CapturedHalf] = {}
        game.layers_draw = False  # so nothing has to seed them, which a recording could not

    def __call__(self, player: Player, half: Half, real: Tensor, labels: Tensor) -> None:
        """Play ``player``'s half on a batch."""
        if self.plain(self.game.g_steps_done):
            half(real, labels)
            return
        key = (player, real.shape, labels.shape)
        if key not in self.halves:
            self.halves[key] = CapturedHalf(self.game, player, self.recording())
        if self.halves[key](half, real, labels):
            self.replayed(player)


def generator_state(device: torch.device) -> Tensor:
    """The states of the generators from which layers draw: the host's, and that of ``device``."""
    host = torch.get_rng_state()
    return host if device.type == "cpu" else torch.cat([host, torch.get_device_module(device).get_rng_state(device)])


def hold_rates(optimizer: Optimizer, device: torch.device) -> None:
    """Put the learning rates on ``device``, where a recorded step reads them; let Adam be recorded."""
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(float(group["lr"]), device=device)
        if "capturable" in group:
            group["capturable"] = True
