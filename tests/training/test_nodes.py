"""Games whose processes torchrun or srun started, on several machines: the rules for the numbers, and a game played."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from commands import done
from conftest import TINY
from omegaconf import OmegaConf
from play_in_two import farthest

from gan_lightning.callbacks.finite import NotFinite
from gan_lightning.callbacks.signals import Signals
from gan_lightning.config.launch import Launch, choose_ddp, launch
from gan_lightning.runs.start import Start, arguments
from gan_lightning.training.follow import built
from gan_lightning.training.ranks import Ranks, leading
from gan_lightning.training.training import Training

SMOOTH = ["network=points", "network.G.hidden=[16]", "network.D.hidden=[16]"]  # neither BatchNorm nor dropout


def state(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def torchrun(monkeypatch, rank: int = 0, world: int = 2, local: int = 1) -> None:
    told = {"TORCHELASTIC_RUN_ID": "none", "RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": local}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))


def srun(monkeypatch, *words: str, tasks: int = 2, nodes: int = 2) -> None:
    for name, value in {"STEP_ID": 0, "PROCID": 1, "NTASKS": tasks, "STEP_NUM_NODES": nodes}.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    monkeypatch.setattr(sys, "argv", ["train.py", *words])


def test_a_process_knows_who_started_it(monkeypatch):
    assert launch() is None
    srun(monkeypatch, "seed=1")
    assert launch() is None, "tasks of srun may be games of their own"
    srun(monkeypatch, "trainer.num_nodes=2")
    assert launch() == Launch("srun", rank=1, world=2, nodes=2)
    srun(monkeypatch, "trainer.num_nodes=1", tasks=1)
    assert launch() is None
    torchrun(monkeypatch, rank=3, world=6, local=3)
    assert launch() == Launch("torchrun", rank=3, world=6, nodes=2)
    torchrun(monkeypatch, world=1)
    assert launch() is None


@pytest.mark.parametrize(
    ("words", "world", "local", "error"),
    [
        (["devices=1"], 2, 1, "that torchrun started, 2 and 2; got devices=1 and trainer.num_nodes=1. "
         "Write devices=2 trainer.num_nodes=2"),
        (["devices=4", "trainer.num_nodes=2"], 4, 4, "started, 4 and 1; got devices=4 and trainer.num_nodes=2"),
        (["devices=4", "trainer.num_nodes=3"], 0, 0, "devices must be a multiple of trainer.num_nodes.*"
         "got devices=4 and trainer.num_nodes=3. Write devices=3"),
        (["devices=4", "trainer.num_nodes=2"], 0, 0, "processes that torchrun or srun started on each machine.*"
         "Write torchrun --nnodes=2 --nproc-per-node=2"),
        (["devices=1", "trainer.num_nodes=2"], 0, 0, "multiple of trainer.num_nodes.*Write devices=2"),
    ],
)  # fmt: skip
def test_numbers_that_do_not_fit_are_refused(tiny, monkeypatch, words, world, local, error):
    if world:
        torchrun(monkeypatch, world=world, local=local)
    with pytest.raises(ValueError, match=error):
        choose_ddp(tiny(*words))


def test_devices_are_the_processes_of_all_machines(tiny, monkeypatch):
    torchrun(monkeypatch, world=4, local=2)
    for words in (["trainer=ddp"], []):
        cfg = tiny(*words, "devices=4", "trainer.num_nodes=2")
        choose_ddp(cfg)
        assert (cfg.devices, cfg.trainer.devices, cfg.trainer.num_nodes) == (4, 2, 2)
        assert cfg.trainer.strategy == "ddp_find_unused_parameters_true", "nobody is spawned: all are there"
        assert "plugins" not in cfg.trainer
    cfg = tiny("devices=4", "trainer.num_nodes=2", "+trainer.plugins=[]", "trainer.strategy=fsdp")
    choose_ddp(cfg)
    assert cfg.trainer.strategy == "fsdp", "what was typed stays"


def test_a_multirun_is_no_game_of_theirs(monkeypatch):
    torchrun(monkeypatch)
    assert arguments(["train.py", "steps=2"]) == ["train.py", "steps=2"]
    with pytest.raises(ValueError, match="torchrun starts the processes of one game, got a multirun"):
        arguments(["train.py", "-m", "seed=0,1"])


class Said(Ranks):
    """As a process of two, over a store in memory."""

    def __init__(self, store: dist.Store, rank: int) -> None:
        self.store, self.rank, self.world = store, rank, 2


@pytest.fixture
def two():
    store = dist.HashStore()
    store.set_timeout(timedelta(seconds=20))
    return Said(store, 0), Said(store, 1)


def training(tiny, run: Path, *words: str) -> Training:
    nothing = dict.fromkeys(("note", "data", "gan", "judge"))
    cfg = tiny(*words)
    OmegaConf.resolve(cfg)
    return Training(cfg=cfg, run=run, overrides=[], start=Start(), begun=0, callbacks={}, **nothing)


def test_the_others_build_what_the_first_tells_and_write_nothing(two, tiny, tmp_path):
    first, second = two
    found: list[Training | None] = []
    other = threading.Thread(target=lambda: found.append(built(second)))
    other.start()
    first.begin(training(tiny, tmp_path / "run", "seed=7", "d_steps=3"))
    other.join(20)
    assert found[0] is not None
    assert (found[0].gan.seed, found[0].gan.d_steps, found[0].run) == (7, 3, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_the_first_tells_what_another_cannot(two, tiny, tmp_path):
    first, second = two
    failed: list[Exception] = []

    def other() -> None:
        try:
            built(second)
        except ValueError as error:
            failed.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    with pytest.raises(ValueError, match="process 2 of 2, on .*batch_size must not exceed the 96 images"):
        first.begin(training(tiny, tmp_path, "batch_size=128"))
    thread.join(20)
    assert len(failed) == 1


def test_where_the_first_fails_nothing_is_played(two):
    first, second = two
    with pytest.raises(ValueError, match="wrong"), leading(first):
        raise ValueError("wrong")
    assert built(second) is None


def test_why_a_process_failed_is_told_by_the_first(two):
    first, second = two
    assert first.failure(seconds=0) is None
    second.tell_failure(NotFinite("D's loss has diverged"), "D's loss has diverged")
    failure = first.failure(seconds=0)
    assert isinstance(failure, NotFinite)
    assert str(failure).startswith("process 2 of 2, on ")
    assert str(failure).endswith(": D's loss has diverged")


def on_two_nodes(folder: Path, port: int, *words: str) -> list[tuple[int, str]]:
    """Exit code and output of torchrun on each of two nodes, which are this machine, with a process each."""
    torchrun = Path(sys.executable).with_name("torchrun")
    started = []
    for node in (0, 1):
        where = ["--nnodes=2", f"--node-rank={node}", "--nproc-per-node=1", "--local-addr=127.0.0.1"]
        at = ["--master-addr=127.0.0.1", f"--master-port={port}"]
        typed = [str(torchrun), *where, *at, "-m", "gan_lightning.train", *words]
        started.append(
            subprocess.Popen(
                typed,
                cwd=folder,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "GLOO_SOCKET_IFNAME": "lo"},
            )
        )
    try:
        said = [process.communicate(timeout=240)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, text) for process, text in zip(started, said, strict=True)]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_nodes_play_the_game_of_one_process_and_go_on(tmp_path):
    """From equal states: both begin with the seed's. Without BatchNorm and dropout, over 20 D steps."""
    kept = [o for o in TINY if not o.startswith(("network", "trainer="))]
    game = [*kept, *SMOOTH, "optimizer=sgd", "d_steps=2", "steps=10", "log_every=5", "sample_every=5"]
    nodes = ["trainer=ddp", "trainer.num_nodes=2", "devices=2"]
    done(tmp_path, *game, "trainer=cpu", "hydra.run.dir=one")
    ended = on_two_nodes(tmp_path, free_port(), *game, *nodes, "steps=6")
    assert [code for code, _ in ended] == [0, 0], ended
    (two,) = (p.parent for p in (tmp_path / "outputs").rglob("config.yaml"))
    assert len([p for p in two.parent.iterdir() if p.is_dir()]) == 1, "one run directory, though its name has the time"
    ended = on_two_nodes(tmp_path, free_port(), f"resume={two}", "steps=10")
    assert [code for code, _ in ended] == [0, 0], ended
    one = state(tmp_path / "one")
    assert farthest(one, state(two)) < 1e-5
    start = torch.load(two / "checkpoints/last.ckpt", weights_only=True)["counters"]
    assert start == {"d_steps_done": 20, "g_steps_done": 10, "images_seen": 320}
    lines = [
        [json.loads(line) for line in (r / "metrics.jsonl").read_text().splitlines()] for r in (tmp_path / "one", two)
    ]
    assert [line["step"] for line in lines[1]] == [5, 6, 10]
    for a, b in ((lines[0][0], lines[1][0]), (lines[0][1], lines[1][2])):
        for key in ("loss/d", "loss/g", "d/real_prob", "d/fake_prob", "grad/d_norm"):
            assert a[key] == pytest.approx(b[key], rel=1e-4), key
    status = json.loads((two / "status.json").read_text())
    assert (status["status"], status["g_steps"], status["images"]) == ("done", 10, 320)


