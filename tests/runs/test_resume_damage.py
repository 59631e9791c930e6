"""A damaged checkpoint, a full disk, and jobs that are queued again."""

import errno
import json
import os
import pickle
import shutil
from contextlib import suppress

import pytest
import torch
from commands import done as command
from conftest import TINY
from omegaconf import OmegaConf
from stopping import OPTIONS, Stop, checkpoint, config, flip, lines, of_job, played, same, set_status

from gan_lightning.callbacks.checkpoints import Checkpoints
from gan_lightning.runs.checkpoint import read_checkpoint
from gan_lightning.runs.resume import resume_arguments
from gan_lightning.runs.start import Start
from gan_lightning.training.setup import train


@pytest.fixture
def straight(tmp_path):
    return played(tmp_path)


def test_every_flipped_bit_that_would_change_a_checkpoint_is_noticed(straight):
    path = straight / "checkpoints" / "last.ckpt"
    whole, pristine = path.read_bytes(), checkpoint(straight)
    told, unknown_to_torch = [], 0
    for at in torch.rand(150, generator=torch.Generator().manual_seed(0)).tolist():
        flip(path, at)
        try:
            assert same(read_checkpoint(path), pristine), "padding"
        except ValueError as fault:
            told.append(str(fault))
            with suppress(RuntimeError, pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError):
                checkpoint(straight)
                unknown_to_torch += 1
        path.write_bytes(whole)
    assert len(told) > 100
    assert all("last.ckpt cannot be read: it is truncated, damaged" in text for text in told)
    assert all("Use previous.ckpt beside it" in text for text in told)
    assert unknown_to_torch > 50, "the sums are what noticed it"


def test_a_damaged_checkpoint_gives_way_to_the_one_before(straight, tmp_path, capsys, monkeypatch):
    """Both runs end alike: the last good checkpoint leads to the same weights."""
    folder = straight / "checkpoints"
    end = checkpoint(straight)
    assert checkpoint(straight, "previous.ckpt")["counters"]["g_steps_done"] == 10
    assert {p.name for p in folder.iterdir()} == {"last.ckpt", "previous.ckpt"}
    flip(folder / "last.ckpt", 0.5)
    argv = resume_arguments(["train", f"resume={straight}"])
    assert f"resume={folder / 'previous.ckpt'}" in argv
    told = capsys.readouterr().err
    assert "last.ckpt cannot be read: it is truncated, damaged" in told
    assert f"going on from {folder / 'previous.ckpt'}" in told
    train(config(), straight, [], start=Start(folder / "previous.ckpt"))
    assert same(checkpoint(straight)["state_dict"], end["state_dict"])
    (folder / "last.ckpt").write_bytes(b"")
    (folder / "previous.ckpt").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"no checkpoint in .* is whole: the checkpoint .*last.ckpt cannot be read"):
        resume_arguments(["train", f"resume={straight}"])


def test_the_disk_that_checkpoints_take_is_bounded(tmp_path):
    train(config("checkpoint_every=2", "callbacks.checkpoints.keep=2"), tmp_path)
    names = sorted(p.name for p in (tmp_path / "checkpoints").iterdir())
    assert names == ["0000010.ckpt", "0000012.ckpt", "last.ckpt", "previous.ckpt"]
    assert (tmp_path / "checkpoints" / "last.ckpt").stat().st_nlink == 2, "a second name takes no space"
    with pytest.raises(ValueError, match=r"callbacks.checkpoints.keep must be a number .*, got True. 0 keeps"):
        Checkpoints(keep=True)


@pytest.mark.parametrize(
    "what",
    [
        "PIL.Image.Image.save",
        "gan_lightning.training.loggers.JSONLines.log_metrics",
        "tensorboard.compat.tensorflow_stub.io.gfile.LocalFileSystem.append",
    ],
)
def test_a_full_disk_while_a_picture_a_line_or_an_event_is_written(straight, monkeypatch, capfd, what):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(what, full)
    longer = config("steps=4000", "sample_every=2")
    with pytest.raises(ValueError, match=r"cannot be written any more: No space left on device. Make room.*resume="):
        train(longer, straight, [], start=Start(straight / "checkpoints" / "last.ckpt"))
    assert "Traceback" not in capfd.readouterr().err
    monkeypatch.undo()
    assert read_checkpoint(straight / "checkpoints" / "last.ckpt")["counters"]["g_steps_done"] >= 12
    train(config("steps=20"), straight, [], start=Start(straight / "checkpoints" / "previous.ckpt"))


