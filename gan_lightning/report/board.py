"""What TensorBoard gets from evaluate: the test numbers of a run, beside its best ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = "tensorboard"  # of a run directory


def show_test_numbers(directory: Path, measured: Mapping[str, Any]) -> None:
    """Write ``best_test/<number>`` at its G step; nothing where the run has no TensorBoard.

    The group is not that of any curve, and comes right behind ``best``: early in the hparams tab, which sorts by name.
    Of the generators that were measured the last: that of the best checkpoint, where there is one, and G's average.
    """
    folder = directory / FOLDER
    if not folder.is_dir() or not measured["checkpoints"]:
        return
    from torch.utils.tensorboard import SummaryWriter

    chosen = list(measured["checkpoints"].values())[-1]
    with SummaryWriter(str(folder)) as writer:
        for column in measured["measured"]:
            for key, value in column["values"].get(chosen["weights"], {}).items():
                writer.add_scalar(f"best_test/{key}", value, chosen["g_steps"])