class Together:
    """Enough of a Trainer of two processes: ``reduce`` finds the largest of what both have."""

    world_size, should_stop = 2, False

    def __init__(self, others: int) -> None:
        self.strategy = self
        self.others = others

    looks = 0

    def reduce(self, mine: torch.Tensor, reduce_op: str) -> torch.Tensor:
        assert reduce_op == "max"
        self.looks += 1
        return mine.maximum(torch.tensor([self.others, 1]))


def test_processes_ask_one_another_about_once_a_second_and_not_at_each_batch(monkeypatch):
    """What they tell one another is read from the device, which waits for it."""
    clock, trainer, signals = [0.0], Together(0), Signals()
    monkeypatch.setattr("gan_lightning.callbacks.signals.monotonic", lambda: clock[0])
    module = SimpleNamespace(device=torch.device("cpu"), d_steps_done=100)  # resumed
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    signals.on_train_start(trainer, module)
    looked = []
    for _ in range(500):
        clock[0] += 0.01
        module.d_steps_done += 1
        signals.on_train_batch_end(trainer, module, None, None, 0)
        looked += [module.d_steps_done] * (trainer.looks - len(looked))
    for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
        signal.signal(number, handler)
    assert looked[0] == 101
    assert len(looked) <= 7
    assert all(90 <= b - a <= 110 for a, b in pairwise(looked[1:]))


