"""Runs that a page cannot be made of, and a stranger's: clear words, nothing executed, nothing written over."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hostile import SECRET, refused

from gan_lightning.config.compose import compose
from gan_lightning.report.arms import gather
from gan_lightning.report.reporting import write_report
from gan_lightning.report.sweep_page import sweep_page


def another_class(run):
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("gan_lightning.losses.nsgan.NSGAN", "os.system"))


def out_of_it(run):
    (run / "samples").mkdir(exist_ok=True)
    (run / "samples" / "0000001.png").symlink_to(run.parent / "secret.txt")


def a_pipe(run):
    (run / "metrics.jsonl").unlink(missing_ok=True)
    os.mkfifo(run / "metrics.jsonl")


CASES = {
    "no checkpoint": (lambda run: (run / "checkpoints" / "last.ckpt").unlink(), "has no checkpoint yet"),
    "a damaged checkpoint": (lambda run: (run / "checkpoints" / "last.ckpt").write_bytes(b"PK" * 500), "last.ckpt"),
    "another class": (another_class, "os.system"),
    "a link out of it": (out_of_it, "is a link that leads out of the run"),
    "a pipe": (a_pipe, "is neither a file nor a folder"),
    "no measurements": (
        lambda run: (run / "metrics.json").write_text('{"measured": 5}'),
        "is not what evaluate writes",
    ),
    "a page that is none": (lambda run: (run / "report.html").write_text("mine"), "it is not overwritten"),
    "a folder": (lambda run: (run / "report.html").mkdir(), "it is not overwritten"),
    "a link for a page": (lambda run: (run / "report.html").symlink_to("../secret.txt"), "it is not overwritten"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_is_odd_is_refused_and_nothing_happens(stranger, case):
    spoil, words = CASES[case]
    spoil(stranger)
    refused(stranger, lambda: write_report(compose("report", ["run=run"])), words)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("run=none", "run=none does not exist"),
        ("run=secret.txt", "secret.txt"),
        ("runs=run", "run is a run, not a multirun directory"),
        ("runs='none/*'", "runs=none/* holds no run"),
        ("runs=none", "none is not a multirun directory"),
    ],
)
def test_what_is_no_run_is_said_so(stranger, typed, words):
    refused(stranger, lambda: write_report(compose("report", [typed])), words)


def test_the_page_of_an_unfinished_run_says_so_and_how_to_go_on(stranger):
    (stranger / "status.json").write_text(json.dumps({"status": "running", "pid": 1}))
    (stranger / "record.json").write_text("{")
    (stranger / "metrics.jsonl").write_bytes(b"\xff\n{}\n[1]\n" * 9)
    write_report(compose("report", ["run=run"]))
    text = (stranger / "report.html").read_text()
    assert "The run is unfinished: 6 steps of G. To go on: python -m gan_lightning.train resume=run" in text
    assert "has not been measured. Type: python -m gan_lightning.evaluate run=run" in text
    assert "<h2>Curves" not in text


def test_a_stranger_in_a_sweep_is_named_and_the_others_are_shown(stranger):
    sweep = Path("sweep")
    shutil.copytree(stranger, sweep / "good")
    for name, spoil in (("class", another_class), ("link", out_of_it)):
        spoil(shutil.copytree(stranger, sweep / name))
        status = {"status": "failed", "error": "<b>why</b>", "g_steps": 1}
        (sweep / name / "status.json").write_text(json.dumps(status))
    shutil.copytree(stranger, sweep / "torn")
    (sweep / "torn" / "config.yaml").write_text("!!python/object/apply:os.system [touch executed]")
    text = sweep_page(*gather("sweep/*"), n=2, seed=0, trust=None)
    assert not Path("executed").exists()
    assert SECRET not in text
    assert "<td>class</td><td>failed: &lt;b&gt;why&lt;/b&gt;</td>" in text
    assert "<td>torn</td><td>cannot be read: " in text
    assert "G after 6 steps, good" in text
    assert not list(sweep.rglob("report.html"))
