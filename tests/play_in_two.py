"""The same games in one process and in two, for test_processes.py and drift.py.

    python play_in_two.py <folder> alone        or        python play_in_two.py <folder> <rank>

plays each game of <folder>/games.json: by itself, or as one of two processes with Lightning's DDP over gloo. It writes
the weights after the chosen G steps, and a number for each sample that it was given, into <folder>.
"""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import torch
from commands import Command
from lightning.pytorch import Callback
from omegaconf import OmegaConf

from gan_lightning.callbacks.libraries import silence_libraries
from gan_lightning.config.build import build_data, build_gan, make
from gan_lightning.config.compose import compose

ROOT = Path(__file__).parent.parent
State = dict[str, torch.Tensor]
Kept = dict[int, State]


def game(overrides: list[str], keep: list[int], start: int = 0) -> dict[str, Any]:
    """A game of games.json.

    Args:
        overrides: of ``train``.
        keep: G steps after which the state is kept.
        start: the two processes begin from the state of the one after so many G steps.
    """
    return {"overrides": overrides, "keep": keep, "start": start}


def play_both(folder: Path, games: dict[str, dict[str, Any]]) -> None:
    """Play ``games``, by name, in one process, then in two at once; their files are in ``folder``."""
    for name, plan in games.items():  # composed once for the three processes
        OmegaConf.save(compose("train", [*plan["overrides"], "trainer=cpu"]), folder / f"{name}.yaml")
    (folder / "games.json").write_text(json.dumps(games))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for ranks in (["alone"], ["0", "1"]):
        started = [Command(Path.cwd(), str(folder), rank, module="play_in_two", **env) for rank in ranks]
        try:
            for process in started:
                code, text = process.end(600)
                assert code == 0, text
        finally:  # a process whose partner has failed would wait for it for ever
            for process in started:
                process.process.kill()


def kept(folder: Path, name: str, rank: str) -> Kept:
    """G steps -> state of a game, as the process ``rank`` ("alone", "0" or "1") wrote them."""
    return torch.load(folder / f"{name}-{rank}.pt")


def farthest(one: State, other: State, prefix: str = "") -> float:
    """The largest difference of two states with the same keys, over the keys that begin with ``prefix``."""
    return max((one[k].double() - other[k].double()).abs().max().item() for k in one if k.startswith(prefix))


class Keep(Callback):
    """Keeps the states after the G steps ``keep``, and a number for each sample that this process was given."""

    def __init__(self, keep: list[int], start: int, file: Path | None) -> None:
        self.keep, self.start, self.file = keep, start, file
        self.states: Kept = {}
        self.sums: list[float] = []

    def look(self, trainer, module) -> None:
        done = module.g_steps_done
        if done in (0, self.start, *self.keep):
            self.states[done] = {name: value.clone() for name, value in module.state_dict().items()}
        if done == self.start and self.file is not None:
            trainer.save_checkpoint(self.file)

    def on_train_start(self, trainer, module):
        self.look(trainer, module)

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        flat = batch[0][0].double().flatten(1)
        self.sums += flat.matmul(torch.arange(flat.shape[1]).double().cos()).tolist()

    def on_train_batch_end(self, trainer, module, *args):
        self.look(trainer, module)


def main(folder: Path, rank: str) -> None:
    torch.set_num_threads(1)
    silence_libraries()
    alone = rank == "alone"
    if not alone:
        os.environ |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0",
                       "TORCHELASTIC_RUN_ID": "test", "GLOO_SOCKET_IFNAME": "lo"}  # fmt: skip
    for name, plan in json.loads((folder / "games.json").read_text()).items():
        keep, start = plan["keep"], plan["start"]
        cfg = OmegaConf.load(folder / f"{name}.yaml")
        if not alone:
            cfg.devices, cfg.trainer.strategy = 2, "ddp_find_unused_parameters_true"
        data = build_data(cfg)
        data.setup()
        torch.manual_seed(cfg.seed)
        gan = build_gan(cfg, data.source.shape, labelled=data.known, class_counts=data.class_counts)
        begin = folder / f"{name}.ckpt"
        look = Keep(keep, start, begin if alone and start else None)
        trainer = make(cfg.trainer, max_steps=(cfg.d_steps + 1) * max(keep), callbacks=[look], logger=False)
        trainer.fit(gan, datamodule=data, ckpt_path=begin if start and not alone else None, weights_only=True)
        torch.save(look.states, folder / f"{name}-{rank}.pt")
        (folder / f"{name}-{rank}.json").write_text(json.dumps(look.sums))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
