"""A full disk: whatever is being written, no half file stays, and one sentence names the file and the remedy."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TINY
from PIL import Image

from gan_lightning import compare as compare_verb
from gan_lightning import evaluate as evaluate_verb
from gan_lightning import sample as sample_verb
from gan_lightning.config.compose import compose
from gan_lightning.training.loggers import JSONLines
from gan_lightning.training.setup import train

ROOT = Path(__file__).parent.parent.parent
VERBS = {"sample": sample_verb, "evaluate": evaluate_verb, "compare": compare_verb}
GAME = ["data=digits", *(o for o in TINY if not o.startswith("data")), "steps=2"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    train(compose("train", GAME), folder)
    return folder


@pytest.fixture
def runs(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished, tmp_path / "runs" / "one")
    return tmp_path / "runs"


def type_it(verb, arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [verb, *arguments])
    with pytest.raises(SystemExit) as stop:
        VERBS[verb].main()
    captured = capsys.readouterr()
    return stop.value.code, captured.out + captured.err


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("sample", ["run=runs/one", "n=4"]),
        ("evaluate", ["run=runs/one", "metrics=fast", "n=20"]),
        ("compare", ["runs='runs/*'"]),
    ],
)
def test_the_disk_is_full_when_the_nth_file_is_written(runs, monkeypatch, capsys, verb, arguments, nth):
    """Each file is synced before it takes its name: there the disk has its last word."""
    before = {p: p.read_bytes() for p in runs.rglob("*") if p.is_file()}
    calls, really = [], os.fsync

    def sync(handle: int) -> None:
        is_folder = os.path.isdir(f"/proc/self/fd/{handle}")  # noqa: PTH112
        calls.extend([] if is_folder else [handle])
        if len(calls) >= nth and not is_folder:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        really(handle)

    monkeypatch.setattr(os, "fsync", sync)
    code, text = type_it(verb, arguments, monkeypatch, capsys)
    monkeypatch.undo()
    assert code == 1
    assert text.count("error: ") == 1
    assert "cannot be written: No space left on device" in text
    assert "ake room" in text
    after = {p: p.read_bytes() for p in runs.rglob("*") if p.is_file() and not p.name.endswith(".log")}
    new = after.keys() - before.keys()
    assert len(new) == nth - 1, new
    assert all(after[p] == before[p] for p in before if p in after)
    for path in (p for p in new if p.suffix == ".png"):
        Image.open(path).verify()


def test_a_line_of_metrics_is_whole_or_not_there(tmp_path, monkeypatch):
    logger = JSONLines(str(tmp_path))
    logger.log_metrics({"a": 1.0}, 1)
    whole = logger.path.read_bytes()

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            self.file.write(data[:5])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    really = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: Full(really(self, *a, **k)))
    with pytest.raises(OSError, match="No space left"):
        logger.log_metrics({"a": 2.0}, 2)
    monkeypatch.undo()
    assert logger.path.read_bytes() == whole
    logger.log_metrics({"a": 3.0}, 3)
    assert [json.loads(line)["step"] for line in logger.path.read_text().splitlines()] == [1, 3]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB; needs the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        not shutil.which("mount")
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True
        ).returncode
    ):
        pytest.skip("no right to mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, leave: int) -> None:
    """Leave ``leave`` bytes of ``disk`` free."""
    (disk / "full").unlink(missing_ok=True)
    free = shutil.disk_usage(disk).free
    (disk / "full").write_bytes(bytes(max(free - leave, 0)))


def whole_files(folder: Path) -> None:
    for path in (p for p in folder.rglob("*") if p.is_file()):
        assert not path.name.endswith(".part"), path
        if path.suffix in (".png", ".gif"):
            Image.open(path).load()
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".jsonl":
            [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("leave", [0, 4096, 20_000, 60_000])
def test_every_verb_on_a_small_disk(finished, small_disk, tmp_path, leave):
    """The real thing: a tmpfs with so many bytes left."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def type_there(*command: str) -> str:
        full = [sys.executable, "-m", *command]
        done = subprocess.run(full, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
        text = done.stdout + done.stderr
        if done.returncode:
            assert text.count("error: ") == 1, text
            assert "Traceback" not in text
            assert "No space left on device" in text
            assert "ake room" in text or "Name another" in text, text
        (small_disk / "full").unlink()
        whole_files(small_disk)
        return "refused" if done.returncode else "done"

    shutil.copytree(finished, small_disk / "runs" / "one")
    commands = {
        "sample": ["gan_lightning.sample", f"run={small_disk}/runs/one", "n=400"],
        "evaluate": ["gan_lightning.evaluate", f"run={small_disk}/runs/one", "metrics=fast", "n=20"],
        "compare": ["gan_lightning.compare", f"runs='{small_disk}/runs/*'"],
        "train": ["gan_lightning.train", *GAME, "sample_every=1", "checkpoint_every=1", "log_every=1", "steps=40",
                  f"hydra.run.dir={small_disk}/runs/two"],
    }  # fmt: skip
    ended = {}
    for verb, command in commands.items():
        fill(small_disk, leave)
        ended[verb] = type_there(*command)
    assert ended["train"] == "refused"
    if leave == 0:
        assert set(ended.values()) == {"refused"}
