"""The files that a verb wrote, for its last line: nothing is replaced without being named."""

from pathlib import Path


class Written:
    """``add`` each path just before it is written; as text, the list of them."""

    def __init__(self) -> None:
        self.paths: dict[Path, bool] = {}  # was there a file before?

    def add(self, path: Path) -> Path:
        self.paths.setdefault(path, path.exists())
        return path

    def __str__(self) -> str:
        return ", ".join(f"{path}{' (replaced)' if before else ''}" for path, before in self.paths.items())
