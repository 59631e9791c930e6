"""Numbers of several runs stand in one table only if they were measured alike."""

import csv
import json
import math

import pytest
from measured import PROTOCOL, a_run, column, earlier, measurements, tables

from gan_lightning.report import figures as comparison_figures
from gan_lightning.report import page_arms
from gan_lightning.report.arms import arms, gather
from gan_lightning.report.columns import summary
from gan_lightning.report.comparison import all_tables, markdown, write_csv
from gan_lightning.report.figures import draw_curves
from gan_lightning.report.page_arms import draw_bands
from gan_lightning.runs.measurements import merge

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


def ends_of_band(axis):
    (band,) = axis.collections
    heights = band.get_paths()[0].vertices[:, 1]
    return float(heights.min()), float(heights.max())


def test_a_band_ends_where_the_values_of_its_curve_do(tmp_path, monkeypatch):
    """Where one seed covers 0 and the other 0.2, a deviation below their mean is no coverage; a score has no ends."""
    tags = {"metric/fd_judge": 10, "metric/coverage_judge": 1, "d/fake_prob": 1, "d/fake_score": 1}
    for seed, values in enumerate(((0.0, 0.8), (0.2, 1.0))):
        run = a_run(tmp_path, f"s{seed}", None, seed=seed)
        lines = [{"step": k, **{tag: size * v for tag, size in tags.items()}} for k, v in enumerate(values)]
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    runs = gather(f"{tmp_path}/*")[0]
    figures = []
    monkeypatch.setattr(comparison_figures, "save_figure", lambda figure, path: figures.append(figure))
    draw_curves(runs, tmp_path / "curves.png")
    low, high = 0.1 - 0.02**0.5, 0.9 + 0.02**0.5
    found = {axis.get_title(): ends_of_band(axis) for axis in figures[0].axes}
    assert found == {
        "Frechet distance of G": pytest.approx((0, 10 * high)),
        "Coverage of real data by G": (0, 1),
        "Probability that D gives samples": (0, 1),
        "Score that D gives samples": pytest.approx((low, high)),
    }
    monkeypatch.setattr(page_arms, "svg_of", lambda figure: figures.append(figure) or "")
    draw_bands(arms(runs))
    found = {axis.get_title(): ends_of_band(axis) for axis in figures[1].axes}
    assert found["Coverage of real data"] == found["Probability that D gives samples"] == (0, 1)
    assert found["Score that D gives samples"] == pytest.approx((low, high))


def test_arms_of_the_same_words_and_other_defaults_are_told_apart(tmp_path):
    for name, width in (("a", 1), ("b", 2), ("c", 3)):
        run = a_run(tmp_path, name, measurements(column("fd", {"fd": 1.0 * width}) if width > 1 else None))
        (run / "metrics.json").unlink() if width == 1 else None
        (run / "config.yaml").write_text(json.dumps({"seed": 0, "width": width}))
    (rows,) = tables(tmp_path).values()
    told = [(row["arm"], row["fd"]) for row in rows]
    assert told[:2] == [("all width=2", "2"), ("all width=3", "3")]


def test_an_arm_that_typed_nothing_has_the_word_of_its_configuration(tmp_path):
    """It was called loss=default, which says nothing to a reader of the table."""
    for name, loss, typed in (("a", "nsgan", []), ("b", "mmgan", ["loss=mmgan", "technique.r1.weight=3"])):
        run = a_run(tmp_path, name, measurements(column("fd", {"fd": 1.0})))
        target = f"gan_lightning.losses.{loss}.{loss.upper()}"
        config = {"seed": 0, "loss": {"_target_": target, "real_target": 1.0}}
        (run / "config.yaml").write_text(json.dumps(config))
        (run / "record.json").write_text(json.dumps({"overrides": typed}))
    assert list(arms(gather(f"{tmp_path}/*")[0])) == [
        "loss=nsgan technique.r1.weight=none", "loss=mmgan technique.r1.weight=3",
    ]  # fmt: skip


def curve_runs(tmp_path, **floors):
    """Two arms of two seeds with a curve each, whose status.json has a floor."""
    for i, (name, floor) in enumerate(floors.items()):
        for seed in (0, 1):
            run = a_run(tmp_path, f"{name}{seed}", None, seed=seed, loss=name)
            lines = [{"step": s, "metric/fd_judge": 9.0 / s + i + seed} for s in (1, 2, 3)]
            (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            status = {"status": "done", "g_steps": 3} | ({"floor_fd_judge": floor} if floor else {})
            (run / "status.json").write_text(json.dumps(status))
    return gather(f"{tmp_path}/*")[0]


def test_the_figure_of_curves_says_all_that_it_shows(tmp_path, monkeypatch):
    """Its titles were tags, its axes had no units, its legend lay over the data, and no line showed the floor."""
    figures = []
    monkeypatch.setattr(comparison_figures, "save_figure", lambda figure, path: figures.append(figure))
    draw_curves(curve_runs(tmp_path, nsgan=0.25, mmgan=0.251), tmp_path / "curves.png")
    (axis,) = figures[0].axes
    assert axis.get_title() == "Frechet distance of G"
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("G steps", "distance to validation images")
    assert [text.get_text() for text in axis.texts] == ["real training images: 0.251"]
    assert list(axis.lines[-1].get_ydata()) == pytest.approx([0.2505, 0.2505])
    assert axis.get_ylim()[0] < 0.25
    (legend,) = figures[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["loss=mmgan (2)", "loss=nsgan (2)"]
    assert legend.get_title().get_text() == "mean over the seeds (their number), shaded: standard deviation (n - 1)"


@pytest.mark.parametrize("floors", [{"nsgan": 0.2, "mmgan": 0.3}, {"nsgan": None, "mmgan": None}, {"nsgan": "x"}])
def test_there_is_no_floor_line_where_the_runs_agree_on_none(tmp_path, floors):
    assert comparison_figures.floor_of(curve_runs(tmp_path, **floors), "metric/fd_judge") is None


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


def test_a_checkpoint_that_trained_on_leaves_its_numbers_behind(tmp_path):
    """They stay in the file, under the weights that they belong to, and compare shows them no more."""
    old = measurements(column("fd", {"fd": 3.0}), column("parzen", {"parzen_ll": 160.0}))
    now = merge(old, measurements(column("fd", {"fd": 2.0}, "bbb"), weights="bbb", g_steps=12))
    assert now["measured"][0]["values"] == {"aaa": {"fd": 3.0}, "bbb": {"fd": 2.0}}
    a_run(tmp_path, "a", now)
    (rows,) = tables(tmp_path).values()
    assert rows[0] == {"arm": "all", "seeds": "1", "g_steps": "12", "fd": "2"}
