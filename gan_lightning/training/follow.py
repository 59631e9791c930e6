"""What the processes of a game do that torchrun or srun started beside the first: play along, and write nothing."""

import logging
import re
from pathlib import Path

from omegaconf import OmegaConf

from gan_lightning.callbacks.libraries import silence_libraries
from gan_lightning.config.mistakes import explain
from gan_lightning.runs.checkpoint import read_checkpoint
from gan_lightning.runs.start import Start
from gan_lightning.training.processes import GONE, fit
from gan_lightning.training.ranks import Ranks, joined
from gan_lightning.training.setup import build_training
from gan_lightning.training.training import Training

FIRST_HAS_GONE = "the first process of the game has gone; what it said last tells why."  # for all of the others


def follow() -> None:
    """Play the game of the first process, in its run directory, to the end.

    Raises:
        ValueError: the first process has died, or this one cannot build the game.
        SystemExit: the first process has no game to play.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    ranks = joined()
    assert ranks is not None, "there is a first process"
    try:
        training = built(ranks)
        if training is None:
            raise SystemExit(1)  # the first process has printed why
        fit(training.trainer, training.gan, training.data, training.start.checkpoint, training.run)
    except RuntimeError as error:
        if not re.search(GONE, str(error)):
            ranks.tell_failure(error, explain(error).removeprefix("error: "))
            raise
        raise ValueError(FIRST_HAS_GONE) from error
    except Exception as error:
        ranks.tell_failure(error, explain(error).removeprefix("error: "))
        raise


def built(ranks: Ranks) -> Training | None:
    """Build the game that the first process has sent; None if it sent none. Its success or error is sent back."""
    game = ranks.hear("game")
    if game is None:
        return None
    silence_libraries()
    checkpoint = game["checkpoint"] and Path(game["checkpoint"])
    try:
        state = read_checkpoint(checkpoint) if checkpoint else None
        training = build_training(OmegaConf.create(game["config"]), Path(game["run"]), [], Start(checkpoint), state)
    except Exception as error:
        words = explain(error).removeprefix("error: ")
        ranks.tell(f"built/{ranks.rank}", f"{ranks.name()}: {words}")
        raise
    ranks.tell(f"built/{ranks.rank}", None)
    return training
