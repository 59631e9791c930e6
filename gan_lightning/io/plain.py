"""Reading the small files of a run as plain data, safely where the run comes from a stranger.

Plain data are dicts with string keys, lists, strings, numbers, booleans and None. A file has to be a regular file (no
link) of modest size, without YAML tags, anchors, merge keys or duplicate keys; interpolations stay strings.
"""

import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

SMALL = 2**20  # bytes of a configuration or a record
LARGE, LINE = 2**28, 2**16  # bytes of metrics.jsonl, and of a line of it
DEPTH, NODES, LENGTH = 30, 50_000, 10_000  # depth of nesting; values in a file; characters in a string

# CONTROL: characters that move a terminal's cursor, change its colours or reverse the direction of the text; and lone
# surrogates (HALF), by which Python represents bytes of a file's name that are not UTF-8, and which cannot be encoded.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
HALF = re.compile("[\ud800-\udfff]")

# Names that only files have in a run directory, and names that only folders have.
FILES = {"config.yaml", "record.json", "status.json", "alarms.json", "metrics.json", "metrics.jsonl", "train.log",
         ".lock", "last.ckpt"}  # fmt: skip
# Written on under their own names; so is metrics.jsonl, which a resumed run first replaces by a file of its own. All
# other files are written as `files.whole` does.
IN_PLACE = ("train.log", "multirun.yaml")
FOLDERS = {"checkpoints", "samples", "tensorboard"}


def printable(text: str) -> str:
    """``text`` without control characters; line breaks and tabs stay."""
    return CONTROL.sub("", text)


def read_bytes(path: Path, limit: int = SMALL) -> bytes:
    """The content of a regular file that is no link.

    Raises:
        ValueError: it is something else, larger than ``limit`` bytes, or cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 (a descriptor)
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ValueError(f"{path} is not a regular file. Put the file itself there.")
            if found.st_size > limit:
                raise ValueError(f"{path} must not exceed {limit} bytes, got {found.st_size}. It is not a run's file.")
            content = file.read(limit + 1)
    except OSError as error:
        why = "it is a link" if path.is_symlink() else error.strerror or error
        raise ValueError(f"{path} cannot be read: {why}. Put the file itself there.") from error
    return content[:limit]


def read_text(path: Path, limit: int = SMALL) -> str:
    """As ``read_bytes``, decoded from UTF-8."""
    try:
        return read_bytes(path, limit).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8 (byte {error.start}). Restore it.") from error


class PlainLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's safe loader, which also refuses a mapping with a key that is no string or is there twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise ValueError(f"the key {str(key.value)[:80]!r} is no string")
            if key.value in seen:
                raise ValueError(f"the key {key.value[:80]!r} is there twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep=True)  # type: ignore[no-any-return]


PlainLoader.add_implicit_resolver(  # 1e-5 is a number, as on the command line
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def check_events(text: str) -> None:
    """Refuse YAML that would be much larger in memory than as text, before any object is made. Raises ValueError."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, PlainLoader)):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError("anchors and aliases are not allowed")
        if getattr(event, "tag", None):
            raise ValueError(f"the tag {event.tag} is not allowed")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > LENGTH:  # 1:1:1... is a number to the base of 60
            raise ValueError(f"a string has {len(event.value)} characters")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH or count > 2 * NODES:
            raise ValueError("it is nested too deeply or too long")


def plain(value: Any) -> Any:
    """A copy of ``value``, which must be plain data.

    Raises:
        ValueError: it holds something else, or exceeds DEPTH, NODES or LENGTH.
    """
    left = [NODES]

    def copy(value: Any, depth: int) -> Any:
        left[0] -= 1
        if depth > DEPTH or left[0] < 0:
            raise ValueError("it is nested too deeply or too long")
        if type(value) is dict:
            if odd := [key for key in value if type(key) is not str or len(key) > LENGTH or HALF.search(key)]:
                raise ValueError(f"the key {str(odd[0])[:80]!r} is no string")
            return {key: copy(child, depth + 1) for key, child in value.items()}
        if type(value) is list:
            return [copy(child, depth + 1) for child in value]
        if type(value) is str and len(value) > LENGTH:
            raise ValueError(f"a string has {len(value)} characters")
        if type(value) is str and HALF.search(value):
            raise ValueError("a string holds half a character")
        if type(value) is int and value.bit_length() > 64:
            raise ValueError("a whole number needs more than 64 bits")
        if value is None or type(value) in (str, int, float, bool):
            return value
        raise ValueError(f"{str(value)[:80]!r} is a {type(value).__name__}, not a string, a number or true or false")

    return copy(value, 0)


