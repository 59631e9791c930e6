"""Who started the processes of a game: the game itself, or torchrun or srun, on one machine or on several."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf, open_dict

from gan_lightning.config.quoting import word
from gan_lightning.config.where import CONF

NODES = "trainer.num_nodes"


@dataclass(frozen=True)
class Launch:
    """This process is the ``rank``-th of ``world`` that ``by`` started on ``nodes`` machines, all for one game."""

    by: str
    rank: int
    world: int
    nodes: int


def launch() -> Launch | None:
    """How torchrun or srun started this process; None where it is alone, or starts the others itself.

    Processes of one torchrun play one game. Tasks of one srun may be games of their own (seed=$SLURM_PROCID): they play
    one game where ``trainer.num_nodes=`` was typed.
    """
    env = os.environ
    if {"TORCHELASTIC_RUN_ID", "RANK", "WORLD_SIZE"} <= env.keys():
        rank, world = int(env["RANK"]), int(env["WORLD_SIZE"])
        found = Launch("torchrun", rank, world, world // int(env.get("LOCAL_WORLD_SIZE", world)))
    elif {"SLURM_STEP_ID", "SLURM_PROCID", "SLURM_NTASKS"} <= env.keys() and any(
        word.lstrip("+").startswith(f"{NODES}=") for word in sys.argv
    ):
        nodes = int(env.get("SLURM_STEP_NUM_NODES", env.get("SLURM_NNODES", "1")))
        found = Launch("srun", int(env["SLURM_PROCID"]), int(env["SLURM_NTASKS"]), nodes)
    else:
        return None
    return found if found.world > 1 else None


def starter() -> str:
    """A command line up to ``-m gan_lightning.train``, which starts as many processes as now play this game."""
    found, train = launch(), "-m gan_lightning.train"
    if found is None:
        return f"python {train}"
    if found.by == "srun":
        return f"srun --nodes={found.nodes} --ntasks={found.world} python {train}"
    each = f"--nproc-per-node={found.world // found.nodes}"  # "..." below: a machine's rank, and the first's address
    return f"torchrun {each} {train}" if found.nodes == 1 else f"torchrun --nnodes={found.nodes} {each} ... {train}"


def resume_command(run: Path) -> str:
    """What to type to go on with ``run``."""
    found = launch()
    one_game = [f"{NODES}={found.nodes}"] if found and found.by == "srun" else []  # see `launch`
    return " ".join([starter(), *one_game, word("resume", run)])


def check_launch(cfg: DictConfig, found: Launch | None) -> None:
    """Check ``devices``, the processes of the game, against ``trainer.num_nodes``, the machines that share them evenly.

    Raises:
        ValueError: they do not fit one another, or the processes that were started.
    """
    devices, nodes = cfg.devices, cfg.trainer.get("num_nodes", 1)
    if found is not None and (devices, nodes) != (found.world, found.nodes):
        raise ValueError(
            f"devices and {NODES} must be the processes and the machines that {found.by} started, {found.world} and "
            f"{found.nodes}; got devices={devices} and {NODES}={nodes}. "
            f"Write devices={found.world} {NODES}={found.nodes}"
        )
    if devices % nodes:
        raise ValueError(
            f"devices must be a multiple of {NODES}, since it counts the processes of all machines together; got "
            f"devices={devices} and {NODES}={nodes}. Write devices={nodes * max(devices // nodes, 1)}"
        )
    if found is None and nodes > 1:
        raise ValueError(
            f"{NODES} above 1 needs processes that torchrun or srun started on each machine, got {NODES}={nodes} in a "
            f"process of its own. Write torchrun --nnodes={nodes} --nproc-per-node={devices // nodes} ... -m "
            f"gan_lightning.train, or {NODES}=1"
        )


def choose_ddp(cfg: DictConfig) -> None:
    """Set DDP, as in ``trainer=ddp``, for ``devices=2`` and more, whatever the kind of device.

    Lightning starts the other processes, unless torchrun or srun has.

    Raises:
        ValueError: as ``check_launch`` does.
    """
    found = launch()
    check_launch(cfg, found)
    ddp = OmegaConf.load(CONF / "trainer" / "ddp.yaml")
    with open_dict(cfg):
        if found is not None:
            cfg.trainer.devices = cfg.devices // found.nodes  # Lightning counts those of one machine
            if cfg.trainer.strategy in ("auto", ddp.strategy):
                cfg.trainer.strategy = ddp.strategy.replace("_spawn", "")
                cfg.trainer.pop("plugins", None)
        elif cfg.devices > 1 and cfg.trainer.strategy == "auto":
            cfg.trainer.strategy, cfg.trainer.plugins = ddp.strategy, ddp.plugins
