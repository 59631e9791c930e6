"""The files that a verb wrote, for its last line: nothing is replaced without being named."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Written:
    """``add`` each path just before it is written; as text, the list of those that were."""

    def __init__(self) -> None:
        self.before: dict[Path, int | None] = {}  # when what had that name was written; None if nothing had

    def add(self, path: Path) -> Path:
        self.before.setdefault(path, changed(path))
        return path

    @contextmanager
    def watch(self, folder: Path) -> Iterator[None]:
        """Take note of all that is written below ``folder`` meanwhile."""
        for path in files(folder):
            self.add(path)
        yield
        for path in files(folder):
            self.before.setdefault(path, None)

    def __str__(self) -> str:
        written = {path: before for path, before in self.before.items() if changed(path) != before}
        return ", ".join(f"{path}{'' if before is None else ' (replaced)'}" for path, before in written.items())


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def changed(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None
