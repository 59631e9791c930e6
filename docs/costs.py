"""Times each command in a short form and writes docs/costs.md: `python docs/costs.py` (some ten minutes on two cores).

Each is a process of its own in a new folder, with threads as PyTorch chooses them. Wall time and CPU time are its own
with its children's; memory is the largest that one of its processes had resident (Linux: ru_maxrss).
"""

import datetime
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAD = """\
# What each command costs

Written by `python docs/costs.py`, which types each command as it stands here, in a process of its own. Time is CPU
time, that of all threads and processes: it depends little on what else the machine does, unlike time on the wall.
Memory is the most that was resident. All but `--help` and `runs` import PyTorch and Lightning, which is most of what
short ones cost: `study=dirac` itself is done in a second.

"""
TAIL = """
The run that is sampled, evaluated and reported is that of the second line: 200 steps, which draw no clean digit yet.
Whole runs and the numbers that they reach are in [results](results.md).
Long studies say in their own pages how long they take.
"""
RUN, SWEEP = "hydra.run.dir=runs/recipe", "hydra.sweep.dir=sweeps/losses"
COMMANDS = [  # in this order: later ones use what earlier ones leave
    "train --help",
    f"train data=mnist5k steps=200 trainer=cpu {RUN}",
    "train experiment=mlp data=mnist5k steps=200 trainer=cpu hydra.run.dir=runs/mlp",
    f"train -m experiment=mlp data=digits steps=50 loss=nsgan,lsgan seed=0,1 trainer=cpu {SWEEP}",
    "runs runs=runs",
    "sample run=runs/recipe n=1000",
    "evaluate run=runs/recipe",
    "evaluate run=runs/recipe metrics=fast",
    "compare runs=sweeps/losses",
    "report run=runs/recipe",
    "report runs=sweeps/losses",
    "export run=runs/recipe to=exported",
    "latent task=interpolate run=zoo:mnist",
    "latent task=inpaint run=zoo:mnist mask=centre images=test:0-9 encoder_steps=100",
    "judge data=digits features=16 epochs=2 batch_size=64",
    "study study=dirac",
    "study study=saturation",
    "study study=density_game study.steps=100",
    "theory",
]


def timed(typed: str, folder: Path) -> tuple[float, float, float, int]:
    """(wall seconds, CPU seconds, MiB, exit code) of one command in ``folder``, in a child that does nothing else."""
    words = [sys.executable, "-m", f"gan_lightning.{typed.split()[0]}", *typed.split()[1:]]
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        begun = time.monotonic()
        with (folder / "log").open("ab") as log:
            done = subprocess.run(
                words, cwd=folder, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)}
            )
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        numbers = (time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, done.returncode)
        os.write(writer, repr(numbers).encode())
        os._exit(0)
    os.waitpid(child, 0)
    wall, busy, most, code = os.read(reader, 1000).decode().strip("()").split(", ")
    os.close(reader)
    os.close(writer)
    return float(wall), float(busy), float(most), int(code)


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for typed in COMMANDS:
            wall, busy, most, code = timed(typed, folder)
            if code:
                sys.exit(f"{typed} ended with exit code {code}:\n{(folder / 'log').read_text()[-2000:]}")
            command = f"`python -m gan_lightning.{typed}`"
            rows.append([command, f"{busy:.1f} s", f"{most:,.0f} MiB"])
            print(f"{wall:8.1f} s {busy:8.1f} s {most:8.0f} MiB  {typed}", flush=True)
    # A process counts the memory of the one that starts it as its own, so nothing large is imported before this.
    sys.path.insert(0, str(ROOT))
    from gan_lightning.io.tables import markdown_table
    from gan_lightning.runs.record import cpu, environment

    machine = environment()
    about = (
        f"Machine: {cpu()}, {machine['cores']} cores, {machine['gpu'] or 'no GPU'}, {platform.system()}, Python "
        f"{machine['python']}, PyTorch {machine['versions']['torch']}; {datetime.date.today()}.\n\n"
    )
    table = markdown_table(["command", "CPU time", "memory"], rows)
    (ROOT / "docs" / "costs.md").write_text(HEAD + about + table + "\n" + TAIL)


if __name__ == "__main__":
    main()
