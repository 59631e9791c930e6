"""The files that a command wrote and replaced, for its last line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Written:
    """Call ``add`` with each path just before it is written; ``str()`` lists those that were, and which it replaced."""

    def __init__(self) -> None:
        self.before: dict[Path, int | None] = {}  # when the file was modified before; None if it did not exist

    def add(self, path: Path) -> Path:
        self.before.setdefault(path, modified_at(path))
        return path

    @contextmanager
    def watch(self, folder: Path) -> Iterator[None]:
        """Add every file below ``folder`` that is written within the block."""
        for path in files(folder):
            self.add(path)
        yield
        for path in files(folder):
            self.before.setdefault(path, None)

    def __str__(self) -> str:
        written = {path: before for path, before in self.before.items() if modified_at(path) != before}
        return ", ".join(f"{path}{'' if before is None else ' (replaced)'}" for path, before in written.items())


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def modified_at(path: Path) -> int | None:
    """Time of the last change in nanoseconds; None if there is no such file."""
    return path.stat().st_mtime_ns if path.exists() else None