def test_a_full_disk_leaves_the_last_good_checkpoint(straight, monkeypatch):
    folder = straight / "checkpoints"
    whole, before = (folder / "last.ckpt").read_bytes(), (folder / "previous.ckpt").read_bytes()
    assert whole != before

    def full(trainer, path, *args):
        path.write_bytes(whole[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("lightning.pytorch.Trainer.save_checkpoint", full)
    with pytest.raises(ValueError, match=r"No space left on device. Make room.*resume="):
        train(config("steps=20"), straight, [], start=Start(straight / "checkpoints" / "last.ckpt"))
    assert (folder / "last.ckpt").read_bytes() == whole
    assert (folder / "previous.ckpt").read_bytes() == before
    assert not list((straight / "checkpoints").glob("*.part"))
    status = json.loads((straight / "status.json").read_text())
    assert status["status"] == "failed"
    assert "No space left on device" in status["error"]


@pytest.mark.parametrize(("by", "done"), [("max_time", True), ("SIGTERM", False)])
def test_a_continued_sweep_leaves_jobs_that_had_their_time(straight, monkeypatch, by, done):
    set_status(straight, status="stopped", by=by)
    start = of_job(straight, None, sweep="a sweep")
    assert start == (None if done else Start(sweep=True))
    assert done or start.from_file, "multirun.yaml told what to play"
    assert (straight / "config.yaml").exists() == done, "what begins again is set aside"


# resume=auto ------------------------------------------------------------------------------------------------


def test_auto_begins_where_no_run_is(tmp_path):
    assert of_job(tmp_path, "auto") == Start(typed=True)


def test_auto_goes_on_and_ends(straight):
    last = straight / "checkpoints" / "last.ckpt"
    assert of_job(straight, "auto") is None, "it is done"
    assert of_job(straight, "auto", steps=20) == Start(last, typed=True), "more steps are asked for now"
    for status in ("failed", "stopped", "running"):
        set_status(straight, status=status)
        assert of_job(straight, "auto") == Start(last, typed=True)


def test_auto_begins_again_what_had_no_checkpoint_yet(straight):
    shutil.rmtree(straight / "checkpoints")
    set_status(straight, status="failed")
    assert of_job(straight, "auto") == Start(again=True, typed=True)
    assert (straight / "config.yaml").is_file(), "what is there stays until all is ready to begin"
    with pytest.raises(ValueError, match=r"must not exceed the 96 images"):
        train(config("batch_size=512"), straight, start=Start(again=True))
    assert (straight / "config.yaml").is_file()
    train(config("steps=3"), straight, start=Start(again=True))
    assert [line["step"] for line in lines(straight)] == [1, 2, 3]
    (aside,) = (straight.parent / ".unfinished").iterdir()
    assert len(lines(aside)) == 12
    assert OmegaConf.load(aside / "config.yaml").steps == 12
    assert (aside / "record.json").is_file()


def test_a_job_that_is_queued_again_goes_on_by_itself(straight, tmp_path, monkeypatch, capfd):
    """The same command twice, as a scheduler gives it; killed in between without a word."""
    run = tmp_path / "job"
    run.mkdir()
    train(config(), run, extra_callbacks=[Stop(13)])
    set_status(run, status="running", pid=2**22 - 1)
    for expected in ("going on after 6 G steps", "done before"):
        assert expected in command(tmp_path, *TINY, *OPTIONS, "resume=auto", f"hydra.run.dir={run}")
    assert same(checkpoint(run)["state_dict"], checkpoint(straight)["state_dict"])
    assert lines(run) == lines(straight)
