"""The runs of a sweep with their numbers, grouped into arms: the runs of an arm differ in their seeds only."""

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from gan_lightning.config.checks import leaves
from gan_lightning.config.words import typed_as
from gan_lightning.io.plain import read_json
from gan_lightning.io.tables import line
from gan_lightning.runs.directory import is_glob, is_run, matching, several_hint, status_of
from gan_lightning.runs.measurements import Measurements, measured_alike, read_measurements
from gan_lightning.runs.sweep import directory_of, statuses
from gan_lightning.runs.trust import plain_config

log = logging.getLogger(__name__)

# Keys that say where and how a run computed, not which game it played: runs that differ in nothing else are one arm.
# `devices`, the number of processes, is not among them: BatchNorm, dropout and views see a process's share of a batch.
NOT_THE_GAME = ("seed", "max_time", "resume", "objective", "trainer", "callbacks.", "logger.", "trust", "report",
                "memory_format", "log_every", "sample_every", "evaluate_every", "checkpoint_", "data.root",
                "data.labelled_seed")  # fmt: skip


def of_the_game(key: str) -> bool:
    """Does the dotted ``key`` say which game was played?"""
    return key != "step" and not key.startswith(NOT_THE_GAME)  # beside steps, which does


@dataclass(frozen=True)
class Run:
    """One run, as read from its directory.

    Attributes:
        path: the directory.
        status: done, failed, stopped, running or unfinished.
        overrides: what was typed, key -> value, without the keys NOT_THE_GAME.
        game: the configuration as sorted (dotted key, value), without the keys NOT_THE_GAME.
        metrics: its metrics.json; None if there is none.
        config: all of its configuration.
    """

    path: Path
    status: str
    overrides: Mapping[str, str]
    game: tuple[tuple[str, Any], ...]
    metrics: Measurements | None
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def is_measured(self, checkpoint: str, what: str) -> bool:
        """Does metrics.json have a checkpoint of that name, which is ``what``, such as "last checkpoint"?"""
        return self.metrics is not None and self.metrics["checkpoints"].get(checkpoint, {}).get("what") == what

    def numbers(self, column: Mapping[str, Any], checkpoint: str) -> Mapping[str, float]:
        """The run's numbers of that checkpoint that were measured as ``column`` was; empty if it has none."""
        if self.metrics is None or checkpoint not in self.metrics["checkpoints"]:
            return {}
        weights = self.metrics["checkpoints"][checkpoint]["weights"]
        columns = self.by_protocol.get(text_of(column["protocol"]), ())
        values: Mapping[str, Any] = next((c["values"] for c in columns if measured_alike(c, column)), {})
        found: Mapping[str, float] = values.get(weights, {})
        return found

    @cached_property
    def by_protocol(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Protocol as text -> the columns of metrics.json under that protocol."""
        found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for column in self.metrics["measured"] if self.metrics else []:
            found[text_of(column["protocol"])].append(column)
        return dict(found)


def text_of(protocol: Mapping[str, Any]) -> str:
    """A protocol as JSON, to compare and to look it up."""
    return json.dumps(protocol, sort_keys=True)


def read(path: Path) -> Run:
    """The run in the directory ``path``. Raises ValueError that names a file which cannot be read."""
    config = plain_config(path / "config.yaml")
    game = tuple(sorted((k, repr(v)) for k, v in game_of(config).items()))
    record = read_json(path / "record.json") if (path / "record.json").is_file() else {}
    typed = record.get("overrides", [])
    if not isinstance(typed, list) or not all(isinstance(o, str) for o in typed):
        raise ValueError(f"{path / 'record.json'} has no list of overrides. Restore it.")
    overrides = dict(o.split("=", 1) for o in typed if "=" in o)
    read_json(path / "status.json")
    return Run(
        path,
        line(status_of(path).get("status")),
        {k: v for k, v in overrides.items() if of_the_game(k)},
        game,
        read_measurements(path / "metrics.json"),
        config,
    )


def read_all(paths: Sequence[Path]) -> tuple[list[Run], dict[str, str]]:
    """The runs that can be read; and of the others, name of the directory -> what is wrong with its files."""
    runs, odd = [], {}
    for path in paths:
        try:
            runs.append(read(path))
        except ValueError as error:
            odd[path.name] = f"cannot be read: {error}"
    return runs, odd


def game_of(config: Any) -> dict[str, Any]:
    """The values of a configuration that make its game, by dotted key: runs in which they are equal are one arm.

    A part's own seed that equals the run's is replaced by a word, so that it is no difference between two runs.
    """
    found = dict(leaves(config))
    seed = found.get("seed")
    return {
        key: "the run's" if key.endswith(".seed") and value == seed else value
        for key, value in found.items()
        if of_the_game(key) and value is not None  # a key that is null says no more than none
    }


def gather(runs: str) -> tuple[list[Run], dict[str, str], Path]:
    """The runs that ``runs=`` names: those of a multirun directory, or those that match a glob.

    Returns:
        The runs; name -> why it is not among them, such as "missing" for a job of the multirun that never started; and
        the folder that the runs share.

    Raises:
        ValueError: there is no run.
    """
    if is_glob(runs):
        paths = matching(runs)
        missing: dict[str, str] = {}
        folder = paths[0].parent if paths else Path()
    else:
        folder = directory_of(runs)
        try:
            states = statuses(folder)
        except ValueError as error:  # multirun.yaml cannot be read; the runs themselves may be
            log.warning("%s", error)
            states = {path.name: "there" for path in sorted(folder.glob("*")) if is_run(path)}
        paths = [folder / name for name in states if is_run(folder / name)]
        missing = {name: status for name, status in states.items() if status == "missing"}
    if not paths:
        raise ValueError(
            f"runs={runs} holds no run. Give a multirun directory, a glob in quotes, or latest.{several_hint(runs)}"
        )
    found, odd = read_all(paths)
    return found, missing | odd, folder


def arms(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Name -> runs that differ in their seed alone. The name says what differs from the other arms.

    Where an arm typed nothing for a key that another typed, its configuration says what it has there.
    """
    groups: dict[Any, list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.game].append(run)
    keys = dict.fromkeys(k for run in runs for k in run.overrides)
    differing = [k for k in keys if len({run.overrides.get(k) for run in runs}) > 1]
    named: dict[str, list[Run]] = {}
    for members in groups.values():
        values = members[0].overrides
        config = members[0].config
        name = " ".join(f"{k}={values.get(k) or typed_as(config, k.lstrip('+'))}" for k in differing) or "all"
        if name in named:  # the same overrides were typed, and the configurations differ
            there = set(named[name][0].game)
            others = [key for key, value in members[0].game if (key, value) not in there][:3]
            name = " ".join([name, *(f"{key}={typed_as(config, key)}" for key in others)])
        while name in named:
            name += " (other defaults)"
        named[name] = members
    return named


def protocols(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Protocol (dataset, split, number of samples, seed, judge) as text -> the runs with numbers under it."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        for protocol in run.by_protocol:
            groups[protocol].append(run)
    return groups
