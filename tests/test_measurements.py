"""Every number that was measured of a run is kept, with how it was measured, and none stands beside another's."""

import csv
import json
import math
import shutil
import statistics

import numpy as np
import pytest
import torch
from conftest import TINY

from gan_lightning.config.compose import compose
from gan_lightning.report import arms
from gan_lightning.report import figures as comparison_figures
from gan_lightning.report.arms import gather
from gan_lightning.report.columns import summary
from gan_lightning.report.comparison import all_tables, markdown, write_csv, write_origins
from gan_lightning.report.figures import draw_curves
from gan_lightning.report.measuring import evaluate_runs, table
from gan_lightning.runs.measurements import merge, read_measurements, weights_of
from gan_lightning.training.setup import train

DIGITS = [o for o in TINY if not o.startswith("data")] + ["data=digits"]
PROTOCOL = {"dataset": "digits", "split": "test", "n_fake": 297, "n_real": 297, "judge_sha256": "f17e473ad24e",
            "floor": "as ever", "seed": 1}  # fmt: skip


def earlier(values, g_steps=6, **protocol):
    """metrics.json as it was before settings were kept."""
    checkpoints = {"last": {"g_steps": g_steps, **values}}
    return {"protocol": {**PROTOCOL, **protocol}, "checkpoints": checkpoints, "floor": dict.fromkeys(values, 0.5)}


def column(metric, values, weights="aaa", **parameters):
    return {"metric": metric, "function": metric, "of": ["test_features", "fake_features"], "parameters": parameters,
            "protocol": PROTOCOL, "floor": dict.fromkeys(values, 0.5), "values": {weights: values}}  # fmt: skip


def measurements(*columns, weights="aaa", g_steps=6, what="last checkpoint"):
    last = {"what": what, "generator": "G", "g_steps": g_steps, "weights": weights}
    return {"checkpoints": {"last": last}, "measured": list(columns)}


def a_run(folder, name, metrics, seed=0, **config):
    run = folder / name
    run.mkdir(parents=True)
    overrides = [f"{k}={v}" for k, v in {**config, "seed": seed}.items()]
    (run / "config.yaml").write_text(json.dumps({"seed": seed, **config}))
    (run / "status.json").write_text(json.dumps({"status": "done", "g_steps": 6}))
    (run / "record.json").write_text(json.dumps({"overrides": overrides}))
    if metrics:
        (run / "metrics.json").write_text(json.dumps(metrics))
    return run


def tables(folder):
    """Title -> rows, each heading -> cell."""
    runs, missing, _ = gather(f"{folder}/*")
    found = {}
    for part in all_tables(runs, missing).split("### ")[1:]:
        cells = [[c.strip() for c in line.split("|")[1:-1]] for line in part.splitlines() if line.startswith("|")]
        if cells:
            rows = [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]
            found.setdefault(part.splitlines()[0], []).extend(rows)
    return found


# compare ---------------------------------------------------------------------------------------------------


def test_runs_with_other_metrics_stand_in_one_table_with_a_dash(tmp_path):
    """It ended in KeyError: 'parzen_ll', or dropped the columns that the first run did not have."""
    a_run(tmp_path, "a", earlier({"frechet_distance": 3.0, "parzen_ll": 160.0}), loss="nsgan")
    a_run(tmp_path, "b", earlier({"frechet_distance": 4.0}), loss="mmgan")
    (rows,) = tables(tmp_path).values()
    assert [(r["arm"], r["frechet_distance"], r["parzen_ll"]) for r in rows] == [
        ("loss=nsgan", "3", "160"),
        ("loss=mmgan", "4", "-"),
        ("real training images", "0.5", "0.5"),
    ]


def test_a_mean_says_of_how_many_seeds_it_is(tmp_path):
    a_run(tmp_path, "a", earlier({"frechet_distance": 3.0}), seed=0)
    a_run(tmp_path, "b", earlier({"frechet_distance": 5.0, "parzen_ll": 160.0}), seed=1)
    ((row, _),) = tables(tmp_path).values()
    assert (row["seeds"], row["frechet_distance"], row["parzen_ll"]) == ("2", "4 +- 1.4", "160 (1 of 2)")


def test_numbers_of_other_settings_have_columns_of_their_own(tmp_path):
    a_run(tmp_path, "a", measurements(column("neighbours", {"recall": 0.3}, k=5)), loss="nsgan")
    a_run(tmp_path, "b", measurements(column("neighbours", {"recall": 0.2}, k=2)), loss="mmgan")
    (rows,) = tables(tmp_path).values()
    cells = [(r["arm"], r["recall (neighbours: k = 5)"], r["recall (neighbours: k = 2)"]) for r in rows]
    assert cells[:2] == [("loss=nsgan", "0.3", "-"), ("loss=mmgan", "-", "0.2")]
    runs, missing, _ = gather(f"{tmp_path}/*")
    text = all_tables(runs, missing)
    assert " neighbours: k = 5. neighbours: k = 2." in text, "the settings stand above the table too"


