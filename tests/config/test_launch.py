"""What is typed to go on names who started the processes: alone, the command would be refused or play another game."""

import errno
import json
import logging
import signal
import sys
from types import SimpleNamespace

import pytest

from gan_lightning.config.launch import resume_command
from gan_lightning.runs.record import record
from gan_lightning.training.announce import announce_end
from gan_lightning.training.processes import lost_process

STARTERS = {
    "alone": ({}, "python -m gan_lightning.train"),
    "torchrun, one machine": (
        {"TORCHELASTIC_RUN_ID": "none", "RANK": "0", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "8"},
        "torchrun --nproc-per-node=8 -m gan_lightning.train",
    ),
    "torchrun": (
        {"TORCHELASTIC_RUN_ID": "none", "RANK": "0", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"},
        "torchrun --nnodes=2 --nproc-per-node=4 ... -m gan_lightning.train",
    ),
    "srun": (
        {"SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_NTASKS": "6", "SLURM_STEP_NUM_NODES": "3"},
        "srun --nodes=3 --ntasks=6 python -m gan_lightning.train trainer.num_nodes=3",
    ),
    "srun, games of their own": (
        {"SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_NTASKS": "6"},
        "python -m gan_lightning.train",
    ),
}


@pytest.fixture(params=STARTERS)
def command(request, monkeypatch) -> str:
    """How the command to go on begins, in a process that was started so."""
    told, begins = STARTERS[request.param]
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    typed = ["trainer.num_nodes=3"] if request.param == "srun" else []
    monkeypatch.setattr(sys, "argv", ["train.py", *typed, "devices=6"])
    return begins


def test_every_remedy_names_the_starter(command, tmp_path, caplog, tiny):
    run = tmp_path / "my run"
    whole = f"{command} 'resume={run}'"
    assert resume_command(run) == whole
    assert lost_process(run, "one of the 2 processes has gone").endswith(f"To go on: {whole}")

    run.mkdir()
    stopped = SimpleNamespace(
        run=run, shown=run, cfg=tiny("steps=9"), judge=None, loggers={},
        gan=SimpleNamespace(g_steps_done=3, numbers={}),
        data=SimpleNamespace(source=SimpleNamespace(name="none", shape=(1, 3, 3))),
    )  # fmt: skip
    with caplog.at_level(logging.INFO):
        announce_end(stopped, {"status": "stopped", "by": signal.SIGTERM.name, "seconds": 1.0})
    assert f"SIGTERM came after 3 of 9 G steps; to go on:\n       {whole}\n" in "\n".join(caplog.messages) + "\n"

    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(ValueError, match="cannot be written any more") as told, record(run, tiny(), None, ["steps=9"]):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(told.value).endswith(f"Its checkpoints are whole; then: {whole}")
    began = json.loads((run / "record.json").read_text())["command"]
    assert began == f"{command.removesuffix(' trainer.num_nodes=3')} steps=9", "and so does the record"
