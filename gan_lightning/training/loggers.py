"""The loggers of a run: metrics.jsonl, which every run has, and what ``logger=`` chooses of Lightning's."""

import importlib.util
import json
import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from gan_lightning.config.build import make

PACKAGES = {"WandbLogger": "wandb", "MLFlowLogger": "mlflow"}  # Lightning's logger -> package, and extra, that it needs
MLFLOW = "sqlite:///mlflow.db"  # MLflow's own default; its files in folders are no longer maintained


def build_loggers(nodes: DictConfig, run: Path, begun: int | None) -> dict[str, Logger]:
    """The loggers of the configuration. Nothing is written, and nothing sent, before the first point.

    A run that goes on has in CSV a folder, in W&B and in MLflow a run of its own, which begins after the checkpoint's
    step and says so in its name; in TensorBoard and metrics.jsonl what came after that step is dropped.

    Args:
        nodes: name -> node of each.
        run: the run's directory.
        begun: G steps in the checkpoint from which it goes on; None where it begins.

    Raises:
        ValueError: one needs a package that is not installed.
    """
    own = {str(name): {"save_dir": str(run), **own_arguments(node, run, begun)} for name, node in nodes.items()}
    return {name: make(nodes[name], **arguments) for name, arguments in own.items()}


def own_arguments(node: DictConfig, run: Path, begun: int | None) -> dict[str, Any]:
    """What the logger of ``node`` is given beside the configuration."""
    kind = str(node.get("_target_")).rpartition(".")[2]
    if kind in PACKAGES and importlib.util.find_spec(PACKAGES[kind]) is None:
        package = PACKAGES[kind]
        raise ValueError(
            f"logger={package} needs a package that is not there: pip install 'gan-lightning[{package}]'. "
            "logger=csv needs none."
        )
    sitting = "" if begun is None else f"from-{begun}"
    name = "-".join(part for part in (run.resolve().name, sitting) if part)
    if kind == "TensorBoardLogger":
        return {} if begun is None else {"purge_step": begun + 1}
    if kind == "CSVLogger":
        return {"version": unused(run / node.get("name", ""), sitting)} if sitting else {}
    if kind == "WandbLogger":
        # where the command is typed, as W&B has it: it makes links that lead elsewhere, which a run must not have
        return {"save_dir": ".", **({} if node.get("name") else {"name": name})}
    if kind == "MLFlowLogger":
        place = node.get("tracking_uri") or os.environ.get("MLFLOW_TRACKING_URI", MLFLOW)
        return {"tracking_uri": place, **({} if node.get("run_name") else {"run_name": name})}
    return {}


def unused(folder: Path, name: str) -> str:
    """``name``, or with a number behind it where ``folder`` has that name: Lightning would empty it."""
    others = (f"{name}-{i}" for i in range(2, sys.maxsize))
    return name if not (folder / name).exists() else next(other for other in others if not (folder / other).exists())


def end_loggers() -> None:
    """End the run of W&B that this process has open, if any: the next job of a multirun would write into it."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish()


class JSONLines(Logger):
    """metrics.jsonl: one JSON object per logged step, the same numbers as TensorBoard's, for scripts.

    Appends to ``save_dir/metrics.jsonl``, a line at a time; the file is not kept open.
    """

    def __init__(self, save_dir: str) -> None:
        super().__init__()
        self.path = Path(save_dir) / "metrics.jsonl"

    @property
    def name(self) -> str:
        return "jsonl"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        with self.path.open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                file.write((json.dumps({"step": step, **metrics}) + "\n").encode())
            except OSError:
                file.truncate(before)  # no half a line when the disk is full
                raise

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: config.yaml has them."""
