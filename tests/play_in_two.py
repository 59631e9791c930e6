"""One of two processes, started by test_processes.py: plays each game of games.json with Lightning's DDP over gloo.

    python play_in_two.py <folder> <rank>

With rank ``alone`` the same games in one process. Weights and the rows of data that were seen go to <folder>.
"""

import json
import os
import sys
from pathlib import Path

import torch
from lightning.pytorch import Callback

from gan_lightning.build import build_data, build_gan, make
from gan_lightning.cli import compose
from gan_lightning.train import quiet_libraries


class Seen(Callback):
    """Which samples this process was given: synthetic images are told apart by their pixels."""

    def __init__(self) -> None:
        self.sums: list[float] = []

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self.sums += batch[0].double().flatten(1).matmul(torch.arange(64).double().cos()).tolist()


def main(folder: Path, rank: str) -> None:
    torch.set_num_threads(1)
    quiet_libraries()
    more = ["trainer=cpu"]
    if rank != "alone":
        os.environ |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0",
                       "TORCHELASTIC_RUN_ID": "test", "GLOO_SOCKET_IFNAME": "lo"}  # fmt: skip
        more += ["devices=2", "trainer.strategy=ddp_find_unused_parameters_true"]
    for name, overrides in json.loads((folder / "games.json").read_text()).items():
        cfg = compose("train", [*overrides, *more])
        data = build_data(cfg)
        data.setup()
        torch.manual_seed(cfg.seed)
        gan = build_gan(cfg, data.source.shape)
        if rank == "alone":
            torch.save(gan.state_dict(), folder / f"{name}-start.pt")
        seen = Seen()
        steps = (cfg.d_steps + 1) * cfg.steps
        make(cfg.trainer, max_steps=steps, callbacks=[seen], logger=False).fit(gan, datamodule=data)
        torch.save(gan.state_dict(), folder / f"{name}-{rank}.pt")
        (folder / f"{name}-{rank}.json").write_text(json.dumps(seen.sums))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
