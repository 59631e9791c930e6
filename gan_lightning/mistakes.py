"""A mistake on the command line, told in one sentence: what was typed, the rule, and what to type instead."""

import argparse
import contextlib
import difflib
import errno
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, QuotedString
from hydra.errors import HydraException, InstantiationException, OverrideParseException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_lightning.checks import there_already
from gan_lightning.cli import CONF, FULL
from gan_lightning.synonyms import CHOICES, EXTRAS, KEYS, OF_HYDRA

LISTS = " --help lists the keys."
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def explain(error: BaseException, config_name: str | None = None, typed: Sequence[str] | None = None) -> str:
    """One message for a person: what is wrong, and what to do.

    Args:
        config_name: the verb, where its configuration could not be composed from ``sys.argv``.
        typed: what the person typed, where ``sys.argv`` repeats the command of a run that is resumed.
    """
    text = str(error)
    if config_name and (match := re.match(r"Could not override '([^']+)'", text)):
        beside = [word for word in (typed or ())[1:] if not word.startswith("resume=")]
        if typed and not any(w.startswith(f"{match[1]}=") for w in beside):
            return (
                f"error: resume= goes on with the game that was begun, whose {match[1]} does not exist beside "
                f"{' '.join(beside)}. Leave that out, or begin a new run."
            )
        return f"error: {missing(config_name, match[1])}"
    if match := re.search(r"Could not (?:find|load) '([\w/]+)/([^'/]*)'", text):
        return f"error: {missing(config_name, None, *match.groups())}"
    if config_name and "Config group override must be" in text:
        return f"error: {strange_choice(sys.argv[1:]) or text}"
    if match := re.match(r"Ambiguous value for argument '([^']+)'", text):
        return f"error: {several(match[1], config_name)}"
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
    parts = [part.rstrip(",") for part in re.split(r"\s+(?=[\w.@/]+=)", typed)]  # two that were quoted as one
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


def several(typed: str, config_name: str | None) -> str:
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
    asked = re.search(r"you tried to allocate (\d+) bytes", text)
    what = f"{int(asked[1]) / 1e9:,.0f} GB" if asked else "more"
    return (
        f"the memory of the device must hold what is computed, and it could not give {what} at once. Make batch_size, "
        "n, data.size, prior.dim or the widths of the network smaller."
    )


# Words that are no key=value ---------------------------------------------------------------------------------


def arranged(argv: Sequence[str], config_name: str) -> list[str]:
    """``argv`` with Hydra's own options (``-m``, ``--help``) before the overrides, wherever they were typed.

    Raises:
        ValueError: an option that is none, a word without ``=``, a range without a value, or a run's directory without
            a name.
    """
    known, left = options_of(argv[1:], config_name)
    found = {*(known.overrides or []), *left}
    overrides = [word for word in argv[1:] if word in found]
    options = [word for word in argv[1:] if word not in found]
    dashed: dict[str, str] = {}  # word -> key=value
    for at, word in enumerate(overrides):
        after = overrides[at + 1] if at + 1 < len(overrides) and "=" not in overrides[at + 1].lstrip("=") else ""
        if word.startswith("-"):
            key = word.lstrip("-")
            value = "" if after.startswith("-") else after.lstrip("=")
            dashed[word] = key if "=" in key else f"{key}={value or '<value>'}"
    if dashed:
        raise ValueError(no_such_option(dashed, config_name))
    for at, word in enumerate(overrides):
        after = overrides[at + 1] if at + 1 < len(overrides) and "=" not in overrides[at + 1].lstrip("=") else ""
        if "=" not in word and not word.startswith("~"):
            before = overrides[at - 1] if at else ""
            raise ValueError(
                f"{word} is not of the form key=value. Write {meant(word, before, after, config_name)}; "
                "--help lists the keys."
            )
        if re.search(r"=range\(", word) and (empty := of_no_value(word)):
            raise ValueError(f"{word} names no value. Write for example '{empty}=range(0,3)', which is 0, 1 and 2.")
        if word.lstrip("+") in ("hydra.run.dir=", "hydra.sweep.dir=", "run=", "runs=", "folder="):
            raise ValueError(f"{word} must name a directory, got nothing. Write {word}<folder>, or leave it out.")
    if "hydra/launcher=slurm" in overrides and shutil.which("srun") is None:
        raise ValueError(
            "hydra/launcher=slurm needs the command srun of a Slurm cluster, found none. Write "
            "hydra/launcher=slurm_local, which runs the jobs as processes of this machine, or leave it out."
        )
    return [argv[0], *options, *overrides]


