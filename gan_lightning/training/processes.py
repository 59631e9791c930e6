"""Games of several processes: one sentence where a process has died, and the results of spawned processes."""

import json
import re
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from gan_lightning.config.launch import resume_command
from gan_lightning.data.arrays import GANData
from gan_lightning.game.module import GAN
from gan_lightning.runs.checkpoint import read_checkpoint
from gan_lightning.training.ranks import KINDS, Ranks

GONE = r"[Cc]onnection (was likely )?(closed|reset|refused)|NCCL"  # in the error of a process when another has died


class CheckedReading(TorchCheckpointIO):
    """Lets Lightning read the checkpoint ``resume`` with this project's checks; other files as it always does."""

    def __init__(self, resume: Path) -> None:
        self.resume = resume

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return (
            read_checkpoint(self.resume)
            if Path(path) == self.resume
            else super().load_checkpoint(path, *args, **kwargs)
        )


def fit(trainer: Trainer, gan: GAN, data: GANData, resume: Path | None, run: Path, ranks: Ranks | None = None) -> None:
    """Play the game, from the checkpoint ``resume`` if there is one.

    Args:
        ranks: the other processes, in the first one of those that torchrun or srun started; else None.

    Raises:
        ValueError: a process has died, or raised an error of another kind than the two below.
        NotFinite, OSError: a process raised it.
    """
    if resume is not None:
        trainer.strategy.checkpoint_io = CheckedReading(resume)
    try:
        trainer.fit(gan, datamodule=data, ckpt_path=resume, weights_only=True if resume is not None else None)
    except ProcessExitedException as error:
        why = f"was ended by {error.signal_name}" if error.signal_name else f"ended with {error.exit_code}"
        raise ValueError(lost_process(run, f"process {error.error_index + 1} of {trainer.world_size} {why}")) from error
    except ProcessRaisedException as error:  # its text is the process's traceback
        kind, _, words = str(error).strip().splitlines()[-1].partition(": ")
        if re.search(GONE, words):  # which process Lightning names, the dead one or another, is chance
            raise ValueError(lost_process(run, f"one of the {trainer.world_size} processes has gone")) from error
        raise KINDS.get(kind.rpartition(".")[2], ValueError)(words or kind) from error
    except RuntimeError as error:
        if ranks is None or not re.search(GONE, str(error)):
            raise
        raise ranks.failure() or ValueError(
            lost_process(run, f"one of the {ranks.world} processes has gone")
        ) from error


def lost_process(run: Path, what: str) -> str:
    """The sentence for a process that has died: ``what`` says which and how."""
    return (
        f"{what}, and the others with it. SIGKILL often comes from the system when memory runs out: then a smaller "
        f"batch_size or fewer devices. To go on: {resume_command(run)}"
    )


def gather_results(gan: Any, evaluation: Any, run: Path, begun: int = 0) -> None:
    """Put the counters and numbers of spawned processes into ``gan`` and ``evaluation`` of this one.

    They are read from last.ckpt, and from the lines of metrics.jsonl after ``begun`` G steps, where the run went on.
    """
    last = read_checkpoint(run / "checkpoints" / "last.ckpt")
    gan.on_load_checkpoint(last)
    if kept := last.get("callbacks", {}).get(evaluation.state_key):
        evaluation.load_state_dict(kept)
    lines = (run / "metrics.jsonl").read_text().splitlines() if (run / "metrics.jsonl").is_file() else []
    for line in lines:
        entry = json.loads(line)
        if entry["step"] <= begun:
            continue  # written before the run was resumed, perhaps by a stranger
        gan.numbers |= {key: value for key, value in entry.items() if key != "step"}
        evaluation.improved(entry, entry["step"])
