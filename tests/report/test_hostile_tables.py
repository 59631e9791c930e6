"""What compare says of a stranger's runs, a corpus: text stays text in Markdown, CSV, pictures and on a terminal."""

import csv
import json
import os
import shutil
import sys
from time import process_time

import pytest
import yaml
from hostile import SECRET

from gan_lightning import compare as compare_verb
from gan_lightning.io.tables import csv_cell, curves, markdown_cell, title
from gan_lightning.report import figures as comparison_figures
from gan_lightning.report.arms import gather
from gan_lightning.report.comparison import all_tables, write_csv

METRICS = {
    "protocol": {"dataset": "synthetic", "split": "test", "n_fake": 8, "n_real": 8, "judge_sha256": "ab", "seed": 1},
    "checkpoints": {"last": {"g_steps": 6, "frechet_distance": 1.5}},
    "floor": {"frechet_distance": -0.5},
}


@pytest.fixture
def runs(stranger):
    """Two runs of a stranger below ``runs``, evaluated; the second is the one to change."""
    for name in ("a", "b"):
        folder = stranger.parent / "runs" / name
        shutil.copytree(stranger, folder)
        (folder / "metrics.json").write_text(json.dumps(METRICS))
        (folder / "record.json").write_text(json.dumps({"overrides": [f"objective={name}", f"steps={ord(name)}"]}))
    return stranger.parent / "runs"


@pytest.fixture
def compare(runs, monkeypatch, capsys):
    def call(*more):
        monkeypatch.setattr(sys, "argv", ["compare.py", 'runs="runs/*"', "out=out", *more])
        compare_verb.main()
        captured = capsys.readouterr()
        written = {p.name: p.read_bytes() for p in (runs.parent / "out").rglob("*") if p.is_file()}
        return captured.out + captured.err, written

    return call


def edit(file, change):
    """Changes a YAML or JSON file in place."""
    value = json.loads(file.read_text()) if file.suffix == ".json" else yaml.safe_load(file.read_text())
    change(value)
    file.write_text(json.dumps(value) if file.suffix == ".json" else yaml.safe_dump(value))


def test_nothing_is_resolved(runs, compare):
    edit(runs / "b/config.yaml", lambda c: c.update(seed="${oc.env:SECRET}"))
    text, written = compare()
    assert "config.yaml is not the configuration of a run: seed is left to be resolved" in text
    assert "| all |" in text.replace("steps=97", "all"), "the other run is still there"
    assert SECRET not in text
    assert not any(SECRET.encode() in content for content in written.values())


