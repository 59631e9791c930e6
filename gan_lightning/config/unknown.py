"""Sentences for keys and choices that do not exist: what there is instead, and this project's word for it."""

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, QuotedString
from omegaconf import DictConfig, ListConfig, OmegaConf

from gan_lightning.config.hydra_internals import get_args_parser
from gan_lightning.config.synonyms import CHOICES, EXTRAS, KEYS, OF_HYDRA
from gan_lightning.config.where import CONF

LISTS = " --help lists the keys."


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
        others = [o for o in choices_with(head, rest) if o != choices.get(head)]
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


def not_found(config_name: str | None, key: str | None, group: str = "", choice: str = "") -> str:
    """The sentence for the key or choice that Hydra did not find; where others do not exist either, one for each."""
    sentences = unknown_words(config_name, sys.argv[1:]) if config_name else []
    if len(sentences) > 1:
        lines = "\n".join(f"  {line.removesuffix(LISTS)}" for line in sentences)
        return f"{len(sentences)} keys or choices do not exist; --help lists those that do:\n{lines}"
    if not key:
        return no_such_choice(group, choice)
    return ((CONF / key).is_dir() and strange_choice(sys.argv[1:])) or no_such_key(key, str(config_name), sys.argv[1:])


def unknown_words(config_name: str, typed: Sequence[str]) -> list[str]:
    """A sentence for each key and each choice that was typed and does not exist, in their order."""
    known, _ = get_args_parser().parse_known_args(list(typed))
    if known.config_dir or known.config_path or known.config_name:  # choices of one's own
        return []
    words = known.overrides or []
    cfg = composed(config_name, words)
    sentences = []
    for override, word in zip(OverridesParser.create().parse_overrides(words), words, strict=True):
        key = override.key_or_group
        if (CONF / key).is_dir():
            sentences += [no_such_choice(key, choice) for choice in no_such_choices(word)]
        elif word[0] not in "+~" and not key.startswith("hydra"):
            place, _, name = key.rpartition(".")
            parent = OmegaConf.select(cfg, place) if place else cfg
            there: Any = range(len(parent)) if isinstance(parent, ListConfig) else getattr(parent, "keys", list)()
            if name not in map(str, there):
                sentences.append(no_such_key(key, config_name, words, cfg))
    return sentences


def no_such_choices(word: str) -> list[str]:
    """Those that do not exist in ``group=choice``, ``group=[choice,choice]`` or the sweep ``group=choice,choice``."""
    override = OverridesParser.create().parse_overrides([word])[0]
    group = CONF / override.key_or_group
    if override.is_delete() or not group.is_dir() or override.key_or_group.startswith("hydra"):
        return []
    value: Any = override.value()
    each: list[Any] = value.list if isinstance(value, ChoiceSweep) else [value]
    flat = [item for one in each for item in (one if isinstance(one, list) else [one])]
    choices = [item.text if isinstance(item, QuotedString) else item for item in flat]
    return [c for c in choices if isinstance(c, str) and not (group / f"{c}.yaml").is_file()]


def choices_with(group: str, rest: str) -> list[str]:
    """The choices of ``group`` whose YAML has the dotted key ``rest``."""
    if not (CONF / group).is_dir():
        return []
    files = sorted((CONF / group).glob("*.yaml"))
    return [p.stem for p in files if rest in names_in(OmegaConf.to_container(OmegaConf.load(p)))]


def synonym(key: str, value: str, plain: dict[str, Any], config_name: str) -> str:
    """The hint of KEYS for a word of other tools, if the command has the key that it leads to; else empty."""
    plainest = key.lower().replace("-", "_").rpartition(".")[2]
    for words, (ours, advice) in KEYS.items():
        if plainest in words.split() and (ours.split(".")[0] in plain or ours.startswith("hydra.")):
            if config_name != "train" and ours.startswith("hydra."):
                continue
            return advice.format(value=value or "<value>")
    return ""


def no_such_choice(group: str, choice: str) -> str:
    """The sentence for ``group=choice`` where there is no such choice: those that there are, and a hint."""
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
    """The sentence for a group that was given a number, true or false, which Hydra's error does not name; else None."""
    for override in OverridesParser.create().parse_overrides([o for o in typed if not o.startswith("-")]):
        if (CONF / override.key_or_group).is_dir() and not isinstance(override.value(), str | list):
            return no_such_choice(override.key_or_group, str(override.input_line).partition("=")[2])
    return None


def studies() -> str:
    """A line per study: its name, and the first line of its file."""
    files = sorted((CONF / "study").glob("*.yaml"))
    width = max(len(p.stem) for p in files)
    return "\n".join(f"  {p.stem:{width}}  {first_comment(p)}" for p in files)


def first_comment(path: Path) -> str:
    return path.read_text().splitlines()[0].lstrip("# ")
