"""The report of a sweep and its CSV, to the letter."""

import json
import statistics

import numpy as np
import pytest
from measured import PROTOCOL, a_run, column, measurements

from gan_lightning.report import arms
from gan_lightning.report import figures as comparison_figures
from gan_lightning.report.arms import gather
from gan_lightning.report.comparison import all_tables, write_csv, write_origins
from gan_lightning.report.measuring import checkpoint_table


def a_sweep(folder):
    """Two arms, one of two seeds; one run failed, one was not evaluated, one cannot be read."""
    two = {"metric": "neighbours", "parameters": {"k": 5}, "of": ["test_features"], "function": "f"}
    rows = {**PROTOCOL, "rows": "100 of 297, by a fixed permutation"}
    for name, recall, fd, seed in (("a", 0.25, 3.0, 0), ("b", 0.75, 5.0, 1)):
        columns = [
            {**two, "protocol": PROTOCOL, "floor": {"recall": 0.5}, "values": {"aaa": {"recall": recall}}},
            {**column("fd", {"fd": fd}), "protocol": rows},
        ]
        a_run(folder, name, measurements(*columns, g_steps=6 + seed), seed=seed, loss="nsgan", steps=7)
    run = a_run(folder, "c", measurements(column("fd", {"fd": 4.0})), loss="mmgan", steps=7)
    (run / "status.json").write_text(json.dumps({"status": "failed", "g_steps": 3, "host": "h", "pid": 1, "x": 2}))
    a_run(folder, "d", None, loss="mmgan", steps=7)
    (a_run(folder, "e", None) / "record.json").write_text('{"overrides": [1]}')


def test_the_report_of_a_sweep_to_the_letter(tmp_path):
    a_sweep(tmp_path)
    runs, missing, folder = gather(f"{tmp_path}/*")
    assert folder == tmp_path
    assert (
        all_tables(runs, {"f|": "missing", **missing})
        == f"""\
### digits, last checkpoint

297 samples against 297 test images, sample seed 1, judge f17e473ad24e; mean +- standard deviation (n - 1) over \
training seeds. neighbours: k = 5.

| arm | seeds | g_steps | recall | fd |
|---|---|---|---|---|
| loss=nsgan | 2 | 6.5 +- 0.71 | 0.5 +- 0.35 | - |
| loss=mmgan | 1 | 6 | - | 4 |
| real training images |  |  | 0.5 | 0.5 |

### digits, last checkpoint

297 samples against 297 test images, 100 of 297, by a fixed permutation, sample seed 1, judge f17e473ad24e; \
mean +- standard deviation (n - 1) over training seeds.

| arm | seeds | g_steps | fd |
|---|---|---|---|
| loss=nsgan | 2 | 6.5 +- 0.71 | 4 +- 1.4 |
| real training images |  |  | 0.5 |

### Not in the tables, or not to the end

- c: failed
- f\\|: missing
- e: cannot be read: {tmp_path}/e/record.json has no list of overrides. Restore it.
- d: done, not evaluated
"""
    )


def test_the_csv_of_a_sweep_to_the_letter(tmp_path):
    a_sweep(tmp_path / "s")
    write_csv(gather(f"{tmp_path}/s/*")[0], tmp_path / "table.csv")
    how = "digits,as ever,f17e473ad24e,297,297,1,test"
    rows = "100 of 297, by a fixed permutation"
    assert (tmp_path / "table.csv").read_bytes().decode().split("\r\n") == [
        "arm,run,train_seed,status,checkpoint,what,g_steps,recall,dataset,floor,judge_sha256,n_fake,n_real,seed,split,"
        "settings,fd,rows",
        f"loss=nsgan,a,0,done,last,last checkpoint,6,0.25,{how},neighbours: k = 5,-,-",
        f'loss=nsgan,a,0,done,last,last checkpoint,6,-,{how},,3.0,"{rows}"',
        f"loss=nsgan,b,1,done,last,last checkpoint,7,0.75,{how},neighbours: k = 5,-,-",
        f'loss=nsgan,b,1,done,last,last checkpoint,7,-,{how},,5.0,"{rows}"',
        f"loss=mmgan,c,0,failed,last,last checkpoint,6,-,{how},,4.0,-",
        "",
    ]


