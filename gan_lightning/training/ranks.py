"""The processes of one game that torchrun or srun started: the first decides and records, the others play along.

They agree through PyTorch's key-value store at the address that their starter gave them, before a game begins: the
first alone reads the command line, so there is one run directory and one lock, and the others write nothing.
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

KINDS = {"NotFinite": NotFinite, "OSError": OSError}  # errors of a process that somebody waits for
START = timedelta(minutes=3)  # between the starts of two processes, at most
PATIENCE = timedelta(minutes=30)  # the first may have a dataset to fetch
LAST_WORD = 5.0  # seconds: a process that fails says why before its connections close, but elsewhere


def cluster_environment() -> dict[str, list[ClusterEnvironment]]:
    """For the Trainer: whom Lightning asks for ranks and addresses; nothing where the game starts its own processes."""
    found = launch()
    if found is None:
        return {}
    return {"plugins": [TorchElasticEnvironment() if found.by == "torchrun" else SLURMEnvironment(auto_requeue=False)]}


class Ranks:
    """What the processes of a game tell one another, by key."""

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
        """Waits until it is told."""
        return json.loads(self.store.get(key))

    def name(self) -> str:
        return f"process {self.rank + 1} of {self.world}, on {platform.node()}"

    def tell_failure(self, error: Exception, words: str) -> None:
        self.tell("failure", [type(error).__name__, f"{self.name()}: {words}"])

    def failure(self, seconds: float = LAST_WORD) -> Exception | None:
        """What another process failed of, if it says so within ``seconds``."""
        until = time.monotonic() + seconds
        while not self.store.check(["failure"]):
            if time.monotonic() >= until:
                return None
            time.sleep(0.1)
        kind, words = self.hear("failure")
        return KINDS.get(kind, ValueError)(words)

    def begin(self, training: Any) -> None:
        """The first tells the others what is played, and waits until each has built it.

        Raises:
            ValueError: one of them cannot.
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
    """The processes that this one belongs to; None where it is alone, or starts them itself."""
    found = launch()
    return None if found is None else Ranks(found)


@contextmanager
def leading(ranks: Ranks | None) -> Iterator[Ranks | None]:
    """Where the first process fails, the others are told that nothing is played."""
    try:
        yield ranks
    except BaseException:
        if ranks is not None:
            with suppress(RuntimeError):  # whoever serves the store may have gone
                if not ranks.store.check(["game"]):
                    ranks.tell("game", None)
        raise
