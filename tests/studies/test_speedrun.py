"""A speedrun in small: tiny games, their states measured, and what is not played again."""

import csv
import json
import shutil
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
from framed import below_heading
from PIL import Image
from tqdm import tqdm

from gan_lightning import train as train_verb
from gan_lightning.config.build import judge_of
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.data.digits import Digits
from gan_lightning.io.lock import sole
from gan_lightning.metrics.frechet import frechet_distance
from gan_lightning.report.observed import as_pixels
from gan_lightning.runs.load import load
from gan_lightning.studies import entry, speedrun
from gan_lightning.studies.flops import flops_of

TINY = ["network=mlp", "technique=[]", "network.G.hidden=[8]", "network.D.hidden=[8,6]", "prior.dim=5", "batch_size=16",
        "steps=3", "trainer=cpu", "~logger.tensorboard"]  # fmt: skip
ENTRIES = {"plain": TINY, "averaged": [*TINY, "technique=[ema]", "technique.ema.decay=0.5", "condition=concat"]}
MARKS = [0.01, 600.0]  # the start takes longer than the first, the three steps are over before the second


RUN = subprocess.run


class Processes:
    """In place of subprocess.run: the same command, in this process."""

    def __init__(self, folder) -> None:
        self.folder, self.commands = folder, []

    def __call__(self, command, env, **options):
        assert command[1:3] == ["-m", "gan_lightning.train"]
        self.commands.append((command[3:], env["OMP_NUM_THREADS"]))
        self.began = time.time()
        said = StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["train.py", *command[3:]])
            patch.setattr(subprocess, "run", RUN)  # which asks git for the commit
            try:
                train_verb.main()
                code = 0
            except SystemExit as stop:
                code = int(stop.code or 0)
        return SimpleNamespace(returncode=code, stdout=said.getvalue())


@pytest.fixture
def processes(tmp_path, monkeypatch):
    found = Processes(tmp_path)
    monkeypatch.setattr(entry.subprocess, "run", found)
    return found


def study(folder, out="out", entries=ENTRIES, seeds=(0, 1), minutes=(10.0, MARKS[0] / 60), **options):
    (folder / out).mkdir(exist_ok=True)
    options = {"threads": 1, "data": "digits", "runs": str(folder / "runs"), **options}
    with tqdm(disable=True) as bar:
        return speedrun.run(folder / out, bar, entries, minutes, seeds, **options)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A folder with a speedrun of two games and two seeds, begun with one run alone."""
    folder = tmp_path_factory.mktemp("speedrun")
    found = Processes(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entry.subprocess, "run", found)
        study(folder, out="one", games=["averaged"], seeds=[1])
        assert len(found.commands) == 1
        study(folder)
    return SimpleNamespace(folder=folder, commands=found.commands, began=found.began, rows=rows_in(folder / "out"))


def rows_in(out):
    return json.loads((out / "rows.json").read_text())


def test_each_game_and_seed_is_an_ordinary_run_that_is_played_once(played):
    words = [typed for typed, _ in played.commands]
    assert [typed[-1].split("/")[-1] for typed in words] == [
        "averaged-seed1", "plain-seed0", "plain-seed1", "averaged-seed0"
    ]  # fmt: skip
    assert words[0][:-2] == [*ENTRIES["averaged"], "data=digits", "seed=1", "max_time=600", "sample_every=0",
                             "evaluate_every=0", "checkpoint_every=0", "checkpoint_seconds=0", "callbacks=speedrun",
                             "callbacks.marks.seconds=[0.01,600.0]", "report=false"]  # fmt: skip
    assert words[0][-2].startswith("callbacks.marks.begun=")
    assert {threads for _, threads in played.commands} == {"1"}


def test_a_row_for_each_game_seed_and_mark(played):
    keys = [(row["game"], row["seed"], row["mark_s"]) for row in played.rows]
    assert keys == [(game, seed, mark) for game in ENTRIES for seed in (0, 1) for mark in MARKS]
    first, last = played.rows[::2], played.rows[1::2]
    assert {row["g_steps"] for row in first} == {1}
    assert {row["images"] for row in first} == {16}
    assert {row["g_steps"] for row in last} == {3}
    assert all(0.01 <= a["seconds"] <= b["seconds"] < 600 for a, b in zip(first, last, strict=True))
    record = json.loads((played.folder / "runs/plain-seed0/record.json").read_text())
    for key in ("git", "cpu", "cores", "threads", "platform"):
        assert played.rows[0][key] == record[key]
    assert played.rows[0]["overrides"] == " ".join(record["overrides"])
    assert len({row["weights"] for row in last}) == 4
    with (played.folder / "out" / "rows.csv").open() as file:
        assert [row["weights"] for row in csv.DictReader(file)] == [row["weights"] for row in played.rows]


def test_the_clock_begins_just_before_the_process_does(played):
    words, _ = played.commands[-1]
    assert words[-1].endswith("runs/averaged-seed0")
    found = json.loads((played.folder / "runs/averaged-seed0/marks.json").read_text())
    assert words[-2] == f"callbacks.marks.begun={found['begun']:.2f}"
    assert played.began - 1 < found["begun"] <= played.began + 0.01


@pytest.fixture(scope="module")
def features():
    """The judge's of real digits."""
    source, judge = Digits(), judge_of("digits")
    real = {"test": source.test(), "train": source.train(), "validation": source.validation()}
    return {name: judge(to_signed_range(arrays.images))[0] for name, arrays in real.items()}


