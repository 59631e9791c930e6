"""The processes of one game that torchrun or srun started: the first decides and writes, the others play along.

Before a game begins they exchange messages through PyTorch's key-value store, at the address that torchrun or srun gave
them. Only the first reads the command line, so that there is one run directory and one lock; the others write nothing.
"""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from omegaconf import OmegaConf
from torch.distributed import distributed_c10d as dist
from torch.distributed.rendezvous import rendezvous

from gan_lightning.callbacks.finite import NotFinite
from gan_lightning.config.launch import Launch, launch

KINDS = {"NotFinite": NotFinite, "OSError": OSError}  # errors that keep their type on the way to another process
START = timedelta(minutes=3)  # longest wait for all processes to start
PATIENCE = timedelta(minutes=30)  # longest wait for a message: the first process may have a dataset to download
LAST_WORD = 5.0  # seconds to wait for the message of a process that failed, when its connection is closed already


def cluster_environment() -> dict[str, list[ClusterEnvironment]]:
    """Argument of the Trainer by which Lightning finds ranks and addresses; empty where it starts processes itself."""
    found = launch()
    if found is None:
        return {}
    return {"plugins": [TorchElasticEnvironment() if found.by == "torchrun" else SLURMEnvironment(auto_requeue=False)]}


class Ranks:
    """Messages between the processes of a game, each under a key; every value has to be JSON."""

    def __init__(self, found: Launch) -> None:
        self.rank, self.world = found.rank, found.world
        asked = cluster_environment()["plugins"][0]
        os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = asked.main_address, str(asked.main_port)
        store, _, _ = next(iter(rendezvous("env://", self.rank, self.world, timeout=START)))
        store.set_timeout(PATIENCE)
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        self.store = dist.PrefixStore(f"gan_lightning/{attempt}", store)

    def tell(self, key: str, value: Any) -> None:
        self.store.set(key, json.dumps(value))

    def hear(self, key: str) -> Any:
        """The value under ``key``; waits until a process has told it."""
        return json.loads(self.store.get(key))

    def name(self) -> str:
        return f"process {self.rank + 1} of {self.world}, on {platform.node()}"

    def tell_failure(self, error: Exception, words: str) -> None:
        self.tell("failure", [type(error).__name__, f"{self.name()}: {words}"])

    def failure(self, seconds: float = LAST_WORD) -> Exception | None:
        """The error by which another process failed; None if none is told within ``seconds``."""
        until = time.monotonic() + seconds
        while not self.store.check(["failure"]):
            if time.monotonic() >= until:
                return None
            time.sleep(0.1)
        kind, words = self.hear("failure")
        return KINDS.get(kind, ValueError)(words)

    def begin(self, training: Any) -> None:
        """Called by the first process: send the game to the others and wait until each has built it.

        Raises:
            ValueError: one of them cannot build it.
        """
        checkpoint = training.start.checkpoint
        self.tell(
            "game",
            {
                "config": OmegaConf.to_container(training.cfg),
                "run": str(training.run.resolve()),
                "checkpoint": checkpoint and str(checkpoint.resolve()),
            },
        )
        for rank in range(1, self.world):
            if fault := self.hear(f"built/{rank}"):
                raise ValueError(fault)


def joined() -> Ranks | None:
    """The processes of this game; None where there is one, or it starts the others itself."""
    found = launch()
    return None if found is None else Ranks(found)


@contextmanager
def leading(ranks: Ranks | None) -> Iterator[Ranks | None]:
    """Within the block the first process prepares the game; where it fails, the others are told that there is none."""
    try:
        yield ranks
    except BaseException:
        if ranks is not None:
            with suppress(RuntimeError):  # the process that serves the store may have ended
                if not ranks.store.check(["game"]):
                    ranks.tell("game", None)
        raise