def parse_yaml(text: str, origin: Path) -> Any:
    """Plain data of a YAML text. Raises ValueError that names ``origin``."""
    try:
        check_events(text)
        return plain(yaml.load(text, PlainLoader))
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise ValueError(f"{origin} is not plain YAML: {first_line(error)}. Restore it.") from error


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        ValueError: names the file and what is wrong with it.
    """
    found = parse_yaml(read_text(path), path)
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold names and values, got {type(found).__name__}. Restore it.")
    return found


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds. Raises ValueError as ``read_yaml``."""
    try:
        found = plain(json.loads(read_text(path)))
    except (ValueError, RecursionError) as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path} is not plain JSON: {first_line(error)}. Restore it.") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold names and values, got {type(found).__name__}. Restore it.")
    return found


def first_line(error: BaseException) -> str:
    """The first line of an error's text, to be quoted in one of ours; the first two where the first ends in a colon."""
    lines = printable(str(error)).strip().splitlines() or [type(error).__name__]
    return (" ".join(lines[:2]) if lines[0].endswith(":") else lines[0]).rstrip(".")


def check_links(run: Path, names: Sequence[str] = ("**/*",), *, itself: bool = False, played: bool = False) -> None:
    """Refuse a run directory from which a link leads outside, before anything is written into it.

    Args:
        run: the directory.
        names: glob patterns of what is looked at in it.
        itself: ``run`` must not be a link either; False where a person typed its name.
        played: the run will be played, so the files IN_PLACE must have no second name (a hard link) outside of it.

    Raises:
        ValueError: names a link that leads outside, what is neither file nor folder, or one in place of the other.
    """
    if itself and run.is_symlink():
        raise ValueError(f"{run} is a link, and what is written there would go elsewhere. Remove it.")
    for path in sorted({p for name in names for p in (inside(run) if name == "**/*" else run.glob(name))}):
        mode, links = path.lstat().st_mode, path.lstat().st_nlink
        if played and path.name in IN_PLACE and stat.S_ISREG(mode) and links > 1:
            raise ValueError(
                f"{path} is a hard link to a file that has another name, and a run writes on in it. Put a copy there."
            )
        if stat.S_ISLNK(mode) and not stays_below(path, run):
            raise ValueError(
                f"{path} is a link that leads out of the run, and a run's files are written through its links. "
                "Put what it points to there."
            )
        if not (stat.S_ISLNK(mode) or stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise ValueError(f"{path} is neither a file nor a folder, which a run does not have. Remove it.")
        in_place = "**/*" in names and path.parent in (run, run / "checkpoints")
        if in_place and path.name in (FILES if path.is_dir() else FOLDERS):
            what, other = ("a folder", "file") if path.is_dir() else ("a file", "folder")
            raise ValueError(f"{path} is {what}, and a run has a {other} of that name. Move it away.")


def inside(folder: Path, depth: int = DEPTH) -> Iterator[Path]:
    """Every path below ``folder``; links are not followed, and folders that cannot be read are left out.

    Raises:
        ValueError: folders are nested ``depth`` deep or deeper.
    """
    todo = [(folder, depth)]
    while todo:
        here, left = todo.pop()
        if not left:
            raise ValueError(f"{str(here)[:200]} has {depth} folders in one another, which a run does not have. "
                             "Remove them.")  # fmt: skip
        with suppress(OSError), os.scandir(here) as entries:
            for entry in entries:
                yield here / entry.name
                if entry.is_dir(follow_symlinks=False):
                    todo.append((here / entry.name, left - 1))


def stays_below(link: Path, folder: Path) -> bool:
    """Does ``link`` lead to something in ``folder``?"""
    try:
        return link.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a circle of links
        return False
