"""A mistake on the command line, told in one sentence: what was typed, the rule, and what to type instead."""

import errno
import re
import shlex
import sys
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, InstantiationException, OverrideParseException
from omegaconf import ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_lightning.config.checks import there_already
from gan_lightning.config.command_line import OWN
from gan_lightning.config.unknown import composed, not_found, strange_choice, studies
from gan_lightning.config.where import CONF

FULL = "HYDRA_FULL_ERROR"  # Hydra's environment variable: a person sets it to see whole tracebacks
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def explain(error: BaseException, config_name: str | None = None, typed: Sequence[str] | None = None) -> str:
    """One message for a person: what is wrong, and what to do.

    Args:
        error: what was raised.
        config_name: the command, where its configuration could not be composed from ``sys.argv``.
        typed: what the person typed, where ``sys.argv`` has the recorded command of a run that is resumed.
    """
    text = str(error)
    if config_name and (match := re.match(r"Could not override '([^']+)'", text)):
        beside = [word for word in (typed or ())[1:] if not word.startswith("resume=")]
        if typed and not any(w.startswith(f"{match[1]}=") for w in beside):
            return (
                f"error: resume= goes on with the game that was begun, whose {match[1]} does not exist beside "
                f"{' '.join(beside)}. Leave that out, or begin a new run."
            )
        return f"error: {not_found(config_name, match[1])}"
    if match := re.search(r"Could not (?:find|load) '([\w/]+)/([^'/]*)'", text):
        return f"error: {not_found(config_name, None, *match.groups())}"
    if config_name and "Config group override must be" in text:
        return f"error: {strange_choice(sys.argv[1:]) or text}"
    if match := re.match(r"Ambiguous value for argument '([^']+)'", text):
        return f"error: {several_values(match[1], config_name)}"
    if match := re.match(r"Could not delete from config. '([^']+)' does not exist", text):
        return f"error: ~{match[1]} must name a key that is there, to take it out. Leave it out; --help lists the keys."
    if match := re.match(r"Could not append to config. An item is already at '([^']+)'", text):
        return f"error: {there_already(match[1], '<value>')}"
    if isinstance(error, OverrideParseException):
        return f"error: {unreadable(str(error.override), text)}"
    if match := re.match(r"Additional config directory '(.*)' not found", text):
        return f"error: --config-dir must be a folder with files of your own, got {match[1]}, which is none. {OWN}"
    if config_name == "study" and "You must specify 'study'" in text:
        return f"error: study= must name a study. Choose one, such as study=dirac:\n{studies()}"
    if is_too_large(error):
        return f"error: {too_large(text)}"
    if config_name in ("train", "study") and isinstance(error, OSError) and error.filename:
        return (
            f"error: hydra.run.dir={error.filename} must be a folder that can be made: {error.strerror}: "
            f"{error.filename}. Name another with hydra.run.dir=<folder>."
        )
    if isinstance(error, OSError) and error.errno in FULL_DISK:
        return (
            f"error: {error.filename or 'a file'} cannot be written: {error.strerror}. What was there before is whole. "
            "Make room, or name another folder, and type the same command again."
        )
    if match := re.search(r"\n\s*full_key: (\S+)", text):  # Hydra's own, in several lines
        what = " ".join(text[: match.start()].split())
        if isinstance(error, InstantiationException):
            return f"error: {match[1]} cannot be built: {what.rstrip('.')}. Leave out what was typed for {match[1]}"
        return f"error: {match[1]}: {what}"
    ours = isinstance(error, ValueError | OSError | HydraException | OmegaConfBaseException)
    name = "" if ours else f"{type(error).__name__}: "
    more = "" if ours else f" (the whole traceback: in the run's log, or with {FULL}=1)"
    return f"error: {name}{error or text}{more}"


def unreadable(typed: str, why: str) -> str:
    """What to type instead of a word that Hydra's grammar does not take."""
    parts = [part.rstrip(",") for part in re.split(r"\s+(?=[\w.@/]+=)", typed)]  # several may be quoted as one word
    right = []
    for part in parts:
        key, _, value = re.sub(r"\s*:?=+\s*", "=", part, count=1).partition("=")
        value = f"[{value.strip('[]()')}]" if value[:1] in ("[", "(") else value
        right.append(f"{key}={value}")
    try:
        OverridesParser.create().parse_overrides(right)
    except HydraException:
        because = why.splitlines()[1] if why.startswith("Error parsing") else why.splitlines()[0]
        because = re.sub(r" expecting \{.*\}$", "", because)
        return (
            f"{typed} cannot be read as key=value ({because}). Close every bracket and quote, and put the whole in "
            "single quotes if it has brackets, spaces or commas: 'technique=[ema]'."
        )
    words = " ".join(shlex.quote(word) for word in right)
    return f"{typed} cannot be read as key=value. Write {words}"


def several_values(typed: str, config_name: str | None) -> str:
    """What to type instead of ``key=a,b`` in a single run."""
    key, _, value = typed.partition("=")
    is_group = (CONF / key).is_dir()
    default = OmegaConf.select(composed(config_name, []), key) if config_name and not is_group else None
    if key == "technique" or isinstance(default, ListConfig):
        return f"{typed} must be one list, in brackets and quotes. Write '{key}=[{value.strip('[](){}')}]'"
    sweep = f"; a sweep over them has -m in front (-m {typed})" if config_name == "train" else ""
    if re.fullmatch(r"-?\d+,\d+", value):
        return (
            f"{typed} must be one number, got a comma in it. A decimal has a point ({key}=0.5), and thousands have "
            f"nothing ({key}=1000){sweep}"
        )
    first = next((word for word in value.split(",") if word), "<value>")
    return f"{typed} must be one value, got several. Write {key}={first}{sweep}"


def is_too_large(error: BaseException) -> bool:
    """Did a computation ask for more memory than there is?"""
    return type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)


def too_large(text: str) -> str:
    """The sentence for an allocation that failed, with its size from PyTorch's error ``text``."""
    asked = re.search(r"you tried to allocate (\d+) bytes", text)
    what = f"{int(asked[1]) / 1e9:,.0f} GB" if asked else "more"
    return (
        f"the memory of the device must hold what is computed, and it could not give {what} at once. Make batch_size, "
        "n, data.size, prior.dim or the widths of the network smaller."
    )
