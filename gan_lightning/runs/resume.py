"""Going on with a run that was stopped, in its own directory, to the result it would have had.

``resume=<run>`` becomes the command line that began the run, followed by what is typed now. The configuration that
Hydra then composes may differ from the run's own only in the keys FREE, which change nothing of the game.
"""

import copy
import io
import json
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from gan_lightning.config.checks import leaves
from gan_lightning.config.quoting import for_hydra, typed_path, word
from gan_lightning.io.files import whole
from gan_lightning.io.lock import NAME, keep
from gan_lightning.io.plain import LARGE, LINE, check_links, read_bytes, read_json
from gan_lightning.runs.checkpoint import whole_checkpoint
from gan_lightning.runs.directory import find, is_run, last_begun, status_of
from gan_lightning.runs.exported import PREFIX, SUFFIX, is_export
from gan_lightning.runs.former import unsaid
from gan_lightning.runs.replay import game_overrides, options_first, parsed
from gan_lightning.runs.trust import plain_config

FREE = ("steps", "step", "max_time", "log_every", "sample_every", "evaluate_every", "checkpoint_every",
        "checkpoint_seconds", "trainer.", "callbacks.", "logger.", "data.root", "resume", "continue", "objective",
        "report")  # fmt: skip
# values of keys that the configuration of an older run does not have
UNSAID = {"update": "alternating", "d_loss_weight": 1.0, "memory_format": "contiguous", "data.labelled_seed": 0,
          "init": None, "step": "eager"}  # fmt: skip


def recorded_overrides(run: Path, typed: Sequence[str] = ()) -> list[str]:
    """The overrides with which ``run`` began, without those whose key is in ``typed``, the present command line.

    Raises:
        ValueError: record.json is missing or damaged, or has an override that could run other code (``replay.py``).
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
    """Turn ``resume=<run>`` in ``argv`` into the command line that began the run, in the run's own directory.

    The lock of the run is taken, until ``lock.let_go``.

    Raises:
        ValueError: there is no such run, it is still running, or the command is a multirun.
    """
    asked = [a for a in argv if a.startswith("resume=")]
    if not asked or asked[-1] in ("resume=null", "resume=auto"):
        return argv
    if started := [a for a in argv if a.startswith("init=")]:
        raise ValueError(
            f"resume= goes on with a run and its own weights, got {started[-1]} beside it, with which a new game "
            "begins. Leave one of them out."
        )
    if {"-m", "--multirun"} & set(argv):
        raise ValueError("resume= goes on with one run, got a multirun. For a sweep there is continue=<its directory>.")
    named = typed_path(asked[-1].split("=", 1)[1])
    run, checkpoint = to_resume(named)
    check_links(run, played=True)
    more = [a for a in argv[1:] if not a.startswith("resume=")]
    recorded_overrides(run, more)  # raises before the lock's file is made in a directory that is refused
    keep(run)
    own = recorded_overrides(run, more)
    if is_run(run):
        own += unsaid(plain_config(run / "config.yaml"), [*own, *more])
    if checkpoint is None and is_run(run):  # a run directory was named, not one of its checkpoints
        checkpoint = start_of(run)
    start = run if checkpoint is None else checkpoint
    place = [f"resume={for_hydra(start.resolve())}", f"hydra.run.dir={for_hydra(run.resolve())}"]
    return [argv[0], *options_first([*own, *more]), *place]


def to_resume(named: str) -> tuple[Path, Path | None]:
    """(run directory, checkpoint if one was named) for what was typed behind ``resume=``.

    Raises:
        ValueError: it is no run, or one that was stopped before it recorded anything.
    """
    if named.startswith(PREFIX) or named.endswith(SUFFIX) or is_export(Path(named)):
        raise ValueError(
            f"resume={named} cannot go on: an exported generator has no optimizers' moments, no order of the data, and "
            f"not the weights that were played. Begin a new game: python -m gan_lightning.train"
        )
    path = last_begun() if named == "latest" else Path(named)
    if path.is_file():
        return find(path, "resume")
    if (path / "record.json").is_file():
        return path, None
    if (path / NAME).is_file() and not is_run(path):
        raise ValueError(f"resume={named} was stopped before it wrote what it plays. Give its first command once more.")
    return find(path, "resume")


def start_of(run: Path) -> Path | None:
    """The newest undamaged checkpoint of ``run``; None if it has no checkpoint yet, so that it has to begin again.

    Raises:
        ValueError: all of them are damaged.
    """
    return whole_checkpoint(run) if (run / "checkpoints" / "last.ckpt").is_file() else None


def check_same_game(own: DictConfig, cfg: DictConfig) -> None:
    """Check that the run's own configuration and the present one differ in nothing but the keys FREE.

    ``steps`` is one of these. The present configuration is resolved with the run's own ``steps``, so that a value that
    is computed from it, such as the length of a schedule, is no difference.

    Args:
        own: the run's, resolved.
        cfg: the present one, with its interpolations.

    Raises:
        ValueError: names every other difference, unless ``resume_override=true``.
    """
    before = dict(leaves(OmegaConf.to_container(own)))
    asked = copy.deepcopy(cfg)
    asked.steps = before["steps"]
    now = dict(leaves(OmegaConf.to_container(asked, resolve=True)))
    before = {key: value for key, value in UNSAID.items() if key in now} | before
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
    """Refuse to resume a run that is done without more ``steps``.

    Args:
        begun: G steps that it has played.
        steps: G steps that it shall have played in the end.

    Raises:
        ValueError: it is done, and ``steps`` is not above ``begun``.
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
                continue  # cut off by a power failure
            if isinstance(step, int) and step <= g_steps:
                file.write(line.rstrip(b"\n") + b"\n")