OWN = "A file with settings of your own lies in conf/experiment/, or below --config-dir: write experiment=<name>"


def options_of(words: Sequence[str], config_name: str) -> tuple[argparse.Namespace, list[str]]:
    """Hydra's options among ``words``, and what it does not know.

    Raises:
        ValueError: an option without its value, or one that puts another file in place of the verb's own.
    """
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise ValueError(f"{message.rstrip('.')}. {OWN}")

    parser.error = refuse  # type: ignore[method-assign]
    known, left = parser.parse_known_args(list(words))
    for name in ("config_name", "config_path"):
        if value := getattr(known, name):
            option = f"--{name.replace('_', '-')}={value}"
            raise ValueError(f"{option} would take another file in place of {config_name}.yaml. {OWN}")
    return known, left


def of_no_value(word: str) -> str | None:
    """The key of a sweep over a range without a value."""
    with contextlib.suppress(HydraException):
        override = OverridesParser.create().parse_overrides([word])[0]
        if override.is_range_sweep() and not list(override.sweep_iterator()):
            return override.key_or_group
    return None


def no_such_option(dashed: dict[str, str], config_name: str) -> str:
    """What to type instead of options that are none: the key without dashes, or what stands for it here."""
    cfg = composed(config_name, [])
    names = names_in(OmegaConf.to_container(cfg))
    keys = {pair: pair.partition("=")[0] for pair in dashed.values()}
    ours = [pair for pair, key in keys.items() if key in names or (CONF / key).is_dir()]
    others = [no_such_key(key, config_name, [pair], cfg) for pair, key in keys.items() if pair not in ours]
    are = "is no option" if len(dashed) == 1 else "are no options"
    parts = [f"{', '.join(dashed)} {are}: keys are typed without dashes, as key=value."]
    parts += [f"Write {' '.join(ours)}"] if ours else []
    parts += [f"T{said[1:].removesuffix(LISTS)}" for said in others]
    return " ".join(parts)


def meant(word: str, before: str, after: str, config_name: str) -> str:
    """What a word without ``=`` was probably meant to be."""
    if word in ("help", "?"):
        return "--help"
    if match := re.fullmatch(r"([A-Za-z_][\w.]*):(\S*)", word):  # as YAML has it
        return f"{match[1]}={match[2] or after.lstrip('=') or '<value>'}"
    if before.endswith("="):
        return before + word
    runs = {"evaluate": "run", "compare": "runs"}.get(config_name)
    if after and runs and after[0] != "=" and word not in ("metrics", *OmegaConf.load(CONF / f"{config_name}.yaml")):
        return f"{runs}={word}; several are a glob in quotes ('{runs}=<folder>/*')"
    if after:
        return f"{word}={after.lstrip('=')}"
    if config_name == "train" and word.endswith((".yaml", ".yml")):
        return f"experiment={Path(word).stem}, with the file in conf/experiment/"
    # what a lone word is most often meant for
    key = {"study": "study", "sample": "run", "evaluate": "run", "compare": "runs", "results": "folder"}.get(
        config_name
    )
    for group in sorted(p for p in CONF.iterdir() if p.is_dir() and config_name in ("train", "judge")):
        if (group / f"{word}.yaml").is_file():
            return f"technique=[{word}]" if group.name == "technique" else f"{group.name}={word}"
    if config_name == "study":
        word = word.partition(",")[0]
    if key:
        return f"{key}={word}"
    return f"{word}=<value>" if word in names_in(OmegaConf.to_container(composed(config_name, []))) else f"<key>={word}"


# Keys --------------------------------------------------------------------------------------------------------


def composed(config_name: str, typed: Sequence[str]) -> DictConfig:
    """The configuration with the groups that were typed, and no values; without those groups if that cannot be."""
    groups = [o for o in typed if (CONF / o.lstrip("+").split("=")[0]).is_dir() and not no_such_choices(o)]
    if config_name == "study" and not groups:
        groups = ["study=dirac"]
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        for choices in (groups, []):
            try:
                return hydra.compose(config_name, overrides=choices, return_hydra_config=True)
            except Exception:
                continue
    return OmegaConf.create({})


