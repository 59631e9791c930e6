"""``python -m gan_lightning.runs``: what there is, in a list that fits a terminal."""

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TINY
from omegaconf import OmegaConf

from gan_lightning.config.compose import compose
from gan_lightning.io.lock import sole
from gan_lightning.runs.listing import WIDTH, begun_at, best_in_words, best_pair, date, list_runs

YEAR = datetime.datetime.now().year
BEST = {
    "best_fd_over_coverage": 4.0,
    "best_fd_judge": 2.058,
    "best_fd_over_coverage_ema": 3.0,
    "best_fd_judge_ema": 1.5,
}


def made(path: Path, *overrides: str, minute: int = 0, **status) -> Path:
    path.mkdir(parents=True)
    cfg = compose("train", [*TINY, *overrides])
    OmegaConf.save(cfg, path / "config.yaml", resolve=True)
    begun = datetime.datetime(YEAR, 1, 2, 3, minute).astimezone().isoformat()
    (path / "status.json").write_text(json.dumps({"started": begun, **status}))
    return path


@pytest.fixture
def listed(tmp_path, monkeypatch, caplog):
    """``listed("n=2")`` -> the lines."""
    monkeypatch.chdir(tmp_path)
    caplog.set_level("INFO")

    def lines(*overrides: str) -> list[str]:
        caplog.clear()
        list_runs(compose("runs", list(overrides)))
        return "\n".join(record.getMessage() for record in caplog.records).splitlines()

    return lines


def test_a_row_for_each_run_newest_first(listed, tmp_path):
    made(tmp_path / "outputs/a/one", "seed=1", minute=1, status="done", g_steps=6, **BEST)
    made(tmp_path / "outputs/multi/day/two", "loss=wgan", minute=3, status="stopped", g_steps=2, by="SIGTERM")
    made(tmp_path / "outputs/a/three", "technique=[ema,r1]", minute=2, status="failed", error="x", g_steps=9)
    assert listed() == [
        "begun        status   G steps  best FD   game",
        "01-02 03:03  stopped  2/6      -         mlp wgan no technique adam 2e-4",
        "                                         synthetic seed=0",
        "01-02 03:02  failed   0/6      -         mlp nsgan ema+r1 adam 2e-4 synthetic",
        "                                         seed=0",
        "01-02 03:01  done     6        1.50 ema  mlp nsgan no technique adam 2e-4",
        "                                         synthetic seed=1",
        "3 of 3 runs; where they lie: paths=true",
    ], "a failed run's number of steps is that of its curves, of which there are none"
    assert listed("n=1", "paths=true")[1:] == [
        "01-02 03:03  stopped  2/6      -        mlp wgan no technique adam 2e-4",
        "                                        synthetic seed=0",
        "  outputs/multi/day/two",
        "1 of 3 runs; 2 older ones: n=null",
    ]
    assert next(line for line in listed("runs='outputs/*/t*'") if "mlp" in line).startswith("01-02 03:02  failed")
    assert listed("runs=outputs/a")[-1].startswith("2 of 2 runs")


def test_a_run_that_goes_on_or_was_killed_is_told_from_its_curves(listed, tmp_path):
    run = made(tmp_path / "outputs/run", "technique=[ema]", status="running", pid=1)
    points = [
        {"step": 1, "loss/d": 1.0},
        {"step": 2, "metric/fd_over_coverage": 50.0, "metric/fd_judge": 20.0},
        {"step": 2, "metric/fd_over_coverage_ema": 30.0, "metric/fd_judge_ema": 25.0},
        {"step": 3, "metric/fd_over_coverage": 60.0, "metric/fd_judge": 2.0},
        {"step": 4, "loss/d": 1.0, "metric/fd_over_coverage_ema": float("nan"), "metric/fd_judge_ema": 1.0},
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(point) + "\n" for point in points))
    with sole(run):
        assert listed()[1].startswith("01-02 03:00  running  4/6      25.0 ema  mlp")
    assert listed()[1].startswith("01-02 03:00  unfinished  4/6      25.0 ema  mlp")


