"""Files that are whole or not there: written beside their name, synced to the disk, renamed."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the name ``path`` when it is complete. A reader never sees half of it.

    Its bytes reach the disk before its name does, and the name is on the disk when this returns.

    Raises:
        OSError: has the file's name. ``path`` is as it was before, and the unfinished file is removed.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        with part.open("xb") as file:  # through no link
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)  # a full disk gets its space back
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)
        raise


def sync_folder(folder: Path) -> None:
    """Put the names in ``folder`` on the disk, where the system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Put ``text`` into ``path`` as UTF-8, as ``whole`` does."""
    with whole(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Put ``value`` into ``path`` as indented JSON, as ``whole`` does."""
    write_text(path, json.dumps(value, indent=2) + "\n")
