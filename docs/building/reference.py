"""The reference: ``{choices} loss`` is a section for each choice, ``{commands}`` one for each command.

What a key means is the comment beside it in its YAML; where there is none, what the class says of that argument.
"""

import pkgutil
import re
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from gan_lightning.config.explained import Key, groups_of, head, keys_of
from gan_lightning.config.where import CONF
from gan_lightning.io.plain import parse_yaml, read_text
from gan_lightning.io.tables import markdown_table

COMMANDS = ["train", *sorted(file.stem for file in CONF.glob("*.yaml") if file.stem != "train")]
RECIPES = ("experiment", "ablation", "without", "arm", "search")  # their files set keys of others: shown as they are
LAUNCHER = "hydra/launcher"
GROUPS = [LAUNCHER, *sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name != "hydra")]
CODE = re.compile(  # in a comment: a path, key=value, a name with an underscore
    r"((?:docs|conf|tests|gan_lightning)/[\w/.]*\w\.\w+|'?-?[A-Za-z_][\w./]*=(?:\[[^\]\s]*\]|[\w./*+-]*[\w*])?'?"
    r"|\$?[*\w]+_[*\w.]*[*\w]+)"
)


def choices(group: str) -> list[str]:
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


def prose(text: str) -> str:
    """A comment as Markdown: nothing in it is markup; paths, and words that can be typed, are code."""
    parts = CODE.split(re.sub(r"`([^`]*)`", r"\1", text))
    plain = [re.sub(r"([\\*_\[\]<>$|#~])", r"\\\1", part) for part in parts[::2]]
    code = [f"`{part}`" for part in parts[1::2]] + [""]
    return "".join(a + b for a, b in zip(plain, code, strict=True))


def cell(text: str) -> str:
    """A value as code in a table."""
    return f"`{text}`".replace("|", "\\|") if text else ""


@cache
def content(file: Path) -> dict[str, Any]:
    return dict(parse_yaml(read_text(file), file) or {})


def targets(file: Path) -> dict[str, str]:
    """Where in ``file`` ("" at its top) an object is built -> the name of its class or function."""
    found: dict[str, str] = {}

    def look(node: Any, prefix: str) -> None:
        if isinstance(node, dict):
            if "_target_" in node:
                found[prefix] = node["_target_"]
            for key, value in node.items():
                look(value, f"{prefix}.{key}".lstrip("."))

    look(content(file), "")
    return found


@cache
def arguments(target: str) -> dict[str, str]:
    """What the docstring of a class, its ``__init__`` or its parents says of each argument, under ``Args:``."""
    thing = pkgutil.resolve_name(target)
    said: dict[str, str] = {}
    for one in reversed(getattr(thing, "__mro__", [thing])):
        for doc in (one.__doc__, vars(one).get("__init__", one).__doc__):
            block = re.search(r"^Args:\n((?: +.*\n?|\n)+)", cleandoc(doc or ""), re.MULTILINE)
            each = re.compile(r"^ {4}(\w+): ((?:.+\n?)(?: {5,}.*\n?)*)", re.MULTILINE)
            for name, words in each.findall(block[1] if block else ""):
                said[name] = " ".join(words.replace("``", "").split())
    return said


def meaning(key: Key, built: dict[str, str]) -> str:
    """The comment beside ``key``, or what the class that takes it says."""
    place, _, name = key.name.rpartition(".")
    ours = built.get(place, "").startswith("gan_lightning.")
    return key.says or (arguments(built[place]).get(name, "") if ours else "")


def table(keys: list[Key], prefix: str, built: dict[str, str]) -> str:
    shown = [key for key in keys if key.default or key.says]
    rows = [[cell(prefix + key.name), cell(key.default), prose(meaning(key, built))] for key in shown]
    return markdown_table(["key", "default", "what it is"], rows) if rows else ""


def introduction(lines: list[str]) -> str:
    """The words that a file begins with: commands in them stand as code, a bare ``#`` parts paragraphs."""
    blocks, commands = [[]], []
    for line in lines:
        if line.startswith("  "):
            commands.append(line.strip())
        elif line.strip():
            blocks[-1].append(line.strip())
        else:
            blocks.append([])
    words = [prose(" ".join(block)) for block in blocks if block]
    typed = ["```text\n" + "\n".join(commands) + "\n```"] if commands else []
    return "\n\n".join(words + typed)


def typed(group: str, choice: str) -> str:
    return f"technique=[{choice}]" if group == "technique" else f"{group}={choice}"


def choice_section(group: str, choice: str) -> str:
    file = CONF / group / f"{choice}.yaml"
    text, built = file.read_text(), targets(file)
    parts = [f"## `{typed(group, choice)}`", introduction(head(file))]
    parents = [name for name in content(file).get("defaults", []) if isinstance(name, str) and name != "_self_"]
    if parents and group not in (*RECIPES, LAUNCHER):
        parts.append("As " + ", ".join(f"`{typed(group, name)}`" for name in parents) + ", but for the keys below.")
    made = sorted({name for name in built.values() if name.startswith("gan_lightning.")})
    if made:
        parts.append("Built of: " + ", ".join(f"{{py:obj}}`{name}`" for name in made))
    if group in RECIPES:
        body = "\n".join(line for line in text.splitlines() if not line.startswith("#")).strip()
        parts.append(f"It sets\n\n```yaml\n{body}\n```" if body else "It sets nothing.")
    else:
        whole = "# @package _global_" in text
        keys = [k for k in keys_of(file) if not (whole and k.name.startswith(f"{group}."))]
        built = {place.removeprefix(group).lstrip("."): name for place, name in built.items()} if whole else built
        parts.append(table(keys, "" if whole else f"{group.replace('/', '.')}.", built))
    for beside in sorted((CONF / group / choice).glob("*.yaml")):
        values = ", ".join(f"`{key.name}={key.default}`" for key in keys_of(beside))
        parts.append(f"Beside `network={beside.stem}`: {values}. {prose(' '.join(head(beside)))}")
    parts.append(f"File: `conf/{group}/{choice}.yaml`")
    return "\n\n".join(part for part in parts if part)


def group_sections(group: str) -> str:
    return "\n\n".join(choice_section(group, choice) for choice in choices(group))


def command_section(command: str) -> str:
    file = CONF / f"{command}.yaml"
    header = content(file).get("hydra", {}).get("help", {}).get("header", "")
    said = cleandoc(header or content(CONF / "hydra" / "help" / f"{command}.yaml")["header"])
    first, _, rest = said.partition("\n")
    parts = [f"## `{command}`", prose(first)]
    parts.append(f"```text\n{cleandoc(rest.split('Groups')[0])}\n```")  # the groups are linked below
    groups = groups_of(file)
    if groups:
        chosen = {name: str(value).replace("'", "").replace("None", "null") for name, value in groups.items()}
        defaults = [[f"[{name}](groups/{name}.md)", cell(value)] for name, value in chosen.items()]
        parts.append(markdown_table(["group", "default"], defaults))
    parts.append(table([k for k in keys_of(file) if k.name not in groups or k.says], "", {}))
    parts.append(f"File: `conf/{command}.yaml`")
    return "\n\n".join(part for part in parts if part)


def command_sections() -> str:
    return "\n\n".join(command_section(command) for command in COMMANDS)


class Choices(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(group_sections(self.arguments[0]), allow_section_headings=True)


class Commands(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(command_sections(), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("choices", Choices)
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
