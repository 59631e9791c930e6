"""Each alarm of a sweep is shown with the curve that raised it, its limit, and where it was raised."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from measured import a_run

from gan_lightning.callbacks.signs import EXPLAINS
from gan_lightning.config.compose import compose
from gan_lightning.report.alarm_curves import KINDS, MOST_PANELS, alarm_figure, raised_in
from gan_lightning.report.arms import gather
from gan_lightning.report.comparing import compare
from gan_lightning.report.sweep_page import sweep_page

RESULTS = Path(__file__).parent.parent.parent / "docs" / "results"
ALARM = {"alarm": "alike", "g_steps": 20, "number": "samples/diversity", "value": 0.2, "limit": 0.25,
         "words": "all samples look alike: two of them are near. Type more."}  # fmt: skip


@pytest.fixture(autouse=True)
def closed():
    """Figures that a test looks at and nobody saves are closed after it; pyplot counts those of all tests."""
    yield
    plt.close("all")


def a_run_with(folder, name, curves, *alarms, **config):
    """A run whose ``curves``, tag -> values at steps 10, 20 ..., are logged, with ALARM changed as in ``alarms``."""
    run = a_run(folder, name, None, **config)
    n = max(map(len, curves.values()), default=0)
    lines = [{"step": 10 * (k + 1), **{tag: v[k] for tag, v in curves.items() if k < len(v)}} for k in range(n)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if alarms:
        (run / "alarms.json").write_text(json.dumps({"alarms": [{**ALARM, **alarm} for alarm in alarms]}))
    return run


def drawn(folder):
    return alarm_figure(gather(f"{folder}/*")[0])


def ring(axis):
    """(G step, height) of each mark."""
    return [tuple(line.get_xydata()[0]) for line in axis.lines if line.get_markersize() >= 8]


def test_a_panel_has_the_curves_of_an_arm_the_limit_and_the_marks(tmp_path):
    """Only the words of an alarm were shown for a sweep, and the curve of no run but on its own page."""
    a_run_with(tmp_path, "a", {"samples/diversity": [0.9, 0.2, 0.1]}, {}, loss="wgan", seed=0)
    a_run_with(tmp_path, "b", {"samples/diversity": [0.9, 0.3, 0.2]}, {"g_steps": 30}, loss="wgan", seed=1)
    a_run_with(tmp_path, "c", {"samples/diversity": [0.8, 0.7, 0.6]}, loss="wgan", seed=2)
    a_run_with(tmp_path, "d", {"samples/diversity": [0.7, 0.7, 0.7]}, loss="nsgan")
    figure = drawn(tmp_path)
    (axis,) = figure.axes
    assert axis.get_title() == "All samples look alike\nloss=wgan"
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("G steps", "distance of samples over the data's")
    curves = [line for line in axis.lines if len(line.get_xdata()) == 3]
    assert [list(line.get_ydata()) for line in curves] == [[0.8, 0.7, 0.6], [0.9, 0.2, 0.1], [0.9, 0.3, 0.2]]
    assert curves[0].get_color() == "#BBBBBB", "of the seed without the alarm, pale"
    assert ring(axis) == [(20, 0.2), (30, 0.2)]
    (words,) = axis.texts
    assert (words.get_text(), words.xy[1]) == ("alarm below 0.25", 0.25)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["seed 0", "seed 1"]
    assert legend.get_title().get_text().startswith("ring: the watch raised the alarm here")


def test_two_kinds_have_a_panel_each_in_the_order_of_causes(tmp_path):
    copies = {"alarm": "copied", "number": "samples/copied", "value": 0.5, "limit": 0.2, "words": "samples copy: why"}
    curves = {"samples/diversity": [0.3, 0.2], "samples/copied": [0.1, 0.5]}
    a_run_with(tmp_path, "a", curves, copies, {}, loss="wgan")
    a_run_with(tmp_path, "b", curves, copies, loss="nsgan")
    axes = drawn(tmp_path).axes
    titles = ["All samples look alike\nloss=wgan", "Samples copy\nloss=wgan", "Samples copy\nloss=nsgan"]
    assert sorted(axis.get_title() for axis in axes) == sorted(titles)
    assert axes[0].get_title() == titles[0]
    assert {axis.texts[0].get_text() for axis in axes[1:]} == {"alarm above 0.2"}
    assert axes[1].get_ylim() == axes[2].get_ylim()


@pytest.mark.parametrize(
    ("kind", "number", "value", "limit", "curves", "shown", "limits"),
    [
        ("by_heart", "d/accuracy_held_out", 0.7, 0.85,
         {"d/accuracy_train": [0.6, 0.95], "d/accuracy_held_out": [0.6, 0.7]}, [0, 0.25], [0.1]),
        ("no_progress", "metric/fd_over_coverage", 2.0, 2.0,
         {"metric/fd_over_coverage": [3, 2, 2, 5], "metric/fd_over_coverage_ema": [1, 3, 3, 3]}, [0, 0, 1, 2], [2]),
        ("diverged", "loss", 1e6, 1e6, {"loss/d": [1, 5], "loss/g": [-2, -3e6]}, [2, 3e6], [1e6]),
        ("steps_too_large", "update/g_to_weight", 0.3, 0.2, {"update/g_to_weight": [0.1, 0.3]}, [0.1, 0.3], [0.2]),
        ("new_kind", "some/curve", 2.0, 1.0, {"some/curve": [0, 2]}, [0, 2], [1]),
    ],
)  # fmt: skip
def test_what_is_drawn_is_what_was_held_against_the_limit(tmp_path, kind, number, value, limit, curves, shown, limits):
    """alarms.json names one curve; of some kinds the limit is one of a difference, or of a count of looks."""
    end = 10 * len(shown)
    alarm = {"alarm": kind, "number": number, "value": value, "limit": limit, "g_steps": end, "words": "x: y"}
    a_run_with(tmp_path, "a", curves, alarm)
    (one,) = raised_in(gather(f"{tmp_path}/*")[0])
    (axis,) = drawn(tmp_path).axes
    assert list(axis.lines[0].get_ydata()) == pytest.approx(shown)
    assert one.limits() == limits
    assert ring(axis) == [pytest.approx((end, shown[-1]))]
    assert axis.texts[0].get_text() == f"alarm above {limits[0]:g}"


def test_every_kind_of_alarm_has_its_words():
    assert KINDS.keys() == EXPLAINS.keys()


def test_no_figure_without_an_alarm_and_none_that_fails_for_a_lost_curve(tmp_path):
    run = a_run_with(tmp_path, "a", {"samples/diversity": [0.9]})
    assert drawn(tmp_path) is None
    (run / "alarms.json").write_text(json.dumps({"alarms": [ALARM]}))
    (run / "metrics.jsonl").unlink()
    figure = drawn(tmp_path)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["seed 0 (no curve of a)"]


def test_hostile_alarms_are_text_and_few_panels(tmp_path):
    evil = {"words": "$\\frac{$ <script>: x", "number": "<script>", "limit": 1e300, "g_steps": 2**62}
    kinds = [{"alarm": f"_{k}$\\frac{{$", "number": f"n{k}"} for k in range(40)]
    a_run_with(
        tmp_path,
        "a",
        {"n1": [1.0, 2.0], "<script>": [1e15, -1e15]},
        evil,
        {**evil, "alarm": "copied", "g_steps": 10},
        *kinds,
    )
    figure = drawn(tmp_path)
    assert len(figure.axes) == MOST_PANELS
    assert "30 panels more are not drawn" in figure.legends[0].get_title().get_text()
    text = sweep_page(*gather(f"{tmp_path}/*"), n=2, seed=0, trust=None)
    assert "<script" not in text


def test_compare_and_the_page_of_a_sweep_have_the_figure(tmp_path):
    for name, alarms in (("runs/a", [{}]), ("well/a", [])):
        a_run_with(tmp_path, name, {"samples/diversity": [0.9, 0.2]}, *alarms)
    for folder in ("runs", "well"):
        compare(compose("compare", [f"runs='{tmp_path}/{folder}/*'", f"out={tmp_path}/{folder}-out"]))
    assert (tmp_path / "runs-out/alarms.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "runs-out/alarms.svg").is_file()
    assert not list((tmp_path / "well-out").glob("alarms*"))
    page = (tmp_path / "runs-out/report.html").read_text()
    assert page.split("Alarms of the watch")[1].count("alarm below 0.25") == 1
    assert "alarm below" not in (tmp_path / "well-out/report.html").read_text()


@pytest.mark.parametrize("folder", sorted(RESULTS.glob("*/")), ids=lambda p: p.name)
def test_the_alarms_of_committed_runs_are_shown(folder):
    records = json.loads((folder / "runs.json").read_text())["runs"].values()
    raised = any(record.get("alarms") for record in records)
    assert (folder / "alarms.png").is_file() == raised
    assert ("**Alarms.**" in (folder / "about.md").read_text()) == raised
