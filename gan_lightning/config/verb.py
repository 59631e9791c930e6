"""What every command shares: Hydra composes its configuration, a mistake gets one clear message and exit code 1.

A command's function is imported here, by its name, when the configuration has been read: its imports, PyTorch and
Lightning, take five seconds, for which ``--help`` and a misspelt key need not wait. ``sys.argv`` is changed here and
nowhere else: Hydra 1.3 reads the command line from there and has no parameter for it.
"""

import contextlib
import functools
import logging
import os
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_lightning.config.checks import check_added_keys, check_values
from gan_lightning.config.command_line import arranged
from gan_lightning.config.compose import register_resolvers
from gan_lightning.config.hydra_hooks import StopMultirun
from gan_lightning.config.hydra_internals import share_store
from gan_lightning.config.kinds import check_kinds, check_typed
from gan_lightning.config.launch import launch
from gan_lightning.config.mistakes import FULL, explain, is_too_large
from gan_lightning.config.quoting import typed_for_hydra
from gan_lightning.config.where import CONF
from gan_lightning.io.lock import let_go
from gan_lightning.io.plain import printable

log = logging.getLogger(__name__)

Task = str | Callable[[DictConfig], Any]  # "package.module:function", or the function
OURS = "GAN_LIGHTNING_EXPLAINS"  # set beside FULL where this module has set FULL, and not a person


class AlreadyExplained(Exception):
    """The job's error has been printed already."""


def verb(
    config_name: str,
    task: Task,
    arguments: str | None = None,
    follower: str | None = None,
    after_sweep: str | None = None,
) -> Callable[[], Any]:
    """The command ``python -m gan_lightning.<config_name>``.

    A job's error is printed when it happens, and the exit code is 1.

    Args:
        config_name: name of its YAML in conf/.
        task: the function of the configuration that does the work, or its name as "package.module:function". A named
            one is imported when the configuration has been read, so that ``--help`` does not wait for its imports.
        arguments: name of a function that changes ``sys.argv`` before Hydra reads it; called where ``resume=``,
            ``continue=`` or ``init=latest`` was typed, or torchrun or srun started the process.
        follower: name of the function that a process calls instead of all this, if torchrun or srun started it and it
            is not the first of its game.
        after_sweep: name of a function of a sweep's directory, and whether a page of it is wanted; called when its jobs
            have ended, well or not. It raises nothing.
    """
    job = functools.partial(run_job, task)
    job.__module__ = f"gan_lightning.{config_name}"  # Hydra names the job by it
    composed = hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(job)

    def main() -> Any:
        register_resolvers()
        share_store()
        logging.raiseExceptions = False  # no traceback where the reader of our output, such as head, has gone
        if wants_traceback():
            return composed()
        os.environ[FULL] = os.environ[OURS] = "1"  # Hydra then raises errors in place of printing them
        typed = None
        try:
            started = launch() if follower else None
            if follower and started and started.rank > 0:  # only the first process reads the command line
                return pkgutil.resolve_name(follower)()
            sys.argv = arranged(sys.argv, config_name)
            resumes = any(a.startswith(("continue=", "resume=")) for a in sys.argv)
            if arguments and (started or resumes or "init=latest" in sys.argv):
                typed = sys.argv if resumes else None
                sys.argv = pkgutil.resolve_name(arguments)(sys.argv)
            sys.argv = typed_for_hydra(sys.argv)
            result = composed()
            end_sweep_by(after_sweep)
            return result
        except KeyboardInterrupt:  # Ctrl-C, and in a multirun SIGTERM
            print(StopMultirun.last_word(), file=sys.stderr)
            sys.exit(1)
        except BrokenPipeError:  # the reader of our output, such as head, has gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except Exception as error:
            if not isinstance(error, AlreadyExplained):
                print(printable(explain(error, config_name, typed)), file=sys.stderr)
            leave_no_sweep(StopMultirun.sweep)
            end_sweep_by(after_sweep)
            sys.exit(1)
        finally:
            let_go()
            StopMultirun.forget()
            for variable in (FULL, OURS):
                os.environ.pop(variable, None)

    return main


def end_sweep_by(function: str | None) -> None:
    """Call ``function`` with the directory of the sweep that has ended, where there is one, and is a page wanted?"""
    if function and StopMultirun.sweep and StopMultirun.ends and Path(StopMultirun.sweep).is_dir():
        pkgutil.resolve_name(function)(Path(StopMultirun.sweep), StopMultirun.wants_page)


def wants_traceback() -> bool:
    """Has a person set HYDRA_FULL_ERROR?"""
    return os.environ.get(FULL) == "1" and OURS not in os.environ


def run_job(task: Task, cfg: DictConfig) -> Any:
    """Run one job. Its error is printed at once, since the other jobs of a multirun go on."""
    register_resolvers()
    try:
        check_typed()
        groups = [path.name for path in CONF.iterdir() if path.is_dir()]
        check_added_keys(HydraConfig.get().overrides.task, cfg, groups)
        check_values(cfg)
        check_kinds(cfg)
        function = pkgutil.resolve_name(task) if isinstance(task, str) else task
        return function(cfg)
    except Exception as error:
        log.error("%s", explain(error), exc_info=error)
        if isinstance(error, ValueError | HydraException) or is_too_large(error):
            leave_nothing()
        if wants_traceback():
            raise
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            sys.exit(1)
        raise AlreadyExplained(str(error)) from error


def leave_nothing() -> None:
    """Remove the directory of a job that was refused before it began, if it holds nothing but the log and the lock.

    A directory that the person named (``hydra.run.dir=``) stays.
    """
    job = HydraConfig.get()
    named = [o for o in job.overrides.hydra if o.lstrip("+").startswith(("hydra.run.dir", "hydra.sweep"))]
    run = Path(job.runtime.output_dir)
    if named or run == Path.cwd():
        return
    with contextlib.suppress(OSError):
        if {path.name for path in run.iterdir()} <= {f"{job.job.name}.log", ".lock"}:
            for path in run.iterdir():
                path.unlink()
        run.rmdir()  # where something lies in it, this does nothing
        run.parent.rmdir()


def leave_no_sweep(directory: str | None) -> None:
    """Remove the directory of a multirun of which every job was refused: it holds multirun.yaml and nothing else.

    A directory that the person named (``hydra.sweep.dir=``) stays.
    """
    if directory is None or any(word.lstrip("+").startswith("hydra.sweep") for word in sys.argv):
        return
    sweep = Path(directory)
    with contextlib.suppress(OSError):
        if [path.name for path in sweep.iterdir()] == ["multirun.yaml"]:
            (sweep / "multirun.yaml").unlink()
        for folder in (sweep, *list(sweep.parents)[:2]):  # outputs/multirun/<day>/<time>, <day>, multirun
            folder.rmdir()  # raises OSError, which ends the loop, where something lies in it