def names_in(node: Any, path: str = "") -> list[str]:
    """Every dotted key of ``node``, groups and values alike."""
    if not isinstance(node, dict):
        return []
    here = {f"{path}.{key}" if path else str(key): child for key, child in node.items() if not str(key).startswith("_")}
    return [name for key, child in here.items() for name in (key, *names_in(child, key))]


def no_such_key(key: str, config_name: str, typed: Sequence[str], cfg: DictConfig | None = None) -> str:
    """What to type instead of a key that the configuration, as composed with what was typed, does not have."""
    cfg = composed(config_name, typed) if cfg is None else cfg
    choices = OmegaConf.select(cfg, "hydra.runtime.choices") or {}
    plain: Any = OmegaConf.to_container(cfg)
    plain.pop("hydra", None)
    known = names_in(plain)
    value = next((o.split("=", 1)[1] for o in typed if o.split("=", 1)[0] == key and "=" in o), "")
    head, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    hint = ""
    if head == "technique" and name not in plain.get("technique", {}) and (CONF / head / f"{name}.yaml").is_file():
        chosen = ",".join([*plain["technique"], name])
        return f"{key} needs its technique beside it. Write 'technique=[{chosen}]' {key}={value or '<value>'}"
    if head == "technique" and name and name not in plain.get("technique", {}):
        return no_such_choice(head, name)
    if "." in key and head in plain:
        place = key.rpartition(".")[0]
        while place not in known:
            place = place.rpartition(".")[0]
        there = [n for n in known if n.startswith(f"{place}.") and "." not in n[len(place) + 1 :]]
        others = [o for o in elsewhere(head, rest) if o != choices.get(head)]
        of = f" (with {head}={choices[head]})" if choices.get(head) and head != "technique" else ""
        deeper = [n for n in known if n.startswith(f"{place}.") and n.rpartition(".")[2] == key.rpartition(".")[2]][:2]
        close = [" or ".join(deeper)] if deeper else difflib.get_close_matches(key, known, n=1, cutoff=0.75)
        word = synonym(key, value, {head: plain[head]}, config_name) if not others else ""
        hint = f" {word}" if word else f" Did you mean {close[0]}?" if close else ""
        hint += f" It belongs to {' and '.join(f'{head}={o}' for o in others)}." if others else ""
        hint += f" {place}{of} has {', '.join(n.rpartition('.')[2] for n in there) or 'no keys'}."
    elif word := synonym(key, value, plain, config_name):
        hint = f" {word}"
    elif (CONF / "technique" / f"{key}.yaml").is_file() and "technique" in plain:
        hint = f" It is a technique: write 'technique=[{key}]'."
    else:
        close = difflib.get_close_matches(key, known, n=3, cutoff=0.7)
        same = [n for n in known if n.rpartition(".")[2] == key.rpartition(".")[2]][:3]
        hint = f" Did you mean {' or '.join(close or same)}?" if close or same else ""
    return f"there is no key {key!r}.{hint}{LISTS}"


def missing(config_name: str | None, key: str | None, group: str = "", choice: str = "") -> str:
    """The key or the choice that Hydra did not find, and whatever else was typed that does not exist."""
    said = nowhere(config_name, sys.argv[1:]) if config_name else []
    if len(said) > 1:
        lines = "\n".join(f"  {line.removesuffix(LISTS)}" for line in said)
        return f"{len(said)} keys or choices do not exist; --help lists those that do:\n{lines}"
    if not key:
        return no_such_choice(group, choice)
    return ((CONF / key).is_dir() and strange_choice(sys.argv[1:])) or no_such_key(key, str(config_name), sys.argv[1:])