def test_hostile_directories_get_a_line_each_and_the_others_their_row(listed, tmp_path):
    made(tmp_path / "outputs/good", minute=5, status="done", g_steps=6)
    secret = tmp_path / "secret"
    secret.write_text("steps: 1")
    link = made(tmp_path / "outputs/link", status="done", g_steps=6)
    (link / "config.yaml").unlink()
    (link / "config.yaml").symlink_to(secret)
    (made(tmp_path / "outputs/tagged") / "config.yaml").write_text("steps: !!python/object/apply:os.system ['touch x']")
    (made(tmp_path / "outputs/list") / "status.json").write_text("[1]")
    (made(tmp_path / "outputs/open") / "config.yaml").write_text("steps: ${oc.env:HOME}")
    odd = made(tmp_path / "outputs/\x1b[31mred", minute=4, status="\x1b[31mdone" * 20, g_steps=10**15, **BEST)
    (odd / "config.yaml").write_text("steps: [1]\ntechnique: {'" + "t" * 500 + "': 1}\nloss: {_target_: [1]}\n")
    lines = listed("paths=true")
    assert sorted(line.split(" ")[1] for line in lines if line.startswith("skipped: ")) == [
        "outputs/link/config.yaml",
        "outputs/list/status.json",
        "outputs/open/config.yaml",
        "outputs/tagged/config.yaml",
    ]
    assert lines[-1] == "2 of 6 runs"
    assert max(len(line) for line in lines if not line.startswith("skipped: ")) <= WIDTH
    assert "\x1b" not in "".join(lines)
    assert not (tmp_path / "x").exists()
    assert os.environ["HOME"] not in "".join(lines).replace(str(tmp_path), "")


def test_what_is_left_of_a_run_is_listed_with_the_reason(listed, tmp_path):
    out = tmp_path / "outputs"
    run = made(out / "good", status="done", g_steps=6)
    (run / "record.json").write_text("{")  # of which the list tells nothing
    logger = run / "wandb/files"
    for folder in ("good/wandb/files", "broken", "whole", "killed", "odd", "exported"):
        (out / folder).mkdir(parents=True)
    (logger / "config.yaml").write_text("a: 1")  # of another program
    (out / "broken/config.yaml").write_text("steps: [")
    (out / "whole/config.yaml").write_text("steps: 3")
    (out / "killed/record.json").write_text('{"overrides": []}')
    (out / "odd/record.json").write_text("{")
    for name in ("config.yaml", "card.json"):
        (out / "exported" / name).write_text("")
    lines = listed("n=null")
    assert lines[-1] == "1 of 5 runs; where they lie: paths=true"
    skipped = sorted(line for line in lines if line.startswith("skipped: "))
    assert len(skipped) == 4
    for text, words in zip(
        skipped,
        (
            "outputs/broken/config.yaml ",
            "outputs/killed is no whole run: it has record.json, but no config.yaml and no status.json. Begin it again "
            "(resume=outputs/killed), or remove the folder.",
            "outputs/odd/record.json ",
            "outputs/whole is no whole run: it has config.yaml, but no status.json. Restore it, or remove the folder.",
        ),
        strict=True,
    ):
        assert text.startswith(f"skipped: {words}")
    assert sorted(line for line in listed("runs='outputs/*'") if line.startswith("skipped: ")) == skipped
    assert any("outputs/broken" in line for line in listed("n=4")), "by the time of the file that there is"


def test_the_best_is_that_of_the_generator_and_step_with_the_least_quotient():
    assert best_in_words(best_pair({"": [(3.0, 2.0), (1.0, 123.4)], "_ema": [(2.0, 0.5)]})) == "123"
    assert best_in_words(best_pair({"": [(3.0, 2.0)], "_ema": [(2.0, 8.0)]})) == "8.00 ema"
    assert best_in_words(best_pair({"": [(float("nan"), 1.0), (True, "x"), (2.0, None)]})) == "-"


def test_when_a_run_began(tmp_path):
    run = made(tmp_path / "run", minute=7)
    assert date(begun_at(run)) == "01-02 03:07"
    assert date(datetime.datetime(2020, 5, 6).timestamp()) == "2020-05-06"
    (run / "status.json").write_text('{"started": "never"}')
    os.utime(run / "status.json", (1e9, 1e9))
    assert begun_at(run) == 1e9, "the file's own time"


def test_the_list_waits_for_no_torch():
    code = "import sys, gan_lightning.runs.listing; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
