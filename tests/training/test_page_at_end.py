"""The page with which a run and a sweep end: where it is wanted it is there, and it fails nothing."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from conftest import TINY, EachStep, runs
from hydra.core.global_hydra import GlobalHydra

from gan_lightning import train as train_verb
from gan_lightning.config.compose import compose
from gan_lightning.report.arms import NOT_THE_GAME
from gan_lightning.report.run_page import write_run_page
from gan_lightning.runs.resume import FREE
from gan_lightning.training import pages
from gan_lightning.training.setup import train

WORDS = [word for word in TINY if not word.startswith("report")]


def test_a_run_ends_with_its_page_and_names_it_last(call):
    code, text = call("train", *WORDS, "technique=[ema]", "hydra.run.dir=r")
    assert code == 0, text
    assert text.strip().splitlines()[-1] == "page:  r/report.html"
    assert "report.html" in next(line for line in text.splitlines() if line.startswith("done after"))
    page = Path("r/report.html").read_text()
    assert "The run is done: 6 steps of G" in page
    assert "Samples of the average of G after 6 steps" in page
    assert "python -m gan_lightning.evaluate run=r, and" in page, "the directory as it is typed"


def test_without_report_there_is_none_and_the_default_has_it(call):
    assert compose("train").report is True
    code, text = call("train", *WORDS, "report=false", "hydra.run.dir=r")
    assert code == 0, text
    assert "page:" not in text
    assert not Path("r/report.html").exists()
    assert "report" in FREE, "a run may be resumed with or without it"
    assert "report" in NOT_THE_GAME, "and it makes no arm"


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("drawing failed"), ValueError("odd.")]
)
def test_a_page_that_cannot_be_written_is_one_warning(call, monkeypatch, error):
    def fails(*args, **kwargs):
        raise error

    monkeypatch.setattr(pages, "run_page", fails)
    code, text = call("train", *WORDS, "hydra.run.dir=r")
    assert code == 0, text
    (line,) = [line for line in text.splitlines() if "no page was written" in line]
    assert line.endswith("python -m gan_lightning.report run=r")
    assert json.loads(Path("r/status.json").read_text())["status"] == "done"
    assert not Path("r/report.html").exists()


def test_a_file_of_ones_own_is_not_overwritten(tmp_path, caplog):
    (tmp_path / "report.html").write_text("mine")
    train(compose("train", WORDS), tmp_path, WORDS, page=True)
    assert (tmp_path / "report.html").read_text() == "mine"
    assert "report.html is there already, and is no page of this command" in caplog.text


def test_the_page_of_the_run_is_the_one_that_the_command_writes(tmp_path):
    words = [*WORDS, "condition=concat"]
    train(compose("train", words), tmp_path, words, page=True)
    at_end = (tmp_path / "report.html").read_text()
    write_run_page(compose("report", [f"run={tmp_path}"]))
    pictures = [
        text.split("<h2>How to repeat it")[0].split("<h2>Samples of")[1]
        for text in (at_end, (tmp_path / "report.html").read_text())
    ]
    assert pictures[0] == pictures[1]


def test_a_run_that_a_signal_has_stopped_ends_at_once(tmp_path):
    stop = EachStep(lambda gan: os.kill(os.getpid(), signal.SIGTERM))
    status = train(compose("train", WORDS), tmp_path, WORDS, extra_callbacks=[stop], page=True)
    assert status["by"] == "SIGTERM"
    assert not (tmp_path / "report.html").exists()


def multirun(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["train.py", "-m", *words])
    try:
        train_verb.main()
    except SystemExit as stop:
        return stop.code
    return 0


def test_a_sweep_gets_one_page_also_where_a_job_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    bad = "callbacks.samples.n=64,0"  # the second is refused
    assert multirun(monkeypatch, *WORDS, "loss=nsgan,mmgan", bad, "hydra.sweep.dir=s") == 1
    text = capsys.readouterr()
    assert "page of the sweep:  s/report.html" in text.out + text.err
    page = Path("s/report.html").read_text()
    assert [run for run in runs(Path("s")) if (run / "report.html").exists()] == []
    assert "2 arms of 1 run: 2 of 4 runs are done." in page
    assert not GlobalHydra.instance().is_initialized()


def test_jobs_have_pages_of_their_own_where_that_was_typed_and_none_without_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert multirun(monkeypatch, *WORDS, "seed=0,1", "report=true", "hydra.sweep.dir=s") == 0
    assert [p.parent.name for p in sorted(Path("s").rglob("report.html"))] == ["s", "seed-0", "seed-1"]
    assert multirun(monkeypatch, *WORDS, "steps=1", "seed=0,1", "report=false", "hydra.sweep.dir=t") == 0
    assert list(Path("t").rglob("report.html")) == []


def test_composing_within_a_command_leaves_hydra_as_it_was():
    with pytest.MonkeyPatch.context() as patch:
        before = object()
        patch.setattr(GlobalHydra.instance(), "hydra", before)
        assert compose("report").run == "latest"
        assert GlobalHydra.instance().hydra is before
    GlobalHydra.instance().clear()
