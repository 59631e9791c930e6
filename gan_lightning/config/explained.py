"""What the files of conf/ say of themselves, for help and reference: each key, its default, the comment beside it."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from gan_lightning.config.where import CONF
from gan_lightning.io.plain import read_yaml

HIDDEN = ("defaults", "hydra", "_target_", "_partial_")


@dataclass(frozen=True)
class Key:
    """A key of a YAML file: its name with dots, its default as it stands there ("" above others), the comment."""

    name: str
    default: str
    says: str


def head(file: Path) -> list[str]:
    """The comment that a file begins with, line by line, without ``#`` and what is for Hydra alone."""
    lines = []
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].removeprefix(" "))
    return [line for line in lines if not line.startswith("@package")]


def keys_of(file: Path) -> list[Key]:
    """Every key of ``file`` in its order, but for those that say what is built of it."""
    text = file.read_text()
    node = yaml.compose(text, yaml.SafeLoader)
    return _below(node, "", text) if isinstance(node, yaml.MappingNode) else []


def groups_of(file: Path) -> dict[str, object]:
    """The groups that a command takes, each with the choice, or the list of choices, that is the default."""
    entries = [entry for entry in read_yaml(file)["defaults"] if isinstance(entry, dict)]
    named = {name: choice for entry in entries for name, choice in entry.items()}
    return {name: choice for name, choice in named.items() if not name.startswith("override ")}


def _below(mapping: yaml.MappingNode, prefix: str, text: str) -> list[Key]:
    found = []
    for key, value in mapping.value:
        name = f"{prefix}{key.value}"
        if key.value in HIDDEN:
            continue
        built = isinstance(value, yaml.MappingNode) and any(key.value == "_target_" for key, _ in value.value)
        if isinstance(value, yaml.MappingNode) and (built or not value.flow_style):
            found.append(Key(name, "", comment(text, key)))
            found += _below(value, f"{name}.", text)
        elif isinstance(value, yaml.SequenceNode) and not value.flow_style:  # its items stand on the lines below
            block = " " * value.start_mark.column + text[value.start_mark.index : value.end_mark.index]
            items = yaml.safe_dump(yaml.safe_load(block), default_flow_style=True, width=10**6)
            found.append(Key(name, items.strip(), comment(text, key)))
        else:
            default = " ".join(text[value.start_mark.index : value.end_mark.index].split())
            found.append(Key(name, default, comment(text, key, value)))
    return found


def comment(text: str, key: yaml.Node, value: yaml.Node | None = None) -> str:
    """The comment behind a key and its value, with the lines below it that hold nothing else and are set in deeper."""
    lines = text.splitlines()
    last = (value or key).end_mark
    behind = re.search(r"(?:^|\s)#\s?(.*)", lines[last.line][last.column :].removeprefix(":"))
    words = [behind[1]] if behind else []
    for line in lines[last.line + 1 :] if words else []:
        below = re.fullmatch(r"( *)# ?(.*)", line)
        if not below or len(below[1]) <= key.start_mark.column:
            break
        words.append(below[2])
    return " ".join(" ".join(words).split())


def grouped(command: str, width: int = 100) -> str:
    """The groups of a command as its help shows them, each with its choices."""
    names = groups_of(CONF / f"{command}.yaml")
    lines = [f"  {group}: {', '.join(sorted(f.stem for f in (CONF / group).glob('*.yaml')))}" for group in names]
    return "\n".join(text for line in lines for text in textwrap.wrap(line, width, subsequent_indent=" " * 6))


def described(group: str, width: int = 100) -> str:
    """The choices of a group, each with the first sentence of its file, without its source in brackets."""
    files = sorted((CONF / group).glob("*.yaml"))
    left = max(len(file.stem) for file in files) + 4
    says = [re.sub(r" \([^()]*\)", "", " ".join(head(file))).partition(". ")[0].rstrip(".:") for file in files]
    rows = [(f"  {file.stem}".ljust(left), sentence) for file, sentence in zip(files, says, strict=True)]
    return "\n".join(
        text for name, said in rows for text in textwrap.wrap(name + said, width, subsequent_indent=" " * left)
    )


def listed(command: str, width: int = 100) -> str:
    """The keys of a command as its help shows them: ``key=default``, and what each means beside it."""
    keys = own_keys(command)
    left = max(len(f"{key.name}={key.default}") for key in keys) + 4
    rows = []
    for key in keys:
        line = f"  {key.name}={key.default}".ljust(left)
        rows += textwrap.wrap(f"{line}{key.says}", width, subsequent_indent=" " * left, break_on_hyphens=False)
    return "\n".join(rows)


def own_keys(command: str) -> list[Key]:
    """The keys of a command at the top, without those of its groups."""
    return [key for key in keys_of(CONF / f"{command}.yaml") if "." not in key.name]


def explained(command: str, *, _root_: Any) -> str:
    """``listed``, for Hydra's template of help; below it the keys that the groups bring, as composed in ``_root_``.

    Not for ``train``, whose template has all keys in a place of its own.
    """
    text = listed(command)
    own = {key.name for key in own_keys(command)}
    below = [name for name in _root_ if name != "hydra" and name not in own] if command != "train" else []
    if below:
        text += f"\n\nThose of the groups:\n\n{OmegaConf.to_yaml(OmegaConf.masked_copy(_root_, below)).rstrip()}"
    return text.replace("$", "$$")  # a dollar sign is a name for the template