BAD = {
    "config.yaml": ["", "[]", "seed: !!python/name:os.system", "seed: [", "a: &a [1]\nb: *a\n"],
    "record.json": ["[]", "{", '{"overrides": 3}', '{"overrides": [["x"]]}'],
    "status.json": ["[]", "{", "[" * 10**5, '{"status": "\\ud800"}', '{"\\udc00": 1}'],
    "metrics.json": ["[]", "{", "{}", json.dumps({**METRICS, "floor": {"frechet_distance": "=cmd|x"}}),
                     json.dumps({**METRICS, "checkpoints": {"last": [1]}}),
                     json.dumps({**METRICS, "protocol": {"dataset": {}}}),
                     json.dumps({**METRICS, "floor": {"frechet_distance": 1e308}}),
                     json.dumps({"checkpoints": {}, "measured": [{"metric": "m", "floor": {}, "values": {},
                                 "parameters": "x", "protocol": METRICS["protocol"]}]}),
                     json.dumps({"checkpoints": {str(i): {"weights": "a", "g_steps": 6, "what": "w", "generator": "G"}
                                                 for i in range(31)},
                                 "measured": [{"metric": "m", "floor": {}, "values": {},
                                 "protocol": METRICS["protocol"]}] * 100}),
                     json.dumps({"checkpoints": {}, "measured": [{"metric": "m", "floor": {}, "values": {},
                                 "protocol": {**METRICS["protocol"], "seed": i}} for i in range(301)]})],
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_file_that_is_odd_is_named_and_loses_no_other(runs, name, text):
    (runs / "b" / name).write_text(text)
    found, missing, _ = gather("runs/*")
    assert f"- b: cannot be read: runs/b/{name} " in all_tables(found, missing)
    write_csv(found, runs.parent / "table.csv")
    rows = list(csv.DictReader((runs.parent / "table.csv").read_text().splitlines()))
    assert [row["run"] for row in rows] == ["a"]


def test_a_lock_that_is_a_pipe_is_not_waited_for(runs):
    edit(runs / "b/status.json", lambda s: s.update(status="running"))
    (runs / "b/.lock").unlink(missing_ok=True)
    os.mkfifo(runs / "b/.lock")
    found, _, _ = gather("runs/*")
    assert [run.status for run in found] == ["done", "unfinished"]


CELLS = [
    ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"), ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("+1+1", "'+1+1"),
    ("-x", "'-x"), ("@SUM(1)", "'@SUM(1)"), ("\t=1", "'=1"), ("\r=1", "'=1"), (" =1", "'=1"), ("a\nb", "a b"),
    ("-1.5", "-1.5"), ("+3e-4", "+3e-4"), ("\x1b[31mred", "[31mred"), (-1.5, -1.5), (3, 3), (None, None),
    ("all", "all"), ("\u202e=x", "'=x"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "cell"), CELLS)
def test_a_cell_of_csv(value, cell):
    found = csv_cell(value)
    assert found == cell
    assert not str(found).startswith(("=", "@", "\t", "\r"))


def test_a_cell_of_markdown():
    assert markdown_cell("a|b\nc`d`<script>x</script>[y](javascript:z)\x1b[31m&lt;\\") == (
        r"a\|b c\`d\`&lt;script&gt;x&lt;/script&gt;[y]\(javascript:z)[31m&amp;lt;\\"
    )
    assert markdown_cell("technique=[ema]") == "technique=[ema]"
    assert markdown_cell("[a]: http://x") == r"[a]\: http://x"
    assert markdown_cell("[a][b] ![c][] ![d]") == r"[a]\[b] !\[c]\[] !\[d]"


def test_a_title_is_no_formula():
    assert title("$\\frac{") == r"\$\frac{"
    assert title("_hidden") == " _hidden"
    assert title("$" * 10**6) == r"\$" * 200 + "..."


def test_the_lines_of_a_curve():
    lines = [
        b'{"step": 1, "a": 2}',
        b'{"step": "x", "a": 2}',
        b'{"step": true, "a": 2}',
        b"[1]",
        b'{"step": 2, "a": NaN}',
        b'{"step": 3, "a": "=x"}',
        b"[" * 10**4,
        b'{"step": 4, "a": ' + b"9" * 400 + b"}",
        b'{"step": 4, "a": -1e300}',
        b'{"step": ' + b"9" * 400 + b', "a": 2}',
        b'{"step": 5, "b": 2, "\xff": 2}',
        b'{"step": 6, "b": 2, "c": [' + b"{}," * 10**5 + b"{}]}",
        b'{"step": 7, "a": 3, "b": 1, "c": 4}',
        b'{"step": 8, "a"',
    ]
    found = curves(b"\n".join(lines), ["a", "b", "d"])
    assert {name: [list(half) for half in both] for name, both in found.items()} == {
        "a": [[1, 7], [2, 3]],
        "b": [[7], [1]],
    }


def test_curves_of_many_lines_are_thinned(runs, monkeypatch):
    """Two of 300,000 lines took 6 minutes and 4 GB."""
    for run, end, more in (("a", 10_000, 0.0), ("b", 9_000, 2.0)):
        lines = [json.dumps({"step": s, "metric/fd_judge": 1.0 + s + more}) for s in range(end)]
        (runs / run / "metrics.jsonl").write_text("\n".join(lines))
        (runs / run / "record.json").write_text("{}")
    figures = []
    monkeypatch.setattr(comparison_figures, "save_figure", lambda figure, path: figures.append(figure))
    comparison_figures.draw_curves(gather("runs/*")[0], runs / "curves.png")
    (line,) = figures[0].axes[0].lines
    found = line.get_xydata()
    assert len(found) == 50
    middle = 9_999 / 100  # of the first stretch of a fiftieth, steps 0 to 199; both runs have it
    assert found[0] == pytest.approx([middle, 1.0 + 99.5 + 1.0])
    assert found[-1] == pytest.approx([9_999 - middle, 1.0 + 9_899.5]), "steps 9,800 to 9,999, which one run has"


def test_curves_that_cannot_be_read_lose_no_others(runs, compare):
    (runs / "a/metrics.jsonl").write_text('{"step": 1, "d/real_prob": 0.5}')
    (runs / "b/metrics.jsonl").symlink_to("../a/metrics.jsonl")
    text, written = compare()
    assert "no curves of b: runs/b/metrics.jsonl cannot be read: it is a link" in text
    assert {"table.md", "table.csv", "curves.png", "samples.png"} <= written.keys()


HOSTILE_TEXT = "=cmd|x|`y`<script>\x1b]0;z\x07$\\frac"


def test_the_tables_of_hostile_runs(runs, compare):
    """Names of metrics, of checkpoints, of the dataset and what was typed: all from the stranger."""
    edit(runs / "b/record.json", lambda r: r.update(overrides=["objective='=cmd|x|`y`<script>$\\frac'"]))
    edit(runs / "b/metrics.json", lambda m: m["checkpoints"]["last"].update({HOSTILE_TEXT: 2.0}))
    edit(runs / "b/metrics.json", lambda m: m["floor"].update({HOSTILE_TEXT: 2.0}))
    edit(runs / "b/metrics.json", lambda m: m["protocol"].update({"dataset": HOSTILE_TEXT, "seed": HOSTILE_TEXT}))
    edit(runs / "b/status.json", lambda s: s.update(status=HOSTILE_TEXT))
    text, written = compare()
    for shown in (text, written["table.md"].decode()):
        assert "<script>" not in shown
        assert "\x1b" not in shown
        assert "`y`" not in shown
    for line in written["table.md"].decode().splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") in (5, 6), line
    cells = [cell for row in csv.reader(written["table.csv"].decode().splitlines()) for cell in row]
    assert "'=cmd|x|`y`<script>]0;z$\\frac" in cells
    assert not any(cell.startswith(("=", "@", "+")) for cell in cells)
    assert {"curves.png", "samples.png", "runs.json"} <= written.keys()


def test_a_folder_of_tables_that_leads_elsewhere(runs, stranger, monkeypatch, capsys):
    (stranger.parent / "elsewhere").mkdir()
    (runs / "compare").symlink_to("../elsewhere")
    monkeypatch.setattr(sys, "argv", ["compare.py", 'runs="runs/*"'])
    with pytest.raises(SystemExit):
        compare_verb.main()
    assert "runs/compare is a link" in capsys.readouterr().out
    assert not list((stranger.parent / "elsewhere").iterdir())


def test_many_protocols_take_no_time(runs):
    """300 of 10 checkpoints: 3,000 tables; with each column looked up among all, more than two minutes."""
    weights = {"weights": "a", "g_steps": 6, "generator": "G"}
    protocol = METRICS["protocol"]
    measured = [{"metric": "m", "floor": {"x": 1.0}, "values": {"a": {"x": 1.0}}, "parameters": {},
                 "protocol": {**protocol, "seed": i}} for i in range(300)]  # fmt: skip
    (runs / "b/metrics.json").write_text(
        json.dumps({"checkpoints": {str(i): {**weights, "what": f"w{i}"} for i in range(10)}, "measured": measured})
    )
    begun = process_time()
    found, missing, _ = gather("runs/*")
    assert all_tables(found, missing).count("### synthetic") == 3001
    assert process_time() - begun < 10
