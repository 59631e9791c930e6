"""What the pages of a run and of a sweep share: templates that escape all text, and the file that they become."""

import time
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gan_lightning.io.files import write_text
from gan_lightning.io.written import Written

TEMPLATES = Path(__file__).parent / "templates"
MARK = b'<meta name="generator" content="gan_lightning.report">'  # in the head of templates/base.html
HEAD = 1000  # bytes of a file within which it stands
NAME = "report.html"


def render(template: str, **values: Any) -> str:
    """The HTML of ``template`` with ``values``. Text from a stranger's files stays text: all of it is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(template).render(**values)


def check_replaceable(path: Path, key: str = "out") -> Path:
    """``path``, where nothing lies there, or a page of this project.

    Raises:
        ValueError: it is something else, which is not overwritten.
    """
    if path.is_symlink() or (path.exists() and not is_page(path)):
        raise ValueError(
            f"{key}={path} is there already, and is no page of this command: it is not overwritten. Name another file "
            f"with {key}=, or move it away."
        )
    return path


def save_page(page: str, out: Path, began: float | None = None) -> str:
    """Write a page to ``out``. Returns for the last line of a command: the path, whether something was replaced, the
    size, and the seconds since the ``time.perf_counter()`` of ``began``.

    Raises:
        ValueError: it cannot be written.
    """
    written = Written()
    try:
        write_text(written.add(out), page)
    except OSError as error:
        raise ValueError(
            f"out={out} cannot be written: {error.strerror or error}. Name another file with out=<file>."
        ) from error
    took = "" if began is None else f" in {time.perf_counter() - began:.0f} s"
    return f"{written}: {out.stat().st_size / 1e6:.1f} MB{took}"


def is_page(path: Path) -> bool:
    """Was the file written by this module?"""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return MARK in file.read(HEAD)
