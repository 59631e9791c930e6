"""metrics.jsonl: one JSON object per logged step, the same numbers as TensorBoard's, for scripts."""

import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only


class JSONLines(Logger):
    """Appends to ``save_dir/metrics.jsonl``; every line is whole when it is written."""

    def __init__(self, save_dir: str) -> None:
        super().__init__()
        self.path = Path(save_dir) / "metrics.jsonl"
        self.file: IO[str] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Spawned processes open the file for themselves."""
        return {**self.__dict__, "file": None}

    @property
    def name(self) -> str:
        return "jsonl"

    @property
    def version(self) -> str:
        return ""

    @property
    @rank_zero_experiment
    def experiment(self) -> IO[str]:
        if self.file is None:
            self.file = self.path.open("a", buffering=1)
        return self.file

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.experiment.write(json.dumps({"step": step, **metrics}) + "\n")

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """config.yaml has them."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None
