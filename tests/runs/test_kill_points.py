"""A kill at any moment leaves a directory that goes on: every state that the files pass through is taken up again."""

import json
import os
import shutil
from pathlib import Path

import pytest
from conftest import TINY
from omegaconf import OmegaConf

from gan_lightning.io import files

GAME = [o for o in TINY if not o.startswith(("steps=", "checkpoint_every="))] + ["log_every=1", "checkpoint_every=1"]
SMALL = {".json", ".yaml", ".jsonl", ".part"}


class Moments:
    """Copies of ``run`` as it was before and after each file in it got its name; one of those alike."""

    def __init__(self, run: Path, copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.run, self.copies, self.seen = run, copies, {}
        for name in ("rename", "replace", "hardlink_to"):
            monkeypatch.setattr(Path, name, self.watched(getattr(Path, name)))

    def watched(self, original):
        def between(path, *args, **kwargs):
            self.look()
            done = original(path, *args, **kwargs)
            self.look()
            return done

        return between

    def look(self) -> None:
        found = {p: p.read_bytes() for p in self.run.rglob("*") if p.is_file()}
        state = tuple(sorted((str(p), data if p.suffix in SMALL else b"") for p, data in found.items()))
        if state not in self.seen and found:
            copy = self.copies / str(len(self.seen))
            self.seen[state] = copy
            for path, data in found.items():
                name = copy / path.relative_to(self.run)
                name.parent.mkdir(parents=True, exist_ok=True)
                name.write_bytes(data)


def moments(folder: Path, play) -> list[Path]:
    """The states that a run's directory passes through while ``play(run)`` plays."""
    run = folder / "run"
    run.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        watch = Moments(run, folder / "states", patch)
        play(run)
        watch.look()
    return list(watch.seen.values())


def goes_on(run: Path, words: list[str], train) -> None:
    recorded = (run / "record.json").is_file()
    before = sorted(p.name for p in run.iterdir())
    told = json.loads((run / "status.json").read_text()) if (run / "status.json").is_file() else {}
    is_done = told.get("status") == "done" and told["g_steps"] == 2 and (run / "checkpoints" / "last.ckpt").is_file()
    code, text = train("train", *words)
    if is_done and words[0].startswith("resume=/"):  # nothing was lost
        assert "nothing is left to play" in text
        return
    if not recorded and words[0].startswith("resume=/"):  # nothing but the lock: only the command itself is of help
        assert "was stopped before it wrote what it plays. Give its first command once more" in text
        return
    assert code == 0, (before, text)
    status = json.loads((run / "status.json").read_text())
    assert (status["status"], status["g_steps"]) == ("done", 2)
    assert [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [1, 2]
    assert OmegaConf.load(run / "config.yaml").steps == 2


def new(call, run: Path) -> None:
    code, text = call("train", *GAME, "steps=2", f"hydra.run.dir={run}")
    assert code == 0, text


def resumed(call, run: Path) -> None:
    code, text = call("train", f"resume={run}", "steps=2")
    assert code == 0, text


SLOW = [pytest.param(kind, 2, marks=pytest.mark.slow) for kind in ("new", "resumed", "begun again")]


@pytest.mark.parametrize(("kind", "ways"), [("new", 1), *SLOW])
def test_between_any_two_files(call, tmp_path, kind, ways):
    """Each state by ``resume=<run>`` or by its own command with ``resume=auto``, in turn; the slow test by both."""
    if kind != "new":
        code, text = call("train", *GAME, "steps=1", f"hydra.run.dir={tmp_path / 'run'}")
        assert code == 0, text
    if kind == "begun again":
        shutil.rmtree(tmp_path / "run" / "checkpoints")
    states = moments(tmp_path, lambda run: (new if kind == "new" else resumed)(call, run))
    names = [{p.name for p in state.iterdir()} for state in states]
    if kind != "resumed":
        assert any("record.json" in n and "config.yaml" not in n for n in names)
        assert any("config.yaml" in n and "checkpoints" not in n for n in names)
    for i, state in enumerate(states):
        copy = state.with_name(f"{state.name}-auto")
        shutil.copytree(state, copy)
        if ways == 2 or i % 2:
            goes_on(state, [f"resume={state}", "steps=2"], call)
        if ways == 2 or not i % 2:
            goes_on(copy, [*GAME, "steps=2", "resume=auto", f"hydra.run.dir={copy}"], call)


def test_a_directory_with_a_configuration_alone_begins_again(call, tmp_path):
    """What a kill left behind when config.yaml was still the first to be written."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("steps: 2\n")
    code, text = call("train", *GAME, "steps=2", "resume=auto", f"hydra.run.dir={run}")
    assert code == 0, text
    assert json.loads((run / "status.json").read_text())["status"] == "done"


def test_bytes_reach_the_disk_before_the_name_and_the_name_before_it_goes_on(tmp_path, monkeypatch):
    order, sync, replace = [], os.fsync, Path.replace

    def fsync(handle: int) -> None:
        order.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "bytes")  # noqa: PTH112
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", lambda *a: (order.append("name"), replace(*a))[1])
    files.write_json(tmp_path / "a.json", {"a": 1})
    if Path("/proc/self/fd").exists():
        assert order == ["bytes", "name", "folder"]
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}


def test_what_cannot_be_written_whole_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(OSError, match="No space left") as caught, files.whole(path) as file:  # noqa: PT012
        file.write(b"half")
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "before"