def test_a_published_configuration_has_no_path_of_the_machine(tmp_path):
    a_sweep(tmp_path / "s")
    file = tmp_path / "s" / "a" / "config.yaml"
    file.write_text("steps: 7\nseed: 0\ndata:\n  root: /home/me/data\n  split: train60k\n")
    (run,) = [r for r in gather(f"{tmp_path}/s/*")[0] if r.path.name == "a"]
    write_origins([run], tmp_path / "s", tmp_path)
    assert (tmp_path / "configs" / "a.yaml").read_text() == file.read_text().replace("/home/me/data", "data")
    assert "/home/me/data" in file.read_text()


def test_where_the_numbers_come_from(tmp_path):
    a_sweep(tmp_path / "s")
    runs, _, folder = gather(f"{tmp_path}/s/*")
    (tmp_path / "out").mkdir()
    for _ in range(2):  # again, into the same folder
        write_origins(runs, folder, tmp_path / "out")
    assert {p.name: p.read_text() for p in (tmp_path / "out" / "configs").iterdir()} == {
        f"{run.path.name}.yaml": (run.path / "config.yaml").read_text() for run in runs
    }
    told = json.loads((tmp_path / "out" / "runs.json").read_text())
    assert told["sweep"] == []
    assert told["runs"]["c"] == {
        "status": "failed", "g_steps": 3, "x": 2, "overrides": ["loss=mmgan", "steps=7", "seed=0"],
    }  # fmt: skip
    (tmp_path / "s" / "multirun.yaml").write_text("hydra: {overrides: {task: ['seed=0,1'], hydra: []}}")
    write_origins(runs, folder, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "runs.json").read_text())["sweep"] == ["seed=0,1"]
    (tmp_path / "s" / "multirun.yaml").write_text("hydra: {}")
    write_origins(runs, folder, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "runs.json").read_text())["sweep"] == []


def test_a_multirun_tells_which_jobs_never_began_and_a_damaged_one_shows_what_is_there(tmp_path, monkeypatch, caplog):
    a_sweep(tmp_path)
    (tmp_path / "multirun.yaml").write_text("")
    (tmp_path / "notes").mkdir()
    told = {"b": "done", "f": "missing", "a": "done", "g": "unfinished"}
    monkeypatch.setattr(arms, "statuses", lambda folder: told if folder == tmp_path else None)
    runs, missing, folder = gather(str(tmp_path))
    assert ([run.path.name for run in runs], missing, folder) == (["b", "a"], {"f": "missing"}, tmp_path)
    assert not caplog.messages

    def odd(folder):
        raise ValueError("multirun.yaml is odd")

    monkeypatch.setattr(arms, "statuses", odd)
    runs, missing, _ = gather(str(tmp_path))
    assert [run.path.name for run in runs] == ["a", "b", "c", "d"]
    assert list(missing) == ["e"]
    assert caplog.messages == ["multirun.yaml is odd"]


def test_the_table_of_evaluate_to_the_letter():
    now = measurements(column("fd", {"fd": 3.0}), column("neighbours", {"precision": 0.25, "recall": 0.125}))
    now["checkpoints"]["best"] = {**now["checkpoints"]["last"], "g_steps": 4}
    assert checkpoint_table(now).split("\n") == [
        "  n = 297, seed 1                 last (6 steps)        best (4 steps)     real train images",
        "  fd                                      3.0000                3.0000                0.5000",
        "  precision                               0.2500                0.2500                0.5000",
        "  recall                                  0.1250                0.1250                0.5000",
    ]
    assert checkpoint_table({"checkpoints": {}, "measured": []}) == "  n = 0, seed None             real train images"


def test_the_mean_and_spread_of_seeds_that_end_at_different_steps():
    curves = [(np.array([1, 2, 3]), np.array([1.0, 2.0, 3.0])), (np.array([2, 3]), np.array([4.0, 7.0])),
              (np.array([3]), np.array([8.0]))]  # fmt: skip
    steps, mean, sd = comparison_figures.mean_and_spread(curves)
    assert list(steps) == [1, 2, 3]
    assert list(mean) == [1, 3, 6]
    assert list(sd) == pytest.approx([0, statistics.stdev([2, 4]), statistics.stdev([3, 7, 8])])
