"""Games of several spawned processes: which one is gone, told in a sentence, and what they wrote, gathered."""

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

GONE = r"[Cc]onnection (was likely )?(closed|reset|refused)|NCCL"  # what a process is told whose partner has gone


class CheckedReading(TorchCheckpointIO):
    """Lightning reads the checkpoint ``resume`` as everybody here does; other files are its own."""

    def __init__(self, resume: Path) -> None:
        self.resume = resume

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return (
            read_checkpoint(self.resume)
            if Path(path) == self.resume
            else super().load_checkpoint(path, *args, **kwargs)
        )


def fit(trainer: Trainer, gan: GAN, data: GANData, resume: Path | None, run: Path, ranks: Ranks | None = None) -> None:
    """Play, from the checkpoint ``resume`` if there is one; with ``ranks``, beside the other processes that are there.

    Raises:
        ValueError: a process is gone, or what it raised.
        NotFinite, OSError: a process raised that.
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
        if re.search(GONE, words):  # who is told of it first is chance
            raise ValueError(lost_process(run, f"one of the {trainer.world_size} processes has gone")) from error
        raise KINDS.get(kind.rpartition(".")[2], ValueError)(words or kind) from error
    except RuntimeError as error:
        if ranks is None or not re.search(GONE, str(error)):
            raise
        raise ranks.failure() or ValueError(
            lost_process(run, f"one of the {ranks.world} processes has gone")
        ) from error


def lost_process(run: Path, what: str) -> str:
    """What is said when a process of a game of several is gone."""
    return (
        f"{what}, and the others with it. SIGKILL often comes from the system when memory runs out: then a smaller "
        f"batch_size or fewer devices. To go on: {resume_command(run)}"
    )


def gather_results(gan: Any, evaluation: Any, run: Path, begun: int = 0) -> None:
    """What spawned processes counted and measured, from the files they wrote after ``begun`` G steps."""
    last = read_checkpoint(run / "checkpoints" / "last.ckpt")
    gan.on_load_checkpoint(last)
    if kept := last.get("callbacks", {}).get(evaluation.state_key):
        evaluation.load_state_dict(kept)  # with the best of the sittings before
    lines = (run / "metrics.jsonl").read_text().splitlines() if (run / "metrics.jsonl").is_file() else []
    for line in lines:
        entry = json.loads(line)
        if entry["step"] <= begun:
            continue  # of a sitting before this one, and perhaps a stranger's
        gan.numbers |= {key: value for key, value in entry.items() if key != "step"}
        evaluation.improved(entry, entry["step"])
