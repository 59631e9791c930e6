"""The watch and the loggers where two processes play: the first alone looks, warns and writes."""

import csv
import json
from pathlib import Path

import pytest
from commands import done as command
from conftest import TINY
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

pytestmark = pytest.mark.slow

# Neither BatchNorm nor dropout, which see one process's share of the batch.
GAME = [
    *(o for o in TINY if not o.startswith(("network.", "log_every"))),
    *("network=points", "network.G.hidden=[16]", "network.D.hidden=[16]", "optimizer=sgd", "logger=[default,csv]"),
    *("steps=20", "log_every=5", "callbacks.watch.every=5", "callbacks.watch.often=5"),
    # samples are never so different: the alarm's sign is there at each of the four looks
    *("callbacks.watch.limits.begin=1", "callbacks.watch.limits.looks=2", "callbacks.watch.limits.diversity=100"),
]
WATCHED = ("d/accuracy_train", "d/accuracy_held_out", "d/jsd_lower_bound", "samples/diversity", "samples/copied",
           "update/d_to_weight", "update/g_to_weight", "grad/g_slope")  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """(folder with the runs ``one`` and ``two``, what each said)."""
    folder = tmp_path_factory.mktemp("watched")
    one = command(folder, *GAME, "hydra.run.dir=one")
    two = command(folder, *GAME, "trainer=ddp", "devices=2", "hydra.run.dir=two")
    return folder, one, two


def lines(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_two_processes_log_what_the_watch_of_one_sees(played):
    folder, *_ = played
    one, two = lines(folder / "one"), lines(folder / "two")
    assert [(line["step"], line.keys()) for line in one] == [(line["step"], line.keys()) for line in two]
    assert {line["step"] for line in two} == {5, 10, 15, 20}
    for tag in WATCHED:
        seen = [(a[tag], b[tag]) for a, b in zip(one, two, strict=True) if tag in a]
        assert len(seen) == 4, tag
        for alone, together in seen:
            assert together == pytest.approx(alone, rel=1e-3, abs=1e-6), tag


def test_an_alarm_is_raised_once_and_not_by_each_process(played):
    folder, *said = played
    one, two = (json.loads((folder / run / "alarms.json").read_text())["alarms"] for run in ("one", "two"))
    assert [(entry["alarm"], entry["g_steps"]) for entry in two] == [("alike", 10)]
    assert [(entry["alarm"], entry["g_steps"]) for entry in one] == [("alike", 10)]
    assert two[0]["value"] == pytest.approx(one[0]["value"], rel=1e-3)
    assert [text.count("ALARM after 10 G steps") for text in said] == [1, 1]
    assert json.loads((folder / "two/status.json").read_text())["alarms"] == ["alike"]
    events = EventAccumulator(str(folder / "two/tensorboard"))
    events.Reload()
    assert [event.step for event in events.Tensors("alarms/alike/text_summary")] == [10]


def test_the_first_process_alone_writes_the_table(played):
    folder, *_ = played
    assert [str(path.relative_to(folder)) for path in sorted(folder.rglob("metrics.csv"))] == [
        "one/csv/metrics.csv",
        "two/csv/metrics.csv",
    ]
    with (folder / "two/csv/metrics.csv").open(newline="") as text:
        rows = [{k: float(v) for k, v in row.items() if v != ""} for row in csv.DictReader(text)]
    assert rows == lines(folder / "two")
    assert len(list((folder / "two/tensorboard").glob("events.*"))) == 1
