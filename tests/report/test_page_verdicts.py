"""The top of a run's page: how it ended, what it reached, its alarms; and what was not measured, and how to get it."""

import json
import re
import shutil

import numpy as np
import pytest

from gan_lightning.config.compose import compose
from gan_lightning.report.page_curves import draw_panels, time_line
from gan_lightning.report.page_tables import tables
from gan_lightning.report.run_page import write_run_page
from gan_lightning.report.verdicts import alarms_in, health, how_it_ended, what_it_reached
from gan_lightning.runs.alarms import read_alarms
from gan_lightning.runs.exported import ZOO, read_card

VANISHES = {
    "alarm": "gradient_vanishes", "g_steps": 40, "number": "grad/g_slope", "value": 0.002, "limit": 0.01,
    "words": "G's gradient vanishes: its loss is flat (alarm below 0.01). Type loss=nsgan.",
}  # fmt: skip
ALIKE = {
    "alarm": "alike", "g_steps": 1500, "number": "samples/diversity", "value": 0.1, "limit": 0.25,
    "words": "all samples look alike: 10% as far apart. Begin again.",
}  # fmt: skip


@pytest.fixture
def run(finished_tiny, tmp_path):
    return shutil.copytree(finished_tiny, tmp_path / "run")


def page(run) -> str:
    write_run_page(compose("report", [f"run={run}"]))
    return (run / "report.html").read_text()


def test_how_a_run_ended_and_how_it_goes_on(run):
    assert how_it_ended({"status": "done", "seconds": 90.0}, run, 8000) == (
        "The run is done: 8,000 steps of G in 1.5 minutes."
    )
    failed = how_it_ended({"status": "failed", "error": "error: D's loss\nis nan"}, run, 5)
    assert failed == (
        f"The run is failed: 5 steps of G. error: D's loss is nan To go on: python -m gan_lightning.train resume={run}"
    )
    assert "To go on: python -m gan_lightning.train resume=" in how_it_ended({"status": "unfinished"}, run, 5)
    assert "write it again when the run has ended" in how_it_ended({"status": "running"}, run, 5)
    assert how_it_ended({"status": "unfinished"}, run / "none", 5) == "The generator was handed on after 5 steps of G."


def test_without_evaluation_the_cheap_one_is_named_and_what_to_type(tmp_path):
    typed = (
        f"Its Frechet distance to test data has not been measured. Type: python -m gan_lightning.evaluate "
        f"run={tmp_path}, and write this page again."
    )
    assert what_it_reached({}, None, tmp_path) == [typed]
    status = {"metric/fd_judge": 9.0, "metric/coverage_judge": 0.1, "metric/fd_judge_ema": 4.0,
              "metric/coverage_judge_ema": 0.25}  # fmt: skip
    assert what_it_reached(status, None, tmp_path) == [
        "The last cheap evaluation during training found a Frechet distance of 4 and a coverage of 25.0% (average of "
        "G, validation images); it has no floor to stand beside.",
        typed,
    ]


def test_health_says_what_was_looked_at(run):
    config = (run / "config.yaml").read_text()
    assert "evaluate_every=0" in health(run, [], None, 5000)[1]
    (run / "config.yaml").write_text(re.sub(r"(class: .*\n)?(    every: )0", r"\g<2>2", config))
    well = "Healthy, as far as the watch sees: it raised no alarm."
    assert health(run, [], None, 1000) == ("well", well)
    state, short = health(run, [], None, 999)
    assert state == "unknown"
    assert "only from 1,000 G steps on: the run is too short" in short
    assert health(run, [VANISHES, ALIKE], None, 5000) == (
        "ill",
        "Not healthy: the watch raised 2 alarms. G's gradient vanishes (after 40 steps); all samples look alike (after "
        "1,500 steps).",
    )
    assert health(run / "none", [], None, 5000)[1] == "Whether its game was healthy is not handed on with a generator."
    (run / "config.yaml").write_text(config.replace("  watch:", "  other:"))
    assert "played without the watch" in health(run, [], None, 5000)[1]


