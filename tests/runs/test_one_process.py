"""One process plays a run: who is second is told so and changes nothing; who died holds nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import TINY
from lightning.pytorch import Callback

from gan_lightning.runs.directory import status_of
from gan_lightning.runs.resume import resume_arguments
from gan_lightning.runs.start import Start
from gan_lightning.training.setup import train

ROOT = Path(__file__).parent.parent.parent
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def run(tiny, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    train(tiny(), folder, [*TINY])
    return folder


def set_status(run: Path, **values: object) -> None:
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**status, **values}))


def contents(run: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    "who",
    [{"pid": os.getpid()}, {"pid": 1}, {"host": "another machine"}],
    ids=["a number that lives again", "the first process of a container", "another host"],
)
def test_a_killed_run_is_not_running_whatever_its_status_says(run, who):
    set_status(run, status="running", **who)
    assert status_of(run)["status"] == "unfinished"
    assert resume_arguments(["train", f"resume={run}"])[-1].startswith("hydra.run.dir=")


class During(Callback):
    """Calls ``look()`` in another thread after the second batch, and keeps what it said."""

    def __init__(self, look) -> None:
        self.look, self.said = look, []

    def on_train_batch_end(self, trainer, module, *args) -> None:
        if module.d_steps_done == 2:
            thread = threading.Thread(target=lambda: self.said.append(self.look()))
            thread.start()
            thread.join()


def refusal(function) -> str:
    try:
        function()
    except ValueError as error:
        return str(error)
    return "not refused"


def test_who_comes_second_is_told_and_changes_nothing(run, tiny):
    fresh = run.parent / "fresh"
    fresh.mkdir()

    def second() -> tuple:
        run = fresh
        last = run / "checkpoints" / "last.ckpt"
        set_status(run, host="another machine", pid=1)
        before = contents(run)
        said = refusal(lambda: resume_arguments(["train", f"resume={run}"]))
        also = refusal(lambda: train(tiny("steps=30"), run, start=Start(last)))
        third = refusal(lambda: train(tiny("resume=auto"), run))
        return status_of(run)["status"], said, also, third, contents(run) == before

    during = During(second)
    train(tiny("steps=20", "checkpoint_every=1"), fresh, [*TINY], extra_callbacks=[during])
    ((status, said, also, third, unchanged),) = during.said
    assert status == "running"
    assert f"{fresh} is still running" in said
    assert "Wait for it, or stop it first" in said
    assert said == also == third
    assert unchanged
    assert status_of(fresh)["status"] == "done", "and when it has ended, nobody holds it"


FORKED = """
import os, signal, sys, time
from pathlib import Path
from gan_lightning.io.lock import take
take(Path(sys.argv[1]))
if os.fork() == 0:
    print("forked", os.getpid(), flush=True)
    time.sleep(60)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_forked_child_does_not_hold_the_run_of_its_dead_parent(run):
    from gan_lightning.io.lock import held

    with subprocess.Popen([sys.executable, "-c", FORKED, str(run)], stdout=subprocess.PIPE, text=True, env=ENV) as dead:
        assert dead.stdout is not None
        child = int(dead.stdout.readline().split()[1])
        dead.wait(timeout=20)
        os.kill(child, 0)  # it lives
        assert not held(run)
        os.kill(child, signal.SIGKILL)


def test_asking_disturbs_neither_another_asker_nor_a_starter(run, monkeypatch):
    from gan_lightning.io import lock

    fcntl = pytest.importorskip("fcntl")
    with (run / ".lock").open() as asker:
        fcntl.flock(asker, fcntl.LOCK_SH)  # what an asker holds for a moment
        assert not lock.held(run)
        threading.Timer(0.2, fcntl.flock, (asker, fcntl.LOCK_UN)).start()
        with lock.sole(run):
            said = []
            ask = threading.Thread(target=lambda: said.append(lock.held(run)))
            ask.start()
            ask.join()
            assert said == [True]
    assert not lock.held(run)


def test_a_directory_that_may_only_be_read_can_be_asked(run):
    (run / ".lock").chmod(0o444)
    run.chmod(0o555)
    try:
        set_status(run, status="running") if os.access(run / "status.json", os.W_OK) else None
        assert status_of(run)["status"] == "unfinished"
    finally:
        run.chmod(0o755)


def test_a_file_system_without_locks_is_told_and_the_run_plays(tiny, tmp_path, monkeypatch, caplog):
    import errno

    fcntl = pytest.importorskip("fcntl")

    def flock(*args: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", flock)
    train(tiny("steps=2"), tmp_path)
    assert status_of(tmp_path)["status"] == "done"
    assert caplog.text.count("lies where there are no file locks: see to it that no second process plays this run") == 1
    set_status(tmp_path, status="running", pid=1)
    assert status_of(tmp_path)["status"] == "unfinished"


# As commands ------------------------------------------------------------------------------------------------

LONG = ["experiment=mlp", "data=digits", "network.G.hidden=[16,16]", "network.D.hidden=[16,16]",
        "batch_size=16", "log_every=10", "checkpoint_every=20", "trainer=cpu",
        "report=false", "sample_every=0", "evaluate_every=0"]  # fmt: skip


def command(*args: str, **options: object) -> subprocess.Popen:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": ENV}
    return subprocess.Popen([sys.executable, "-m", "gan_lightning.train", *args], **pipes, **options)


def killed(run: Path, *before: str) -> None:
    """A run that was killed after its first checkpoint, started by the words ``before``."""
    words = [*before, sys.executable, "-m", "gan_lightning.train", *LONG, "steps=100000", f"hydra.run.dir={run}"]
    process = subprocess.Popen(words, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 120
    while process.poll() is None and not (run / "checkpoints" / "last.ckpt").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.poll() is None, "it ended before its first checkpoint"
    process.kill()
    process.wait()


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_of_two_that_resume_at_once_one_plays_and_one_is_told(tmp_path):
    run = tmp_path / "run"
    killed(run)
    for pair in range(5):
        steps = 400 * (pair + 1)
        both = [command(f"resume={run}", f"steps={steps}") for _ in range(2)]
        ended = sorted(((p.communicate(timeout=600)[0], p.returncode) for p in both), key=lambda e: e[1])
        assert [code for _, code in ended] == [0, 1], ended
        assert "going on after" in ended[0][0]
        assert ended[1][0].strip() == f"error: {run} is still running. Wait for it, or stop it first."
        lines = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
        assert lines == list(range(10, steps + 1, 10)), "no line twice"
        assert len(json.loads((run / "record.json").read_text())["resumed"]) == pair + 1
        set_status(run, status="running")
        shutil.rmtree(run / "tensorboard")


@pytest.mark.slow
def test_a_container_that_starts_again_goes_on(tmp_path):
    """The trainer is process 1 each time."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("needs the right to make PID namespaces (unshare --pid)")
    run = tmp_path / "run"
    killed(run, *unshare)
    assert json.loads((run / "status.json").read_text())["pid"] == 1
    done = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["step"]
    words = [*unshare, sys.executable, "-m", "gan_lightning.train", *LONG, f"steps={done + 50}", "resume=auto",
             f"hydra.run.dir={run}"]  # fmt: skip
    again = subprocess.run(words, env=ENV, capture_output=True, text=True, timeout=240)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "going on after" in again.stdout
    assert status_of(run)["status"] == "done"
