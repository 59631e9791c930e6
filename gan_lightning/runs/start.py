"""How a job starts: a new run, a run that begins again, or one that goes on from a checkpoint."""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from gan_lightning.config.launch import launch
from gan_lightning.config.quoting import for_hydra
from gan_lightning.runs.directory import latest, status_of
from gan_lightning.runs.resume import resume_arguments, start_of
from gan_lightning.runs.sweep import continue_arguments, is_settled


@dataclass(frozen=True)
class Start:
    """How a job starts; with all defaults, as a new run.

    Attributes:
        checkpoint: the run in the directory goes on from it.
        again: the run in the directory has no checkpoint, so it begins again; its files are moved to .unfinished/.
        typed: the person typed the whole command, ``resume=auto`` among it; nothing of it was read from a file.
        sweep: the job belongs to a sweep that goes on (``continue=``).
    """

    checkpoint: Path | None = None
    again: bool = False
    typed: bool = False
    sweep: bool = False

    @property
    def from_file(self) -> bool:
        """Does the configuration come from overrides in a file, which may be a stranger's?"""
        return self.sweep or ((self.checkpoint is not None or self.again) and not self.typed)


def arguments(argv: list[str]) -> list[str]:
    """The command line for Hydra in place of one with ``resume=<run>``, ``-m continue=<sweep>`` or ``init=latest``.

    Raises:
        ValueError: there is no such run or sweep, it is still running, or torchrun or srun started a multirun.
    """
    if (found := launch()) and {"-m", "--multirun"} & set(argv):
        raise ValueError(
            f"{found.by} starts the processes of one game, got a multirun (-m). Start a command for each game, without "
            "-m, or leave the games to one process."
        )
    if any(word.startswith("continue=") for word in argv):
        return continue_arguments(argv)
    return resume_arguments([named_init(word) for word in argv])


def named_init(word: str) -> str:
    """The newest run by its name in place of ``init=latest``: each job of a multirun begins with the same weights."""
    return f"init={for_hydra(latest('init'))}" if word == "init=latest" else word


def start_of_job(cfg: DictConfig, run: Path) -> Start | None:
    """How the job of ``cfg`` starts in its directory ``run``; None where it has nothing left to do.

    Raises:
        ValueError: all checkpoints of the run are damaged.
    """
    sweep = cfg["continue"] is not None
    if sweep and is_settled(run):
        return None
    if cfg.resume is None:
        return Start(sweep=sweep)
    if cfg.resume != "auto":
        named = Path(cfg.resume)  # a checkpoint, or a run that had none yet
        return Start(named) if named.is_file() else Start(again=True)
    if not (run / "config.yaml").is_file():
        return Start(typed=True, sweep=sweep)
    status = status_of(run)
    if status["status"] == "done" and status["g_steps"] >= cfg.steps:
        return None
    checkpoint = start_of(run)
    return Start(checkpoint, again=checkpoint is None, typed=True, sweep=sweep)
