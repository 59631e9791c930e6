"""The page of a sweep: who won and whether the seeds tell, what failed and why, what differs; text stays text."""

import html
import json
import re
import shutil

import pytest
from conftest import TINY
from measured import a_run, column, measurements

import gan_lightning
from gan_lightning.config.compose import compose
from gan_lightning.io.plain import read_json
from gan_lightning.report.arms import arms, gather
from gan_lightning.report.comparing import compare
from gan_lightning.report.contest import contest, dataset_of
from gan_lightning.report.page_arms import arm_samples, draw_bands, draw_numbers
from gan_lightning.report.page_pictures import png_of
from gan_lightning.report.pictures import grid
from gan_lightning.report.reporting import write_report
from gan_lightning.report.sweep_page import sweep_page, troubles
from gan_lightning.training.setup import train

EVIL = "<script>alert(1)</script>"


def distance(value):
    return measurements(column("frechet_distance", {"frechet_distance": value}))


def page(folder) -> str:
    return sweep_page(*gather(f"{folder}/*"), n=4, seed=0, trust=None)


def curve(run, *values, tag="metric/fd_judge"):
    (run / "metrics.jsonl").write_text("".join(f'{{"step": {k}, "{tag}": {v}}}\n' for k, v in enumerate(values, 1)))