def test_alarms_are_on_the_page_with_step_number_and_what_to_type(run):
    (run / "alarms.json").write_text(json.dumps({"alarms": [ALIKE, VANISHES]}))
    text = page(run)
    assert '<p class="state ill">Not healthy: the watch raised 2 alarms.' in text
    first, second = re.findall(r"<li>(.*?)</li>", text, re.DOTALL)
    assert "<strong>gradient_vanishes</strong> after 40 G steps" in first, "by step, not as they lie in the file"
    assert "(grad/g_slope = 0.002, limit 0.01)" in first
    assert "its loss is flat (alarm below 0.01). Type loss=nsgan." in first
    assert "<strong>alike</strong> after 1,500 G steps" in second


def test_an_alarm_is_marked_in_the_panel_of_its_curve():
    found = {tag: (np.array([0, 2000]), np.array([0.5, 0.1])) for tag in ("grad/g_slope", "samples/diversity")}
    assert "alarm" not in draw_panels(found)
    text = draw_panels(found, [VANISHES, ALIKE])
    assert [text.count(f">alarm {n}<") for n in (1, 2, 3)] == [1, 1, 0]
    slope, differ = (part for part in text.split('id="axes_') if "alarm" in part)
    assert ">alarm 1<" in slope
    assert "Slope of G's loss" in slope
    assert ">alarm 2<" in differ
    assert "How samples differ" in differ
    diverged = {**VANISHES, "alarm": "diverged", "number": "loss"}
    both = draw_panels({"loss/d": found["grad/g_slope"], **found}, [diverged])
    assert both.count(">alarm 1<") == 1
    assert ">2: alike<" in time_line([VANISHES, ALIKE], 2000)
    assert time_line([], 2000) == ""


@pytest.mark.parametrize("text", ['{"alarms": 5}', '{"alarms": [{"alarm": "<script>"}]}', "{", '{"alarms": [null]}'])
def test_a_strangers_alarms_are_refused_and_the_page_says_so(run, text):
    (run / "alarms.json").write_text(text)
    with pytest.raises(ValueError, match=r"alarms\.json is not"):
        read_alarms(run)
    alarms, fault = alarms_in(run)
    assert alarms == []
    assert health(run, alarms, fault, 5)[0] == "unknown"
    shown = page(run)
    assert "Whether it is healthy cannot be said: " in shown
    assert "alarms.json is not" in shown


def measured(**protocol):
    """A metrics.json of one checkpoint, measured as the zoo's mnist was, but for ``protocol``."""
    card = read_card(ZOO / "mnist")["measured"]
    floor = {"frechet_distance": card["floor"]["frechet_distance"], "recall": 0.5}
    column = {"metric": "m", "parameters": {}, "protocol": {**card["protocol"], **protocol}, "floor": floor,
              "values": {"a": {"frechet_distance": 0.7, "recall": 0.4}}}  # fmt: skip
    return {"checkpoints": {"last": {"what": "last checkpoint", "weights": "a"}}, "measured": [column]}


def test_the_zoos_numbers_stand_beside_those_that_were_measured_in_the_same_way():
    (table,) = tables(measured())
    assert table["head"] == ["last checkpoint", "zoo:mnist", "zoo:mnist_conditional", "real"]
    assert table["rows"] == [
        ("frechet_distance", ["0.7", "0.318", "0.2958", "0.1337"]),
        ("recall", ["0.4", "-", "-", "0.5"]),  # another floor: it was measured with other settings
    ]
    assert table["note"] == ""
    (other,) = tables(measured(n_fake=1000))
    assert other["head"] == ["last checkpoint", "real"]
    assert other["note"] == (
        "zoo:mnist and zoo:mnist_conditional were measured with n = 10,000 or in another way: their numbers do not "
        "compare with these."
    )
    assert tables(measured(dataset="digits"))[0]["note"] == ""
