"""What every verb shares: where conf/ lies, the names of run directories, one clear message for a mistake."""

import contextlib
import copy
import functools
import hashlib
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from gan_lightning.lock import let_go
from gan_lightning.paths import typed_for_hydra, word
from gan_lightning.plain import printable, read_yaml

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
CONF = HERE / "conf" if (HERE / "conf").is_dir() else HERE.parent / "conf"  # in a wheel, in a checkout
FULL = "HYDRA_FULL_ERROR"  # set by a person: whole tracebacks
RESUME = "GAN_LIGHTNING_RESUME"  # the checkpoint that this command goes on from, or AGAIN
AGAIN = "begin again"
CONTINUE = "GAN_LIGHTNING_CONTINUE"  # set for the jobs of a sweep that is being continued
OURS = "GAN_LIGHTNING_EXPLAINS"  # beside it: set by us, who explain errors better than Hydra prints them


# Names -----------------------------------------------------------------------------------------------------


def slug(overrides: Sequence[str], longest: int = 120) -> str:
    """A directory name that says what differs, of letters, digits and ``-_.+`` only.

    ``[loss=mmgan, seed=1]`` becomes ``loss-mmgan_seed-1``; too long a name ends in a hash of the whole.
    """
    plain = re.sub(r"[\[\]{}'\" ]", "", "_".join(overrides)).replace("=", "-")
    name = re.sub(r"[^A-Za-z0-9.+-]+", "_", plain).strip("_.")
    if len(name) > longest:
        name = f"{name[:longest]}+{hashlib.sha256(plain.encode()).hexdigest()[:8]}"
    return name or "default"


def swept_keys(sweep: Path) -> set[str]:
    """The keys that the multirun in ``sweep`` varies, read from the record that Hydra keeps of it."""
    hydra_cfg = read_yaml(sweep / "multirun.yaml")["hydra"]
    typed = OverridesParser.create().parse_overrides(hydra_cfg["overrides"]["task"])
    keys = {o.key_or_group for o in typed if o.is_sweep_override()}
    return keys | set(hydra_cfg["sweeper"].get("params") or {})


def arm(sweep: str, overrides: Sequence[str]) -> str:
    """The name of a multirun's job: the overrides that differ among its jobs."""
    return arm_of(swept_keys(Path(sweep)), overrides)


def arm_of(swept: set[str], overrides: Sequence[str]) -> str:
    """The same, where the swept keys are known."""
    return slug([o for o in overrides if o.split("=", 1)[0] in swept])


def register_resolvers() -> None:
    OmegaConf.register_new_resolver("slug", slug, replace=True)
    OmegaConf.register_new_resolver("arm", arm, replace=True)


# Verbs -----------------------------------------------------------------------------------------------------


def verb(config_name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], Any]]:
    """Make ``task(cfg)`` a command: Hydra composes, a job's error is told when it happens, the exit code is 1."""

    def decorate(task: Callable[[DictConfig], Any]) -> Callable[[], Any]:
        job = functools.wraps(task)(functools.partial(_job, task))
        composed = hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(job)

        @functools.wraps(task)
        def main() -> Any:
            register_resolvers()
            logging.raiseExceptions = False  # a reader of our lines that has gone, such as head, is no news
            from gan_lightning.mistakes import arranged, explain

            if wants_traceback():
                return composed()
            os.environ[FULL] = "1"  # Hydra then raises what it would print, and we say it better
            os.environ[OURS] = "1"
            typed = None
            try:
                sys.argv = arranged(sys.argv, config_name)
                if any(a.startswith("continue=") for a in sys.argv):
                    from gan_lightning.sweeps import continue_arguments

                    sys.argv = continue_arguments(sys.argv)
                if config_name == "train" and any(a.startswith("resume=") for a in sys.argv):
                    from gan_lightning.resuming import resume_arguments

                    typed = sys.argv
                    sys.argv = resume_arguments(sys.argv)
                sys.argv = typed_for_hydra(sys.argv)
                return composed()
            except KeyboardInterrupt:  # Ctrl-C, and in a multirun SIGTERM
                print(_stopped(), file=sys.stderr)
                sys.exit(1)
            except BrokenPipeError:  # the reader of our output, such as head, has gone
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                sys.exit(1)
            except Exception as error:
                if not getattr(error, "told", False):
                    print(printable(explain(error, config_name, typed)), file=sys.stderr)
                sys.exit(1)
            finally:
                let_go()
                StopMultirun.forget()
                for said in (FULL, OURS, RESUME, CONTINUE):  # for this command alone
                    os.environ.pop(said, None)

        return main

    return decorate


def _stopped() -> str:
    if StopMultirun.sweep is None:
        return "stopped"
    command = f"python -m gan_lightning.train -m {word('continue', StopMultirun.sweep)}"
    return f"the sweep was stopped; to go on: {command}"


def wants_traceback() -> bool:
    return os.environ.get(FULL) == "1" and OURS not in os.environ


def _job(task: Callable[[DictConfig], Any], cfg: DictConfig) -> Any:
    """Run one job; tell its error at once, since the other jobs of a multirun go on."""
    from gan_lightning.checks import check_added_keys, check_values
    from gan_lightning.kinds import check_kinds, check_typed
    from gan_lightning.mistakes import explain, is_too_large

    register_resolvers()
    try:
        check_typed()
        groups = [path.name for path in CONF.iterdir() if path.is_dir()]
        check_added_keys(HydraConfig.get().overrides.task, cfg, groups)
        check_values(cfg)
        check_kinds(cfg)
        return task(cfg)
    except Exception as error:
        log.error("%s", explain(error), exc_info=error)
        if isinstance(error, ValueError | HydraException) or is_too_large(error):
            leave_nothing()
        if HydraConfig.get().mode != RunMode.MULTIRUN and not wants_traceback():
            sys.exit(1)
        error.told = True  # type: ignore[attr-defined]
        raise


def leave_nothing() -> None:
    """Remove the directory of a job that was refused before it began: it holds nothing but the log that says so.

    Only one that was named by us, with the time of this very job, is removed.
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


def compose(config_name: str, overrides: list[str] | None = None) -> DictConfig:
    """The configuration that ``python -m gan_lightning.<config_name> <overrides>`` would get."""
    from hydra.core.global_hydra import GlobalHydra

    register_resolvers()
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        return hydra.compose(config_name, overrides=overrides or [])


class Brief(logging.Formatter):
    """Messages without their tracebacks, for the console; the run's log file has them."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(record.getMessage())


class StopMultirun(Callback):
    """Hydra's callback: SIGTERM ends a multirun, whoever plays its jobs, as Ctrl-C does, and we know which it was.

    (A run that is being played in this process has handlers of its own, which end it with a checkpoint.)
    """

    sweep: str | None = None
    before: Any = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        StopMultirun.sweep = str(config.hydra.sweep.dir)
        if threading.current_thread() is threading.main_thread():
            StopMultirun.before = signal.signal(signal.SIGTERM, signal.default_int_handler)

    @classmethod
    def forget(cls) -> None:
        if cls.before is not None:
            signal.signal(signal.SIGTERM, cls.before)
        cls.sweep = cls.before = None


class DecideDataOnce(Callback):
    """Hydra's callback: a multirun decides ``data=auto`` before its jobs start, for all of them."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.build import decide_data

        decide_data(copy.deepcopy(config))