def nowhere(config_name: str, typed: Sequence[str]) -> list[str]:
    """A sentence for each key and each choice that was typed and does not exist, in their order."""
    known, _ = get_args_parser().parse_known_args(list(typed))
    if known.config_dir or known.config_path or known.config_name:  # choices of one's own
        return []
    words = known.overrides or []
    cfg = composed(config_name, words)
    said = []
    for override, word in zip(OverridesParser.create().parse_overrides(words), words, strict=True):
        key = override.key_or_group
        if (CONF / key).is_dir():
            said += [no_such_choice(key, choice) for choice in no_such_choices(word)]
        elif word[0] not in "+~" and not key.startswith("hydra"):
            place, _, name = key.rpartition(".")
            parent = OmegaConf.select(cfg, place) if place else cfg
            there: Any = range(len(parent)) if isinstance(parent, ListConfig) else getattr(parent, "keys", list)()
            if name not in map(str, there):
                said.append(no_such_key(key, config_name, words, cfg))
    return said


def no_such_choices(word: str) -> list[str]:
    """The choices in ``group=choice``, ``group=[choice,choice]`` or the sweep ``group=choice,choice`` not there."""
    override = OverridesParser.create().parse_overrides([word])[0]
    group = CONF / override.key_or_group
    if override.is_delete() or not group.is_dir() or override.key_or_group.startswith("hydra"):
        return []
    value: Any = override.value()
    each: list[Any] = value.list if isinstance(value, ChoiceSweep) else [value]
    flat = [item for one in each for item in (one if isinstance(one, list) else [one])]
    choices = [item.text if isinstance(item, QuotedString) else item for item in flat]
    return [c for c in choices if isinstance(c, str) and not (group / f"{c}.yaml").is_file()]


def elsewhere(group: str, rest: str) -> list[str]:
    """The choices of ``group`` that have the key ``rest``."""
    if not (CONF / group).is_dir():
        return []
    files = sorted((CONF / group).glob("*.yaml"))
    return [p.stem for p in files if rest in names_in(OmegaConf.to_container(OmegaConf.load(p)))]


def synonym(key: str, value: str, plain: dict[str, Any], config_name: str) -> str:
    """What this project calls a word of other tools, if the verb has it."""
    plainest = key.lower().replace("-", "_").rpartition(".")[2]
    for words, (ours, advice) in KEYS.items():
        if plainest in words.split() and (ours.split(".")[0] in plain or ours.startswith("hydra.")):
            if config_name != "train" and ours.startswith("hydra."):
                continue
            return advice.format(value=value or "<value>")
    return ""


# Choices -----------------------------------------------------------------------------------------------------


def no_such_choice(group: str, choice: str) -> str:
    if group.startswith("hydra/") and choice in EXTRAS:
        return f"{group}={choice} needs a package that is not there: pip install 'gan-lightning[{EXTRAS[choice]}]'"
    choices = sorted({*(file.stem for file in (CONF / group).glob("*.yaml")), *OF_HYDRA.get(group, ())})
    close = difflib.get_close_matches(choice.lower(), choices, n=1) if choice else []
    hint = f" Did you mean {group}={close[0]}?" if close else ""
    confused = ("loss", "network", "technique")
    for other in confused if group in confused else ():
        if (CONF / other / f"{choice}.yaml").is_file():
            hint = f" Write 'technique=[{choice}]'." if other == "technique" else f" Write {other}={choice}."
    for words, advice in CHOICES.get(group, {}).items():
        if choice.lower() in words.split():
            hint = f" {advice}"
    if choice in ("*", "all"):
        hint = f" All of them, a run each, are -m '{group}=glob(*)'."
    if group == "technique" and choice[:1] == "{":
        hint = " A technique's settings are typed apart: 'technique=[ema]' technique.ema.decay=0.99."
    return f"{group} must be one of {', '.join(choices)}, got {repr(choice) if choice else 'nothing'}.{hint}"


def strange_choice(typed: Sequence[str]) -> str | None:
    """A group that got a number or a truth value, which Hydra does not name."""
    for override in OverridesParser.create().parse_overrides([o for o in typed if not o.startswith("-")]):
        if (CONF / override.key_or_group).is_dir() and not isinstance(override.value(), str | list):
            return no_such_choice(override.key_or_group, str(override.input_line).partition("=")[2])
    return None


def studies() -> str:
    """A line per study: its name, and the first line of its file."""
    files = sorted((CONF / "study").glob("*.yaml"))
    width = max(len(p.stem) for p in files)
    return "\n".join(f"  {p.stem:{width}}  {first_line(p)}" for p in files)


def first_line(path: Path) -> str:
    return path.read_text().splitlines()[0].lstrip("# ")