def table(text: str, after: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", text.split(after)[1].split("</table>")[0], re.DOTALL)
    return [re.findall(r"<t[hd]>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]


def test_the_winner_is_named_with_the_next_and_the_floor(tmp_path):
    for seed, (a, b) in enumerate([(2.0, 3.0), (2.2, 3.3), (1.8, 2.8)]):
        a_run(tmp_path, f"a{seed}", distance(a), seed=seed, loss="nsgan")
        a_run(tmp_path, f"b{seed}", distance(b), seed=seed, loss="mmgan")
    text = page(tmp_path)
    assert "2 arms of 3 runs: 6 of 6 runs are done." in text
    said = html.unescape(re.search(r'<p class="state well">(.*?)</p>', text)[1])
    p = re.search(r"p = (0.001\d*)\)", said)[1]
    assert said.replace(f"p = {p}", "p = P") == (
        "Lowest Frechet distance to 297 test images of digits (last checkpoint): loss=nsgan with 2 (mean of 3 seeds, "
        "standard deviation 0.2), 4.0 times the floor of 0.5. The next is loss=mmgan, 1.03 above it (95% interval 0.89 "
        "to 1.18; paired t-test over 3 seeds, p = P): the seeds tell the two apart."
    )
    rows = table(text, "Numbers of all seeds")
    assert rows[1][:4] == ["loss=nsgan", "3", "2", ""]
    assert rows[2] == ["loss=mmgan", "3", "3.033", "+1.03", "0.89 to 1.18", p,
                       "a difference (paired t-test over 3 seeds)"]  # fmt: skip
    assert rows[3][:3] == ["real training images", "", "0.5"]
    assert table(text, "What differs between the arms") == [
        ["key", "loss=nsgan", "loss=mmgan"],
        ["loss", "nsgan", "mmgan"],
    ]


def test_of_one_seed_each_nothing_is_claimed(tmp_path):
    for arm, value in (("nsgan", 2.0), ("mmgan", 3.0)):
        a_run(tmp_path, arm, distance(value), loss=arm)
    text = page(tmp_path)
    assert "loss=nsgan with 2 (one seed), 4.0 times the floor of 0.5." in text
    assert "The next is loss=mmgan, 1 above it (one seed of an arm: no statement)." in text


def test_without_evaluation_the_curves_decide_and_the_page_says_what_to_type(tmp_path):
    for arm, last in (("nsgan", 7.0), ("mmgan", 5.0)):
        curve(a_run(tmp_path, arm, None, loss=arm), 9.0, last)
    text = page(tmp_path)
    assert "Lowest Frechet distance at the end of training, by its cheap evaluation of G on validation images: " in text
    assert "loss=mmgan with 5 (one seed)." in text
    asked = f"""Type: python -m gan_lightning.evaluate 'run="{tmp_path}/*"', and write this page again."""
    assert f"2 of the runs that are done have not been evaluated on test data. {asked}" in html.unescape(text)
    assert "What is missing" in text


def test_curves_of_other_sample_sizes_decide_nothing(tmp_path):
    for arm, n in (("nsgan", 100), ("mmgan", 200)):
        run = a_run(tmp_path, arm, None, loss=arm, callbacks={"evaluation": {"n": n}})
        curve(run, 9.0, 5.0)
    assert contest(arms(gather(f"{tmp_path}/*")[0])) is None
    assert "No arm has a Frechet distance, so none is said to have won." in page(tmp_path)


def test_where_a_run_stands_that_has_not_ended_does_not_count(tmp_path):
    for seed, (value, status) in enumerate([(7.0, "done"), (99.0, "unfinished"), (1.0, "failed"), (9.0, "stopped")]):
        run = a_run(tmp_path, f"r{seed}", None, seed=seed, loss="nsgan")
        curve(run, 50.0, value)
        (run / "status.json").write_text(json.dumps({"status": status, "g_steps": 6}))
    found = contest(arms(gather(f"{tmp_path}/*")[0]))
    assert found.values == {"all": [(0, 7.0), (3, 9.0)]}


def test_the_average_is_compared_where_each_run_has_one(tmp_path):
    for arm, value in (("a", 3.0), ("b", 2.0)):
        last = {"what": "last checkpoint", "generator": "G", "g_steps": 6, "weights": "aaa"}
        average = {**last, "what": "last checkpoint, G's average ema", "generator": "ema", "weights": "bbb"}
        numbers = column("frechet_distance", {"frechet_distance": 10 - value})
        numbers["values"]["bbb"] = {"frechet_distance": value}
        a_run(tmp_path, arm, {"checkpoints": {"last": last, "last-ema": average}, "measured": [numbers]}, loss=arm)
    found = contest(arms(gather(f"{tmp_path}/*")[0]))
    assert found.about.endswith("(last checkpoint, G's average ema)")
    assert list(found.means) == ["loss=b", "loss=a"]


def test_what_failed_is_there_with_its_reason_and_alarms_are_named(tmp_path):
    failed = a_run(tmp_path, "bad", None, loss="wgan")
    (failed / "status.json").write_text(json.dumps({"status": "failed", "g_steps": 3, "error": f"nan in {EVIL}"}))
    alarm = {
        "alarm": "alike",
        "g_steps": 1500,
        "number": "x",
        "value": 0.1,
        "limit": 0.2,
        "words": f"alike {EVIL}: why",
    }
    good = a_run(tmp_path, "good", distance(2.0), loss="nsgan")
    (good / "alarms.json").write_text(json.dumps({"alarms": [alarm]}))
    runs, _, folder = gather(f"{tmp_path}/*")
    assert troubles(runs, {"gone": "missing"}) == [("bad", f"failed: nan in {EVIL}"), ("gone", "missing")]
    text = sweep_page(runs, {"gone": "missing"}, folder, 4, 0, None)
    assert EVIL not in text
    assert f"<td>bad</td><td>failed: nan in {html.escape(EVIL)}</td>" in text
    assert f"<td>good</td><td>alike {html.escape(EVIL)}</td><td>1,500</td>" in text
    assert "1 of 3 runs are done" in text


def test_several_datasets_have_a_winner_each(tmp_path):
    for data, value in (("digits", 2.0), ("mnist", 5.0)):
        for loss in ("nsgan", "mmgan"):
            own = distance(value + (loss == "mmgan"))
            own["measured"][0]["protocol"] = {**own["measured"][0]["protocol"], "dataset": data}
            target = f"gan_lightning.data.{data}.X"
            a_run(tmp_path, f"{data}-{loss}", own, loss=loss, data={"_target_": target})
    runs = gather(f"{tmp_path}/*")[0]
    assert sorted({dataset_of(run) for run in runs}) == ["digits", "mnist"]
    text = page(tmp_path)
    assert re.findall(r"<h3>On (.*?)</h3>", text) == ["digits", "mnist"]
    won = re.findall(r"images of (\w+) \(last checkpoint\): (.*?) with (\S+)", text)
    assert [(data, value) for data, _, value in won] == [("digits", "2"), ("mnist", "5")]
    assert all("loss=nsgan" in arm for _, arm, _ in won)
    assert [t.split(",")[0] for t in re.findall(r"<h3>(.*?, last checkpoint)</h3>", text)] == ["digits", "mnist"]


def test_hostile_numbers_and_names_are_drawn_and_stay_text(tmp_path):
    for k, name in enumerate((EVIL, "$\\frac{$", "_x")):
        run = a_run(tmp_path, f"r{k}", distance(1e90 if k else 1e-9), loss=name)
        curve(run, 1e15, -1e15, tag="metric/coverage_judge")
    (tmp_path / "r2" / "metrics.jsonl").write_bytes(b"\xff{" * 5000)
    text = page(tmp_path)
    assert EVIL not in text
    assert "<script" not in text
    runs = gather(f"{tmp_path}/*")[0]
    assert "<svg" in draw_bands(arms(runs))
    assert html.escape(EVIL, quote=False) in draw_numbers(contest(arms(runs)))


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    for loss, more in (("nsgan", "technique=[ema]"), ("mmgan", "technique=[]")):
        words = [*TINY, f"loss={loss}", more]
        (folder / loss).mkdir()
        train(compose("train", words), folder / loss, words)
    return folder


def test_samples_of_all_arms_are_from_one_z(played):
    named = arms(gather(f"{played}/*")[0])
    rows, first = arm_samples(named, 3, 5, None)
    for row, (arm, (run,)) in zip(rows, named.items(), strict=True):
        G = gan_lightning.load(run.path, None)
        assert row["name"] == arm
        assert row["src"] == png_of(grid(G.sample(3, 5), columns=3))
    whose = {row["whose"] for row in rows}
    assert whose == {"the average of G after 6 steps, nsgan", "G after 6 steps, mmgan"}
    assert first.run == next(iter(named.values()))[0].path


def test_compare_and_report_write_it_and_replace_nothing_but_a_page(played, tmp_path, caplog):
    folder = shutil.copytree(played, tmp_path / "s")
    compare(compose("compare", [f"runs='{folder}/*'", f"out={tmp_path}/out", "n=2"]))
    text = (tmp_path / "out" / "report.html").read_text()
    assert "real test images" in text
    assert len(text) < 5 * 2**20
    write_report(compose("report", [f"runs='{folder}/*'", "n=2"]))
    assert (folder / "report.html").read_text() == text
    caplog.clear()
    with caplog.at_level("INFO"):
        write_report(compose("report", [f"runs='{folder}/*'", f"out={tmp_path}/out/report.html"]))
    assert f"wrote {tmp_path}/out/report.html (replaced)" in caplog.text
    own = tmp_path / "notes.html"
    own.write_text("mine")
    (tmp_path / "link.html").symlink_to(tmp_path / "out" / "report.html")
    for out in (own, tmp_path / "link.html", folder, folder / "nsgan" / "config.yaml"):
        with pytest.raises(ValueError, match="is there already, and is no page of this command: it is not overwritten"):
            write_report(compose("report", [f"runs='{folder}/*'", f"out={out}"]))
        with pytest.raises(ValueError, match="is there already, and is no page of this command: it is not overwritten"):
            write_report(compose("report", [f"run={folder}/nsgan", f"out={out}"]))
    assert own.read_text() == "mine"
    assert (tmp_path / "link.html").is_symlink()
    assert read_json(folder / "nsgan" / "status.json")["status"] == "done"
    with pytest.raises(ValueError, match=r"run= is for one run and runs= for a sweep, got run=x and runs=y"):
        write_report(compose("report", ["run=x", "runs=y"]))
