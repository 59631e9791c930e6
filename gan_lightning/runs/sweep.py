"""Multirun directories: which jobs a sweep has, which are done, and going on with one that was stopped."""

import math
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gan_lightning.config.compose import arm_of, swept_keys
from gan_lightning.config.hydra_internals import jobs_of
from gan_lightning.config.quoting import for_hydra, typed_path
from gan_lightning.io.plain import check_links, read_yaml
from gan_lightning.runs.directory import is_run, newest, several_hint, status_of
from gan_lightning.runs.former import unsaid
from gan_lightning.runs.record import set_aside
from gan_lightning.runs.replay import (
    JOBS,
    game_overrides,
    is_list,
    launcher_overrides,
    n_values,
    options_first,
    own_folders,
    parsed,
)
from gan_lightning.runs.trust import plain_config


def directory_of(sweep: str) -> Path:
    """The multirun directory for what was typed: its path, or ``latest``.

    Raises:
        ValueError: it is no multirun directory.
    """
    path = newest("multirun.yaml", "multirun") if sweep == "latest" else Path(sweep)
    if is_run(path):
        raise ValueError(
            f"{sweep} is a run, not a multirun directory. Go on with one run by resume={path}; compare runs by their "
            "multirun directory or a glob in quotes, runs='<folder>/*'."
        )
    if not (path / "multirun.yaml").is_file():
        raise ValueError(
            f"{sweep} is not a multirun directory: it has no multirun.yaml. Give one of outputs/multirun/, or latest."
            + several_hint(sweep)
        )
    return path


def recorded_words(sweep: Path) -> tuple[list[str], list[str]]:
    """(overrides of the task, overrides of Hydra's own keys) as typed when the sweep was started; unchecked data.

    Raises:
        ValueError: multirun.yaml does not have them.
    """
    file = sweep / "multirun.yaml"
    overrides = read_yaml(file).get("hydra")
    overrides = overrides.get("overrides") if isinstance(overrides, dict) else None
    task, hydra = (overrides.get(kind) if isinstance(overrides, dict) else None for kind in ("task", "hydra"))
    parsed(task, file)
    parsed(hydra, file)
    return [word for word in task if not word.startswith("continue=")], hydra  # type: ignore


def varied_by_choice(sweep: Path) -> list[str]:
    """What the multirun varies because of a choice such as ``ablation=losses``, as overrides; unchecked data.

    Hydra's basic sweeper puts them before what was typed, which takes their place where the key is the same.
    """
    hydra = read_yaml(sweep / "multirun.yaml").get("hydra")
    sweeper = hydra.get("sweeper") if isinstance(hydra, dict) else None
    if not isinstance(sweeper, dict) or not str(sweeper.get("_target_")).endswith(".BasicSweeper"):
        return []
    params = sweeper.get("params") or {}
    if not isinstance(params, dict) or not all(isinstance(v, str | int | float) for v in params.values()):
        raise ValueError(f"{sweep / 'multirun.yaml'} has no values behind hydra.sweeper.params. Restore it.")
    return [f"{key}={value}" for key, value in params.items()]


def jobs(sweep: Path) -> dict[str, list[str]]:
    """Directory name -> overrides of every job of the sweep, begun or not (as Hydra's basic sweeper makes them).

    Raises:
        ValueError: multirun.yaml is not the record of such a sweep, or has more than JOBS jobs.
    """
    file = sweep / "multirun.yaml"
    task = parsed(varied_by_choice(sweep) + recorded_words(sweep)[0], file)
    if math.prod(map(n_values, task)) > JOBS or not all(map(is_list, task)):
        raise ValueError(f"{file} asks for more than {JOBS} jobs, or names none of them. Restore it.")
    batch = jobs_of(task)
    try:
        swept = swept_keys(sweep)
        return {arm_of(swept, overrides): list(overrides) for overrides in batch}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is not the record of a sweep: {error} is missing or odd. Restore it.") from error


