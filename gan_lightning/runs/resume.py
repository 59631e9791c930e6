"""Going on with a run that was stopped, in its own directory, as if nothing had happened.

``resume=<run>`` becomes the command line that began the run, with what is typed now behind it; the configuration that
comes out may differ from the run's own only where that changes nothing of the game.
"""

import copy
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gan_lightning.config.checks import leaves
from gan_lightning.config.quoting import for_hydra, typed_path, word
from gan_lightning.io.files import whole
from gan_lightning.io.lock import NAME, keep
from gan_lightning.io.plain import LARGE, LINE, check_links, read_bytes, read_json
from gan_lightning.runs.checkpoint import whole_checkpoint
from gan_lightning.runs.directory import find, is_run, last_begun, status_of
from gan_lightning.runs.replay import game_overrides, options_first, parsed

FREE = ("steps", "max_time", "log_every", "sample_every", "evaluate_every", "checkpoint_every", "checkpoint_seconds",
        "trainer.", "callbacks.", "logger.", "data.root", "resume", "continue", "objective")  # fmt: skip
# what runs played that were begun before there was a choice
UNSAID = {"update": "alternating", "d_loss_weight": 1.0, "memory_format": "contiguous"}


def recorded_overrides(run: Path, typed: Sequence[str] = ()) -> list[str]:
    """What was typed when the run began and is not ``typed`` now: its game, and nothing that could name other code.

    Raises:
        ValueError: record.json is not there, torn, or says something else.
    """
    file = run / "record.json"
    try:
        found = read_json(file).get("overrides")
        parsed(found, file)
    except ValueError as error:
        raise ValueError(
            f"{file} does not tell how the run was begun ({error}) Begin a new run, or give "
            "hydra.run.dir=<this directory> resume=auto with the overrides of its config.yaml."
        ) from error
    return game_overrides(found, file, typed)


def resume_arguments(argv: list[str]) -> list[str]:
    """Turn ``resume=<run>`` into the command line that began the run, in the run's own directory, whose lock is kept.

    Raises:
        ValueError: no such run, one that is still running, or a multirun.
    """
    asked = [a for a in argv if a.startswith("resume=")]
    if not asked or asked[-1] in ("resume=null", "resume=auto"):
        return argv
    if {"-m", "--multirun"} & set(argv):
        raise ValueError("resume= goes on with one run, got a multirun. For a sweep there is continue=<its directory>.")
    named = typed_path(asked[-1].split("=", 1)[1])
    run, checkpoint = to_resume(named)
    check_links(run, played=True)
    more = [a for a in argv[1:] if not a.startswith("resume=")]
    recorded_overrides(run, more)  # what is refused is refused before a lock is written
    keep(run)
    own = recorded_overrides(run, more)
    if checkpoint is None and is_run(run):  # a run was named, and which of its checkpoints is for us to choose
        checkpoint = start_of(run)
    start = run if checkpoint is None else checkpoint
    said = [f"resume={for_hydra(start.resolve())}", f"hydra.run.dir={for_hydra(run.resolve())}"]
    return [argv[0], *options_first([*own, *more]), *said]


def to_resume(named: str) -> tuple[Path, Path | None]:
    """(run directory, checkpoint if one was named) for what stands behind ``resume=``.

    Raises:
        ValueError: there is nothing of a run.
    """
    path = last_begun() if named == "latest" else Path(named)
    if path.is_file():
        return find(path, "resume")
    if (path / "record.json").is_file():
        return path, None
    if (path / NAME).is_file() and not is_run(path):
        raise ValueError(f"resume={named} was stopped before it wrote what it plays. Give its first command once more.")
    return find(path, "resume")


def start_of(run: Path) -> Path | None:
    """The newest whole checkpoint of ``run``; None if it has none yet: it is a function of its configuration.

    Raises:
        ValueError: no checkpoint of it is whole.
    """
    return whole_checkpoint(run) if (run / "checkpoints" / "last.ckpt").is_file() else None


def check_same_game(own: DictConfig, cfg: DictConfig) -> None:
    """The run's own configuration and today's describe the same game.

    Today's ``steps`` may be larger. Both are compared with the run's own ``steps``, so that a value computed from it,
    such as the length of a schedule, does not count as another game.

    Args:
        own: of the run, resolved.
        cfg: today's, with its interpolations.

    Raises:
        ValueError: names every difference that is not free, unless ``resume_override=true``.
    """
    before = UNSAID | dict(leaves(OmegaConf.to_container(own)))
    asked = copy.deepcopy(cfg)
    asked.steps = before["steps"]
    now = dict(leaves(OmegaConf.to_container(asked, resolve=True)))
    changed = {
        key: (before.get(key, "nothing"), now.get(key, "nothing"))
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and not key.startswith(FREE)
    }
    if changed and not cfg.resume_override:
        differences = "; ".join(f"{key} was {a!r}, is {b!r}" for key, (a, b) in changed.items())
        raise ValueError(
            f"resume= goes on with the game that was begun, got another: {differences}. Leave that out, or begin a new "
            "run; resume_override=true plays on with the new values all the same."
        )


def check_something_left(run: Path, begun: int, steps: int) -> None:
    """A run that is done is resumed only to play more steps.

    Raises:
        ValueError: it has played ``steps`` G steps.
    """
    if begun >= steps and status_of(run)["status"] == "done":
        raise ValueError(
            f"steps must exceed the {begun} G steps that {run} has played to go on with it, got {steps}: nothing is "
            f"left to play. Write {word('resume', run)} steps={2 * begun}"
        )


def drop_lines_after(lines: Path, g_steps: int) -> None:
    """Drop the lines of metrics.jsonl after ``g_steps`` G steps: the resumed run writes them again."""
    if not lines.is_file():
        return
    content = io.BytesIO(read_bytes(lines, LARGE))
    with whole(lines) as file:
        for line in content:
            try:
                step = json.loads(line)["step"] if len(line) <= LINE else None
            except (ValueError, LookupError, TypeError, RecursionError):
                continue  # torn when the power went
            if isinstance(step, int) and step <= g_steps:
                file.write(line.rstrip(b"\n") + b"\n")


def resumed_loggers(loggers: dict[str, Any], g_steps: int) -> dict[str, dict[str, int]]:
    """What TensorBoard's logger is to be built with, so that points after ``g_steps`` are purged."""
    return {name: {"purge_step": g_steps + 1} for name in loggers if "TensorBoard" in loggers[name]["_target_"]}