@pytest.mark.parametrize(
    "other", [{"seed": 2}, {"n_fake": 100}, {"judge_sha256": "0" * 12}, {"rows": "100 of 297, by a fixed permutation"}]
)
def test_numbers_of_another_protocol_have_a_table_of_their_own(tmp_path, other):
    a_run(tmp_path, "a", earlier({"frechet_distance": 3.0}), loss="nsgan")
    a_run(tmp_path, "b", earlier({"frechet_distance": 4.0}, **other), loss="mmgan")
    runs, missing, _ = gather(f"{tmp_path}/*")
    text = all_tables(runs, missing)
    assert text.count("### digits, last checkpoint") == 2
    assert "| loss=nsgan | 1 | 6 | 3 |" in text, "an arm has its name from all runs, also where it is alone"
    assert ("by a fixed permutation" in text) == ("rows" in other)


def test_a_seed_that_follows_the_runs_is_no_difference_and_the_number_of_processes_is(tmp_path):
    def runs(name, **other):
        folder = tmp_path / name
        for seed in (0, 1):
            own = {k: v[seed] for k, v in other.items()}
            a_run(folder, f"seed-{seed}", earlier({"frechet_distance": 3.0 + seed}), seed=seed, **own)
        ((*rows, _),) = tables(folder).values()
        return [r["seeds"] for r in rows]

    assert runs("follows", technique=[{"virtual_batch_norm": {"seed": s}} for s in (0, 1)]) == ["2"]
    assert runs("fixed", technique=[{"virtual_batch_norm": {"seed": 7}}] * 2) == ["2"]
    assert runs("other", technique=[{"virtual_batch_norm": {"seed": s}} for s in (7, 8)]) == ["1", "1"]
    assert runs("processes", devices=(1, 2)) == ["1", "1"]
    assert runs("computed elsewhere", trainer=[{"accelerator": a} for a in ("cpu", "gpu")]) == ["2"]
    assert runs("saved otherwise", checkpoint_every=(100, 200), checkpoint_seconds=(1, 2)) == ["2"]


def test_what_is_not_finite_is_told_and_not_averaged():
    """statistics.stdev raises on inf, which mode_coverage yields where no point is good."""
    inf, nan = math.inf, math.nan
    assert summary([1.0, 3.0]) == "2 +- 1.4"
    assert summary([1.0, 3.0, inf]) == "2 +- 1.4 (2 of 3; 1 inf)"
    assert summary([1.0, nan, inf]) == "1 (1 of 3; 1 nan; 1 inf)"
    assert summary([inf, inf]) == "inf"
    assert summary([1.0, 3.0], of=3) == "2 +- 1.4 (2 of 3)"
    assert summary([], of=3) == "-"
    assert summary([10, 10]) == "10"


def test_a_checkpoint_is_what_evaluate_found_it_to_be(tmp_path):
    """Not what the first letters of its name suggest: 0005000 was chosen by nobody."""
    numbered = earlier({"frechet_distance": 3.0})
    numbered["checkpoints"]["0000005"] = {"g_steps": 5, "frechet_distance": 3.5}
    a_run(tmp_path, "a", numbered)
    assert set(tables(tmp_path)) == {"digits, last checkpoint", "digits, checkpoint 0000005.ckpt"}