def statuses(sweep: Path) -> dict[str, str]:
    """Directory name -> done, failed, running, unfinished or missing, for every job of the sweep."""
    return {name: status_of(sweep / name)["status"] if is_run(sweep / name) else "missing" for name in jobs(sweep)}


def progress_of(sweep: Path, played: int | None, workers: int) -> str:
    """``3 of 8 jobs have ended, about 12 min left``, by the mean time of those that have.

    Args:
        sweep: the multirun's directory.
        played: how many have ended, where jobs are played one after the other; None: counted by their status.json.
        workers: how many are played at a time.
    """
    states = [status_of(sweep / name) for name in jobs(sweep) if is_run(sweep / name)]
    ended = [state for state in states if state["status"] in ("done", "stopped", "failed")]
    seconds = [state["seconds"] for state in ended if isinstance(state.get("seconds"), int | float)]
    done, total = len(ended) if played is None else played, len(jobs(sweep))
    said = f"{done} of {total} jobs have ended"
    if not seconds or done >= total:
        return said
    return f"{said}, about {in_units(math.ceil((total - done) / workers) * sum(seconds) / len(seconds))} left"


def in_units(seconds: float) -> str:
    """``40 s``, ``12 min`` or ``3.2 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def continue_arguments(argv: list[str]) -> list[str]:
    """Turn ``-m continue=<sweep>`` into the command line that started the sweep, in the sweep's own directory."""
    asked = [a for a in argv if a.startswith("continue=")]
    if not asked:
        return argv
    sweep = directory_of(typed_path(asked[-1].split("=", 1)[1])).resolve()
    check_links(sweep, played=True)
    running = [n for n, s in statuses(sweep).items() if s == "running"]
    if running:
        raise ValueError(f"{sweep} is still running ({', '.join(running)}). Wait for it, or stop it first.")
    more = [a for a in argv[1:] if not a.startswith("continue=") and a not in ("-m", "--multirun")]
    task, hydra = recorded_words(sweep)
    task = game_overrides(task, sweep / "multirun.yaml", more, sweeps=True)
    hydra = launcher_overrides(hydra, sweep / "multirun.yaml", more)
    if changed := [a for a in more if not a.startswith(("hydra", "trust=", "-")) and Path(a) not in own_folders(more)]:
        raise ValueError(
            f"continue= goes on with the sweep as it was started, got {' '.join(changed)} beside it. "
            "Start a new sweep for other values."
        )
    if begun := [sweep / name for name in jobs(sweep) if is_run(sweep / name)]:
        task += unsaid(plain_config(begun[0] / "config.yaml"), task)
    place = [f"continue={for_hydra(sweep)}", f"hydra.sweep.dir={for_hydra(sweep)}"]
    return [argv[0], "-m", *options_first([*task, *hydra, *more]), *place]


def is_settled(run: Path) -> bool:
    """In a sweep that goes on: is this job done, or was it ended by its ``max_time``?

    Where it is not, because it failed, was stopped or killed, its files are moved to the sweep's .unfinished/, so that
    it can begin again.
    """
    if not (run / "config.yaml").is_file():
        return False
    status = status_of(run)
    if status["status"] == "done" or (status["status"] == "stopped" and status.get("by") == "max_time"):
        return True
    set_aside(run)
    return False


def objective_of(cfg: DictConfig, status: dict[str, Any]) -> float | None:
    """The number in ``status``, that of status.json, that ``objective=`` names; None where it names none.

    Raises:
        ValueError: the run has no such number.
    """
    if cfg.objective is None:
        return None
    if not isinstance(status.get(cfg.objective), int | float):
        numbers = ", ".join(name for name, value in status.items() if isinstance(value, int | float))
        raise ValueError(
            f"objective must be one of {numbers}, got {cfg.objective}. best_fd_over_coverage needs evaluate_every."
        )
    return float(status[cfg.objective])
