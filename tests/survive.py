"""Kill runs with SIGKILL at random moments, also while a checkpoint is being written, and compare how they end.

    python tests/survive.py --runs 4 --kills 5
    python tests/survive.py --runs 2 --kills 5 --d-steps 3
    python tests/survive.py --runs 1 --kills 3 --d-steps 1 experiment=mlp data=digits condition=projection steps=600
    python tests/survive.py --runs 1 --kills 3 --d-steps 1 experiment=best_mnist_cpu data=mnist5k steps=300

Words of another game, if there are any, take the place of GAME.

k, the D steps per G step, is drawn from 1 to 4 for each run unless it is given.
Each run is started again and again by the same command, with ``resume=auto``, and killed as often as asked; then it
may end. Weights, optimizers, counters, logged numbers and pictures must equal those of a run that was not killed; if
they do not, the first difference is printed and the exit code is 1.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = Path(__file__).parent.parent
GAME = ["network=mlp", "data=digits", "network.G.hidden=[32,32]", "network.D.hidden=[32,16]", "network.D.dropout=0.2",
        "prior.dim=10", "technique=[ema,historical_averaging,instance_noise]", "technique.instance_noise.final_sigma=0",
        "schedule=linear", "batch_size=32", "steps=1500", "report=false"]  # fmt: skip
RUN = ["log_every=10", "sample_every=250", "evaluate_every=250", "checkpoint_every=10", "trainer=cpu", "seed=3",
       "resume=auto"]  # fmt: skip


def start(run: Path, k: int, words: list[str]) -> subprocess.Popen:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-m",
        "gan_lightning.train",
        *RUN,
        *(words or GAME),
        f"d_steps={k}",
        f"hydra.run.dir={run}",
    ]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(process: subprocess.Popen) -> None:
    text, _ = process.communicate(timeout=600)
    if process.returncode:
        raise SystemExit(f"a run failed:\n{text}")


def steps_logged(run: Path) -> int:
    try:
        return sum(1 for _ in (run / "metrics.jsonl").open())
    except FileNotFoundError:
        return 0


def kill(process: subprocess.Popen, run: Path, rng: random.Random, while_saving: bool) -> str:
    """Let a run play for a random while, then kill it. Returns what it was doing."""
    before, deadline = steps_logged(run), time.monotonic() + 120
    while steps_logged(run) == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 1.0))
    part = run / "checkpoints" / "last.ckpt.part"
    while while_saving and not part.exists() and process.poll() is None:
        pass
    doing = "saving" if part.exists() else "playing"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return doing if process.returncode == -signal.SIGKILL else "ended before"


def results_of(run: Path) -> dict:
    """The files of a run that must not depend on whether it was killed, by name."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    tags = [t for t in events.Tags()["scalars"] if not t.startswith(("speed/", "hp_metric"))]
    return {
        "last.ckpt": torch.load(run / "checkpoints" / "last.ckpt", weights_only=True),
        "best.ckpt": torch.load(run / "checkpoints" / "best.ckpt", weights_only=True),
        "metrics.jsonl": [{k: v for k, v in line.items() if not k.startswith("speed/")} for line in lines],
        "tensorboard": {t: [(e.step, e.value) for e in events.Scalars(t)] for t in tags},
        "pictures": {str(p.relative_to(run)): p.read_bytes() for p in sorted(run.rglob("samples/**/*.*"))},
        "files": sorted(str(p.relative_to(run)) for p in run.rglob("*") if p.is_file() and "tfevents" not in p.name),
    }


def difference(a, b, where: str = "") -> str | None:
    """The first place where the two differ."""
    if isinstance(a, torch.Tensor):
        return None if torch.equal(a, b) else where
    if isinstance(a, dict):
        if a.keys() != b.keys():
            return f"{where}: {sorted(map(str, a.keys() ^ b.keys()))}"
        return next((d for k in a if (d := difference(a[k], b[k], f"{where}/{k}"))), None)
    if isinstance(a, list | tuple):
        if len(a) != len(b):
            return f"{where}: {len(a)} and {len(b)}"
        pairs = enumerate(zip(a, b, strict=True))
        return next((d for i, (x, y) in pairs if (d := difference(x, y, f"{where}[{i}]"))), None)
    return None if a == b else f"{where}: {a!r:.80} and {b!r:.80}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--kills", type=int, default=5, help="of each run")
    parser.add_argument("--d-steps", type=int, default=None, help="k of every run; else drawn from 1 to 4")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("words", nargs="*", help="of train: another game than GAME")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    killed = {"playing": 0, "saving": 0, "ended before": 0}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(args.runs):
            k = args.d_steps or rng.randint(1, 4)
            straight = Path(folder) / f"straight-{k}"
            if not straight.exists():
                end(start(straight, k, args.words))
            wanted = results_of(straight)
            run = Path(folder) / f"killed-{i}"
            for j in range(args.kills):
                killed[kill(start(run, k, args.words), run, rng, while_saving=j % 2 == 1)] += 1
            end(start(run, k, args.words))
            found = results_of(run)
            for checkpoint in (wanted["last.ckpt"], wanted["best.ckpt"], found["last.ckpt"], found["best.ckpt"]):
                checkpoint.pop("config", None)  # it names the run's own directory
                checkpoint.pop("loops")  # they count calls of training_step; how much a call plays goes by the clock
            if differs := difference(wanted, found):
                raise SystemExit(f"run {i}, k = {k}, ended differently: {differs}")
            print(f"run {i}, k = {k}: killed {args.kills} times, the same to the last bit", flush=True)
    count = killed["playing"] + killed["saving"]
    print(f"{count} kills ({killed['saving']} while a checkpoint was written), {args.runs} runs: all bit-equal")
    if killed["ended before"]:
        print(f"{killed['ended before']} came too late: the run had ended")


if __name__ == "__main__":
    main()