@pytest.mark.parametrize(("game", "judged"), [("plain", "G"), ("averaged", "ema")])
def test_what_is_judged_is_the_average_if_there_is_one_against_the_test_images(played, features, game, judged):
    row = next(row for row in played.rows if row["game"] == game and row["g_steps"] == 3)
    assert (row["judged"], row["dataset"], row["split"], row["n_fake"]) == (judged, "digits", "test", 297)

    def distance(generator, split):
        samples = load(f"{row['run']}/checkpoints/{row['checkpoint']}", generator).sample(297, seed=1)
        return frechet_distance(features[split], judge_of("digits")(as_pixels(samples))[0])

    assert row["frechet_distance_live"] == pytest.approx(distance("G", "test"), rel=1e-9)
    assert row["frechet_distance"] == pytest.approx(distance(judged, "test"), rel=1e-9)
    assert (abs(row["frechet_distance_live"] - row["frechet_distance"]) > 1e-6) == (judged == "ema")
    for other in ("train", "validation"):
        assert abs(distance(judged, other) - row["frechet_distance"]) > 1e-3
    assert row["floor"] == pytest.approx(frechet_distance(features["test"], features["train"][:297]), rel=1e-6)


def test_gflop_are_those_of_a_step_times_the_steps(played):
    first, last = played.rows[:2]
    config = load(last["run"]).config
    assert last["gflop"] == pytest.approx(3 * flops_of(config, (1, 28, 28)) / 1e9)
    assert first["gflop"] == pytest.approx(last["gflop"] / 3)


def test_page_pictures_and_curves(played):
    out = played.folder / "out"
    text = " ".join((out / "README.md").read_text().split())
    assert text.startswith("# A GAN on digits, by the minute Written by")
    for line in ("The 1,500 training images of `data=digits`", "of 297 samples (seed 1) to the 297 test images",
                 judge_of("digits").sha256, "6. **Seeds** 0, 1; none is left out", "with 1 thread(s) of PyTorch",
                 "Judged: `plain`: G, 2 seed(s); `averaged`: ema, 2 seed(s).", "4 run(s) on "):  # fmt: skip
        assert line in text, line
    for name in ("samples-plain.png", "samples-averaged.png"):
        assert below_heading(out / name, 8 * 30 + 2, 8 * 30 + 2).max() > 0
    with Image.open(out / "figure.png") as picture:
        assert len(np.unique(np.asarray(picture.convert("L")))) > 20


def test_what_was_played_is_neither_played_nor_measured_again(played, processes, monkeypatch):
    monkeypatch.setattr(speedrun, "evaluate_run", lambda *a: pytest.fail("measured again"))
    again = study(played.folder, out="again")
    assert processes.commands == []
    assert again["rows"] == played.rows
    alone = study(played.folder, out="again", games=["averaged"], seeds=[1])["rows"]
    assert alone == [row for row in played.rows if (row["game"], row["seed"]) == ("averaged", 1)]


def test_a_run_that_was_cut_off_is_played_from_the_start(played, processes, tmp_path):
    run = shutil.copytree(played.folder / "runs/plain-seed0", tmp_path / "runs/plain-seed0")
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**status, "status": "running"}))
    left = study(tmp_path, entries={"plain": TINY}, seeds=[0], play=False)
    assert (left["rows"], left["not_in_the_table"]) == ([], {"plain-seed0": "unfinished"})
    assert "## Not in the tables\n\n- plain-seed0: unfinished" in (tmp_path / "out/README.md").read_text()
    rows = study(tmp_path, entries={"plain": TINY}, seeds=[0])["rows"]
    assert len(processes.commands) == 1
    assert [r["weights"] for r in rows] == [r["weights"] for r in played.rows[:2]], "the same seed, the same game"
    (aside,) = (tmp_path / "runs/.unfinished").iterdir()
    assert (aside / "checkpoints/mark-600s.ckpt").is_file()


