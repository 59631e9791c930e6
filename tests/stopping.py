"""Runs that are stopped and go on: a callback that stops them, and comparisons of what they leave."""

import json

import torch
from conftest import TINY
from lightning.pytorch import Callback
from omegaconf import OmegaConf

from gan_lightning.config.compose import compose
from gan_lightning.runs.start import Start, start_of_job
from gan_lightning.training.setup import train

OPTIONS = ["steps=12", "d_steps=2", "log_every=1", "checkpoint_every=5", "schedule=linear", "network.D.dropout=0.3",
           "technique=[ema,historical_averaging,spectral_norm]"]  # fmt: skip


def config(*overrides):
    return compose("train", [*TINY, *OPTIONS, *overrides])


def played(folder, cfg=None, name="straight", **options):
    """Play a run, with ``options`` of ``setup.train``. Returns its directory."""
    run = folder / name
    run.mkdir(exist_ok=True)
    train(cfg or config(), run, **options)
    return run


def straight_and_stopped(folder, cfg, at: int):
    """The directories of a run that was not stopped, and of the same run stopped after D step ``at`` and resumed."""
    stopped = played(folder, cfg, "stopped", extra_callbacks=[Stop(at)])
    start = Start(stopped / "checkpoints" / "last.ckpt")
    return [played(folder, cfg), played(folder, cfg, "stopped", start=start)]


class Stop(Callback):
    """Ends a run after D step ``at``, as a SIGTERM in that step does."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_train_batch_end(self, trainer, module, *args) -> None:
        if module.d_steps_done == self.at:
            trainer.should_stop = True


def checkpoint(run, name="last.ckpt"):
    return torch.load(run / "checkpoints" / name, weights_only=True)


def lines(run):
    """metrics.jsonl, without speeds."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith("speed/")} for line in found]


def same(a, b) -> bool:
    """Are two nested states equal to the last bit?"""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def of_job(run, resume: str | None, steps: int = 12, sweep: str | None = None) -> Start | None:
    """How a job of these keys starts in ``run``."""
    return start_of_job(OmegaConf.create({"resume": resume, "continue": sweep, "steps": steps}), run)


def flip(path, at: float) -> None:
    """Flip a bit of the file, after the share ``at`` of its bytes."""
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= 16
    path.write_bytes(bytes(data))


def set_status(run, **values) -> None:
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**status, **values}))
