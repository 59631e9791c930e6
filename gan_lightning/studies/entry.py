"""One run of a speedrun: what is typed, whether it has been played, and playing it in a process of its own."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from gan_lightning.callbacks.marks import NAME
from gan_lightning.config.checks import check_values
from gan_lightning.config.compose import compose
from gan_lightning.config.quoting import for_hydra
from gan_lightning.io.plain import first_line, read_json
from gan_lightning.runs.directory import status_of
from gan_lightning.runs.record import set_aside

OURS = ("data", "seed", "max_time", "callbacks", "devices", "search", "init", "resume", "continue", "trust",
        "hydra")  # fmt: skip
BEGUN = "callbacks.marks.begun="


@dataclass(frozen=True)
class Entry:
    """A game with one seed, in the run directory ``run``.

    Attributes:
        words: what its entry has: overrides of ``python -m gan_lightning.train``.
        data: the dataset that all entries train on.
        marks: seconds after which the state is kept.
        threads: of PyTorch.
    """

    game: str
    words: tuple[str, ...]
    seed: int
    data: str
    marks: tuple[float, ...]
    threads: int
    folder: Path

    @property
    def run(self) -> Path:
        return self.folder / f"{self.game}-seed{self.seed}"

    @property
    def overrides(self) -> list[str]:
        """All that is typed behind ``train``: the game, then what makes it a run of the speedrun."""
        never = ("sample_every", "evaluate_every", "checkpoint_every", "checkpoint_seconds")
        return [
            *self.words,
            f"data={self.data}",
            f"seed={self.seed}",
            f"max_time={max(self.marks):g}",
            *(f"{key}=0" for key in never),
            "callbacks=speedrun",
            f"callbacks.marks.seconds=[{','.join(map(str, self.marks))}]",
        ]

    def check(self) -> None:
        """It is a game that train plays. Raises ValueError."""
        at = f"study.entries.{self.game}"
        if not re.fullmatch(r"\w[\w.-]*", self.game):
            raise ValueError(f"{at} must be a plain word, since it names folders. Write for example study.entries.mine")
        keys = {word: re.split(r"[.=/@]", word.lstrip("+~"))[0] for word in self.words}
        if own := [word for word, key in keys.items() if key in OURS]:
            raise ValueError(
                f"{at} must leave to the speedrun what is the same for all entries ({', '.join(OURS)}), got {own[0]}. "
                "Leave it out; study.data, study.seeds, study.minutes and study.threads say it for all."
            )
        try:
            check_values(compose("train", self.overrides))
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise ValueError(
                f"{at} must be overrides that train takes, got {' '.join(self.words)}: {first_line(error)}. "
                f"Try it with python -m gan_lightning.train {' '.join(self.words)} steps=1"
            ) from error

    def state(self) -> str:
        """``played``, ``missing``, or in a word what else its directory holds.

        Raises:
            ValueError: it was played as another game, or for other marks.
        """
        if not (self.run / "config.yaml").is_file():
            return "missing"
        status = status_of(self.run)
        ended = status["status"] == "done" or (status["status"] == "stopped" and status.get("by") == "max_time")
        if not ended or not (self.run / NAME).is_file():
            return str(status["status"])
        record = read_json(self.run / "record.json")
        typed = [word for word in record["overrides"] if not word.startswith((BEGUN, "report="))]
        if (typed, record["threads"]) != (self.overrides, self.threads):
            raise ValueError(
                f"{self.run} must be a run of study.entries.{self.game}, {' '.join(self.overrides)} on {self.threads} "
                f"thread(s); it was played as {' '.join(typed)} on {record['threads']}. Name another folder with "
                "study.runs=<folder>, or move this run away."
            )
        return "played"

    def play(self) -> str | None:
        """Play it from the start, which takes as long as its marks; why it failed, or None.

        What is in its directory moves to .unfinished/ beside it: a run that was stopped cannot say how long it took.
        """
        if (self.run / "config.yaml").is_file():
            set_aside(self.run)
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(self.threads))
        command = [sys.executable, "-m", "gan_lightning.train", *self.overrides, "report=false"]
        begun = f"{BEGUN}{time.time():.2f}"
        done = subprocess.run(
            [*command, begun, f"hydra.run.dir={for_hydra(self.run)}"],
            env={**os.environ, **threads},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode == 0 and self.state() == "played":
            return None
        lines = done.stdout.strip().splitlines()
        return lines[-1] if lines else f"exit code {done.returncode}"
