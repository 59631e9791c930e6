"""Alarms: which signs have held long enough, which are news, and where they are said."""

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from gan_lightning.callbacks.signs import EXPLAINS, Sign
from gan_lightning.io.files import write_json
from gan_lightning.runs.alarms import NAME, is_alarm, read_alarms

log = logging.getLogger(__name__)


class Alarms:
    """Each alarm is raised once in a run, when its sign has been seen at enough looks in a row.

    While one that was raised holds, those that it explains (``signs.EXPLAINS``) are not raised.

    Attributes:
        streaks: alarm -> looks in a row that have seen its sign.
        raised: alarms in the order in which they were raised, as alarms.json has them.
    """

    def __init__(self) -> None:
        self.streaks: dict[str, int] = {}
        self.raised: list[dict[str, Any]] = []

    def look(self, signs: Collection[Sign], about: Collection[str], enough: int, step: int) -> list[dict[str, Any]]:
        """The alarms that are raised after ``step`` G steps.

        Args:
            signs: those that hold now.
            about: names of the alarms that were looked for.
            enough: how many looks in a row make an alarm.
        """
        seen = {sign.alarm: sign for sign in signs}
        self.streaks |= {name: self.streaks.get(name, 0) + 1 if name in seen else 0 for name in about}
        news = []
        for name in (name for name in EXPLAINS if name in seen and self.streaks[name] >= enough):
            known = [entry["alarm"] for entry in self.raised]
            if name in known or any(name in EXPLAINS[one] and self.streaks.get(one) for one in known):
                continue
            sign = seen[name]
            news.append(
                {"alarm": name, "g_steps": step, "number": sign.number, "value": float(sign.value),
                 "limit": float(sign.limit), "words": sign.words}
            )  # fmt: skip
            self.raised.append(news[-1])
        return news

    def say(self, trainer: Trainer, news: Collection[Mapping[str, Any]]) -> None:
        """Put ``news`` on the console, into TensorBoard, and with all that was raised before into alarms.json."""
        for entry in news:
            log.warning("ALARM after %d G steps: %s", entry["g_steps"], entry["words"])
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    logger.experiment.add_text(f"alarms/{entry['alarm']}", entry["words"], entry["g_steps"])
        if news:
            self.write(Path(trainer.default_root_dir))

    def write(self, folder: Path) -> None:
        write_json(folder / NAME, {"alarms": self.raised})

    def restore(self, folder: Path) -> None:
        """Let alarms.json of a run that goes on have what was raised up to its checkpoint."""
        if self.raised:
            self.write(folder)
        else:
            (folder / NAME).unlink(missing_ok=True)

    def state_dict(self) -> dict[str, Any]:
        return {"streaks": dict(self.streaks), "raised": [dict(entry) for entry in self.raised]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError where ``state`` is none."""
        streaks, raised = state["streaks"], state["raised"]
        names = [entry.get("alarm") for entry in raised if isinstance(entry, dict)]
        whole = all(map(is_alarm, raised))
        counts = isinstance(streaks, dict) and all(type(count) is int for count in streaks.values())
        if not (whole and counts and {*names, *streaks} <= EXPLAINS.keys()):
            raise ValueError("its alarms must be those of callbacks/signs.py, each with its number and its words")
        self.streaks, self.raised = dict(streaks), [dict(entry) for entry in raised]


def alarms_of(run: Path) -> list[str]:
    """Names of the alarms that the run which has just been played raised, in their order."""
    return [entry["alarm"] for entry in read_alarms(run)]