def test_a_game_that_fails_is_told_and_the_others_are_there(played, processes, tmp_path):
    shutil.copytree(played.folder / "runs/plain-seed0", tmp_path / "runs/plain-seed0")
    found = study(tmp_path, entries={"wild": [*TINY, "optimizer=sgd", "optimizer.lr=1e30"], "plain": TINY}, seeds=[0])
    assert [row["game"] for row in found["rows"]] == ["plain", "plain"]
    assert "diverged" in found["not_in_the_table"]["wild-seed0"]
    assert "wild-seed0: " in (tmp_path / "out/README.md").read_text()


def test_another_game_in_the_directory_is_refused(played, processes):
    other = {"plain": [*TINY[:-1], "loss=lsgan"]}
    with pytest.raises(
        ValueError, match=r"plain-seed0 must be a run of study\.entries\.plain, .*loss=lsgan.*was played"
    ):
        study(played.folder, out="other", entries=other, seeds=[0])
    with pytest.raises(ValueError, match=r"on 3 thread\(s\); it was played as .* on 1\. Name another folder"):
        study(played.folder, out="other", seeds=[0], threads=3)
    with pytest.raises(ValueError, match=r"marks\.seconds=\[30\.0\]"):
        study(played.folder, out="other", seeds=[0], minutes=[0.5])
    with sole(played.folder / "runs/plain-seed1"):
        file = played.folder / "runs/plain-seed1/status.json"
        before = file.read_text()
        file.write_text(json.dumps({**json.loads(before), "status": "running"}))
        with pytest.raises(ValueError, match=r"plain-seed1 is still running\. Wait"):
            study(played.folder, out="other", play=True)
        file.write_text(before)
    assert processes.commands == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"seeds": []},
            r"needs a game, a seed and a mark, got study\.entries=\['plain', 'averaged'\], study\.seeds=\[\]",
        ),
        ({"games": ["plan"]}, r"study\.games must be among study\.entries \(plain, averaged\), got plan\. Enter it"),
        ({"data": "auto"}, r"study\.data must name one dataset for all entries, got auto"),
        ({"entries": {"a/b": []}}, r"study\.entries\.a/b must be a plain word"),
        ({"entries": {"a": ["seed=3"]}}, r"study\.entries\.a must leave to the speedrun .*, got seed=3\. Leave it out"),
        ({"entries": {"a": ["data.split=x"]}}, r"got data\.split=x"),
        ({"entries": {"a": ["~callbacks.finite"]}}, r"got ~callbacks\.finite"),
        (
            {"entries": {"a": ["stps=3"]}},
            r"study\.entries\.a must be overrides that train takes, got stps=3: Could not",
        ),
        ({"entries": {"a": ["steps=0"]}}, r"got steps=0: steps must be a whole number, 1 or more, got 0\. .*\. Try it"),
    ],
)
def test_wrong_input_is_told_before_anything_is_played(tmp_path, processes, options, words):
    with pytest.raises(ValueError, match=words):
        study(tmp_path, **options)
    assert not (tmp_path / "runs").exists()
    assert processes.commands == []


def test_the_command(call, tmp_path):
    words = [
        "study=speedrun",
        "study.play=false",
        "study.data=digits",
        "study.games=[mine]",
        "study.seeds=[4]",
        '+study.entries.mine=["loss=lsgan","batch_size=128"]',
        f"study.runs={tmp_path}/runs",
        f"out={tmp_path}/out",
    ]
    code, text = call("study", *words)
    assert code == 0, text
    record = json.loads((tmp_path / "out/numbers.json").read_text())
    assert record["numbers"]["not_in_the_table"] == {"mine-seed4": "missing"}
    assert record["settings"]["minutes"] == [1.0, 2.0, 4.0, 8.0, 15.0]
    for word, said in (("study.minutes=[0.0]", "study.minutes.0 must be a number above 0"),
                       ("study.games=recipe", "study.games must be a list of entries, got 'recipe'"),
                       ("study.threads=0", "study.threads must be a whole number, 1 or more")):  # fmt: skip
        code, text = call("study", "study=speedrun", word)
        assert code == 1
        assert said in text