def test_the_csv_has_a_row_per_checkpoint_and_protocol_with_all_it_depends_on(tmp_path):
    two = measurements(
        column("neighbours", {"recall": 0.3}, k=5), {**column("fd", {"fd": 1.0}), "protocol": {**PROTOCOL, "seed": 2}}
    )
    a_run(tmp_path / "runs", "a", two)
    a_run(tmp_path / "runs", "b", measurements(column("neighbours", {"recall": 0.2}, k=2)), loss="mmgan")
    write_csv(gather(f"{tmp_path}/runs/*")[0], tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    five, two = "recall (neighbours: k = 5)", "recall (neighbours: k = 2)"
    found = [(r["run"], r["checkpoint"], r["what"], r[five], r[two], r["fd"], r["seed"], r["settings"]) for r in rows]
    assert found == [
        ("a", "last", "last checkpoint", "0.3", "-", "-", "1", "neighbours: k = 5"),
        ("a", "last", "last checkpoint", "-", "-", "1.0", "2", ""),
        ("b", "last", "last checkpoint", "-", "0.2", "-", "1", "neighbours: k = 2"),
    ]


def test_the_csv_names_the_settings_of_all_that_a_row_has(tmp_path):
    two = (
        column("neighbours", {"recall": 0.3}, k=5),
        column("parzen", {"ll": 1.0}, sigma=0.2),
        column("fd", {"fd": 2.0}),
    )
    a_run(tmp_path / "runs", "a", measurements(*two))
    write_csv(gather(f"{tmp_path}/runs/*")[0], tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        assert [row["settings"] for row in csv.DictReader(file)] == ["neighbours: k = 5; parzen: sigma = 0.2"]


def test_the_curves_are_those_that_the_runs_have(tmp_path):
    """A critic has scores: its sheet had two empty panels."""
    for name, keys in {"a": ["metric/fd_judge", "d/real_score"], "b": ["metric/fd_judge", "d/real_prob"]}.items():
        run = a_run(tmp_path, name, None, loss=name)
        (run / "metrics.jsonl").write_text(json.dumps({"step": 1, **dict.fromkeys(keys, 0.5)}) + "\n")
    runs, _, _ = gather(f"{tmp_path}/*")
    assert draw_curves(runs, tmp_path / "curves.png") == ["metric/fd_judge", "d/real_prob", "d/real_score"]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_curve_of_one_point_is_seen(tmp_path, monkeypatch):
    """Runs of 200 steps have one evaluation, at their end: a line through one point is nothing."""
    for seed, value in enumerate((2.0, 4.0)):
        run = a_run(tmp_path, f"s{seed}", None, seed=seed)
        lines = [{"step": s, "d/real_prob": 0.5} for s in range(50)] + [{"step": 50, "metric/fd_judge": value}]
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    figures = []
    monkeypatch.setattr(comparison_figures, "save_figure", lambda figure, path: figures.append(figure))
    draw_curves(gather(f"{tmp_path}/*")[0], tmp_path / "curves.png")
    one, many = figures[0].axes
    (mean,), (bars,) = one.lines[:1], one.containers
    assert (mean.get_marker(), *mean.get_xydata()[0]) == ("o", 50, 3)
    assert bars.lines[2][0].get_segments()[0][:, 1] == pytest.approx([3 - 2**0.5, 3 + 2**0.5])
    assert (many.lines[0].get_marker(), many.containers) == ("None", [])


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


def test_arms_of_the_same_words_and_other_defaults_are_told_apart(tmp_path):
    for name, width in (("a", 1), ("b", 2), ("c", 3)):
        run = a_run(tmp_path, name, measurements(column("fd", {"fd": 1.0 * width}) if width > 1 else None))
        (run / "metrics.json").unlink() if width == 1 else None
        (run / "config.yaml").write_text(json.dumps({"seed": 0, "width": width}))
    (rows,) = tables(tmp_path).values()
    told = [(row["arm"], row["fd"]) for row in rows]
    assert told[:2] == [("all (other defaults)", "2"), ("all (other defaults) (other defaults)", "3")]


def test_a_table_has_the_columns_of_its_first_row():
    assert markdown([{"a": "1", "b": "x|y"}, {"b": "2"}]).splitlines() == [
        "| a | b |",
        "|---|---|",
        "| 1 | x\\|y |",
        "|  | 2 |",
    ]


def test_a_folder_without_runs_has_nothing_to_compare(tmp_path):
    with pytest.raises(ValueError) as refused:
        gather(f"{tmp_path}/*")
    assert str(refused.value) == (
        f"runs={tmp_path}/* holds no run. Give a multirun directory, a glob in quotes, or latest."
    )


def test_the_table_of_evaluate_to_the_letter():
    now = measurements(column("fd", {"fd": 3.0}), column("neighbours", {"precision": 0.25, "recall": 0.125}))
    now["checkpoints"]["best"] = {**now["checkpoints"]["last"], "g_steps": 4}
    assert table(now).split("\n") == [
        "  n = 297, seed 1                 last (6 steps)        best (4 steps)     real train images",
        "  fd                                      3.0000                3.0000                0.5000",
        "  precision                               0.2500                0.2500                0.5000",
        "  recall                                  0.1250                0.1250                0.5000",
    ]
    assert table({"checkpoints": {}, "measured": []}) == "  n = 0, seed None             real train images"


def test_the_mean_and_spread_of_seeds_that_end_at_different_steps():
    curves = [(np.array([1, 2, 3]), np.array([1.0, 2.0, 3.0])), (np.array([2, 3]), np.array([4.0, 7.0])),
              (np.array([3]), np.array([8.0]))]  # fmt: skip
    steps, mean, sd = comparison_figures.mean_and_spread(curves)
    assert list(steps) == [1, 2, 3]
    assert list(mean) == [1, 3, 6]
    assert list(sd) == pytest.approx([0, statistics.stdev([2, 4]), statistics.stdev([3, 7, 8])])


# metrics.json ----------------------------------------------------------------------------------------------


def test_measuring_again_replaces_what_was_measured_alike_and_nothing_else():
    old = measurements(column("neighbours", {"recall": 0.3}, k=5), column("parzen", {"parzen_ll": 160.0}))
    again = merge(old, measurements(column("neighbours", {"recall": 0.4}, k=5)))
    assert [c["values"]["aaa"] for c in again["measured"]] == [{"recall": 0.4}, {"parzen_ll": 160.0}]
    other = merge(old, measurements(column("neighbours", {"recall": 0.2}, k=2)))
    assert [c["values"]["aaa"] for c in other["measured"]] == [{"recall": 0.3}, {"parzen_ll": 160.0}, {"recall": 0.2}]
    for key, value in {"protocol": {**PROTOCOL, "seed": 2}, "of": ["validation_features"], "function": "f"}.items():
        changed = {**column("neighbours", {"recall": 0.9}, k=5), key: value}
        assert len(merge(old, measurements(changed))["measured"]) == 3, key
    assert old["measured"][0]["values"]["aaa"] == {"recall": 0.3}, "what was read is left alone"


def test_a_checkpoint_that_trained_on_leaves_its_numbers_behind(tmp_path):
    """They stay in the file, under the weights that they belong to, and compare shows them no more."""
    old = measurements(column("fd", {"fd": 3.0}), column("parzen", {"parzen_ll": 160.0}))
    now = merge(old, measurements(column("fd", {"fd": 2.0}, "bbb"), weights="bbb", g_steps=12))
    assert now["measured"][0]["values"] == {"aaa": {"fd": 3.0}, "bbb": {"fd": 2.0}}
    a_run(tmp_path, "a", now)
    (rows,) = tables(tmp_path).values()
    assert rows[0] == {"arm": "all", "seeds": "1", "g_steps": "12", "fd": "2"}


def test_an_earlier_file_is_read_and_its_numbers_stay_with_their_checkpoint(tmp_path):
    run = a_run(tmp_path, "a", earlier({"fd": 3.0, "parzen_ll": 160.0}))
    old = read_measurements(run / "metrics.json")
    kept = merge(old, measurements(column("fd", {"fd": 2.9})))
    assert kept["measured"][0]["values"] == {"aaa": {"fd": 3.0, "parzen_ll": 160.0}}
    moved_on = merge(old, measurements(column("fd", {"fd": 2.9}), g_steps=12))
    assert "aaa" not in moved_on["measured"][0]["values"]


@pytest.mark.parametrize("text", ["{", "[]", '{"checkpoints": {}}', '{"checkpoints": {"last": 3}, "measured": []}'])
def test_a_file_that_is_none_of_ours_is_named(tmp_path, text):
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(ValueError, match=r"metrics.json is not what evaluate writes \(.*Move it away"):
        read_measurements(tmp_path / "metrics.json")


def test_weights_have_the_name_of_what_they_hold():
    torch.manual_seed(0)
    G = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    before = weights_of(G)
    assert before == weights_of(G)
    G[1].running_mean += 1
    assert weights_of(G) != before, "a buffer counts too"


# evaluate --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train(compose("train", [*DIGITS, "evaluate_every=3"]), folder, ["data=digits"])
    return folder


def test_fast_metrics_do_not_overwrite_the_full_ones(trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    evaluate_runs(compose("evaluate", [f"run={run}"]))
    full = read_measurements(run / "metrics.json")
    evaluate_runs(compose("evaluate", [f"run={run}", "metrics=fast"]))
    assert read_measurements(run / "metrics.json") == full, "the same numbers again, and Parzen's still there"
    evaluate_runs(compose("evaluate", [f"run={run}", "metrics=fast", "metrics.neighbours.metric.k=2"]))
    both = read_measurements(run / "metrics.json")
    by_k = {c["parameters"]["k"]: c for c in both["measured"] if c["metric"] == "neighbours"}
    assert set(by_k) == {5, 2}
    assert len(both["measured"]) == len(full["measured"]) + 1
    weights = both["checkpoints"]["last"]["weights"]
    assert by_k[5]["values"][weights] != by_k[2]["values"][weights]


def test_the_record_says_all_that_a_number_depends_on(trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    evaluate_runs(compose("evaluate", [f"run={run}", "metrics=fast", "seed=4"]))
    found = {c["metric"]: c for c in read_measurements(run / "metrics.json")["measured"]}
    assert found["neighbours"]["parameters"] == {"k": 5}
    assert found["memorisation"]["parameters"] == {"limit": 2000, "n_train": 1500}
    assert found["frechet_distance"]["of"] == ["test_features", "fake_features"]
    protocol = found["neighbours"]["protocol"]
    assert {k: protocol[k] for k in ("dataset", "split", "n_fake", "n_real", "rows", "seed")} == {
        "dataset": "digits", "split": "test", "n_fake": 297, "n_real": 297, "rows": "all", "seed": 4,
    }  # fmt: skip
    assert len(protocol["judge_sha256"]) == 64
