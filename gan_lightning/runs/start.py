"""How a job starts: a new run, a run that begins again, or one that goes on from a checkpoint."""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from gan_lightning.config.launch import launch
from gan_lightning.runs.directory import status_of
from gan_lightning.runs.resume import resume_arguments, start_of
from gan_lightning.runs.sweep import continue_arguments, is_settled


@dataclass(frozen=True)
class Start:
    """A new run, unless it says otherwise.

    Attributes:
        checkpoint: the run goes on from it.
        again: the run in the directory has no checkpoint yet, so it begins again; what is there moves aside.
        typed: all of the configuration was typed by the person who waits for it, even where a run goes on.
        sweep: the job belongs to a sweep that goes on.
    """

    checkpoint: Path | None = None
    again: bool = False
    typed: bool = False
    sweep: bool = False

    @property
    def from_file(self) -> bool:
        """Does the configuration come out of a file, which may be a stranger's?"""
        return self.sweep or ((self.checkpoint is not None or self.again) and not self.typed)


def arguments(argv: list[str]) -> list[str]:
    """What to give Hydra in place of ``resume=<run>`` or ``-m continue=<sweep>`` and the words beside it.

    Raises:
        ValueError: there is no such run or sweep, it still runs, or processes that are there for one game get several.
    """
    if (found := launch()) and {"-m", "--multirun"} & set(argv):
        raise ValueError(
            f"{found.by} starts the processes of one game, got a multirun (-m). Start a command for each game, without "
            "-m, or leave the games to one process."
        )
    if any(word.startswith("continue=") for word in argv):
        return continue_arguments(argv)
    return resume_arguments(argv)


def start_of_job(cfg: DictConfig, run: Path) -> Start | None:
    """How the job of ``cfg`` starts in its directory ``run``; None where it has nothing left to do.

    Raises:
        ValueError: no checkpoint of the run is whole.
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