def test_processes_stop_after_the_same_batch_whoever_has_the_signal():
    module = SimpleNamespace(device=torch.device("cpu"), d_steps_done=1)
    for mine, others in ((0, 0), (0, signal.SIGTERM), (signal.SIGTERM, 0)):
        trainer, signals = Together(others), Signals()
        before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        try:
            signals.on_train_start(trainer, SimpleNamespace(d_steps_done=0))
            if mine:
                signal.raise_signal(mine)
            assert not trainer.should_stop, "not before the others know"
            signals.on_train_batch_end(trainer, module, None, None, 0)
            assert trainer.should_stop == bool(mine or others)
            assert signals.came == ("SIGTERM" if mine or others else None)
            if others:
                signal.raise_signal(signal.SIGTERM)  # the starter's own word comes late: it is no second one
        finally:
            for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
                signal.signal(number, handler)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_ends_a_process_of_another_node_is_told_once(tmp_path):
    nodes = ["trainer=ddp", "trainer.num_nodes=2", "devices=2"]
    kept = [o for o in TINY if not o.startswith("trainer=")]
    (first, text), (second, _) = on_two_nodes(tmp_path, free_port(), *kept, *nodes, "batch_size=128")
    assert (first, second) == (1, 1)
    assert "batch_size must not exceed the 96 images" in text
    assert not list((tmp_path / "outputs").rglob("config.yaml"))
