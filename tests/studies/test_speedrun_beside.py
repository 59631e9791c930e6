"""Rows of an earlier speedrun beside those of this one, from its page's folder: only what compares, and as data."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from gan_lightning.studies.beside import rows_beside

COMMITTED = Path(__file__).parents[2] / "docs" / "studies" / "speedrun"
MARKS = [60.0, 120.0, 240.0, 480.0, 900.0]


def numbers(folder=COMMITTED):
    return json.loads((folder / "numbers.json").read_text())


ROWS = numbers()["numbers"]["rows"]
FLOOR = ROWS[0]["floor"]
PROTOCOL = {
    key: ROWS[0][key] for key in ("dataset", "split", "n_fake", "n_real", "judge_sha256", "sample_seed", "threads")
}


def written(folder, rows):
    folder.mkdir(exist_ok=True)
    (folder / "numbers.json").write_text(json.dumps({"numbers": {"rows": rows}}))
    return str(folder)


def changed(**values):
    """The rows of the committed page, the last of them with ``values``."""
    return [*ROWS[:-1], {**ROWS[-1], **values}]


def test_the_rows_of_the_committed_page_but_of_games_that_are_measured_now():
    assert rows_beside([str(COMMITTED)], [], MARKS, PROTOCOL, FLOOR) == ROWS
    found = rows_beside([str(COMMITTED)], ["dcgan", "mine"], MARKS, PROTOCOL, FLOOR * (1 + 1e-8))
    assert found == [row for row in ROWS if row["game"] != "dcgan"]
    assert rows_beside([], [], MARKS, PROTOCOL, FLOOR) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("split", "validation"), ("judge_sha256", "ab"), ("n_fake", 5000), ("threads", 8), ("sample_seed", 2),
     ("floor", 0.2)],
)  # fmt: skip
def test_rows_by_other_rules_are_refused(tmp_path, key, value):
    folder = written(tmp_path / "other", changed(**{key: value}))
    asked = FLOOR if key == "floor" else PROTOCOL[key]
    words = (
        f"{ROWS[-1]['game']} in {folder} must be measured as the games of this speedrun are, with {key} {asked}, got "
    )
    with pytest.raises(ValueError, match=re.escape(f"{words}{value}. Play it by the same rules")):
        rows_beside([folder], [], MARKS, PROTOCOL, FLOOR)


def test_a_run_without_a_mark_is_refused(tmp_path):
    folder = written(tmp_path / "other", ROWS[:-1])
    game, seed = ROWS[-1]["game"], ROWS[-1]["seed"]
    with pytest.raises(ValueError, match=rf"^{game} in .* got \[60\.0, 120\.0, 240\.0, 480\.0\] for seed {seed}\. Set"):
        rows_beside([folder], [], MARKS, PROTOCOL, FLOOR)
    assert rows_beside([folder], [game], MARKS, PROTOCOL, FLOOR) == [row for row in ROWS if row["game"] != game]


def test_a_game_in_two_folders_is_refused(tmp_path):
    folder = written(tmp_path / "other", ROWS)
    with pytest.raises(
        ValueError, match=rf"must not name a game twice, got \w+ in {COMMITTED} and in {folder}\. Leave"
    ):
        rows_beside([str(COMMITTED), folder], [], MARKS, PROTOCOL, FLOOR)


@pytest.mark.parametrize(
    "rows",
    [
        {"a": 1},
        [3],
        changed(game="../x"),
        changed(frechet_distance="1.0"),
        changed(seed=True),
        changed(more=1),
        [{key: value for key, value in ROWS[0].items() if key != "weights"}],
    ],
)
def test_what_are_no_rows_is_refused(tmp_path, rows):
    folder = written(tmp_path / "other", rows)
    with pytest.raises(
        ValueError, match=rf"^{folder}/numbers\.json must be a speedrun's, with the rows that study=spe"
    ):
        rows_beside([folder], [], MARKS, PROTOCOL, FLOOR)


def test_the_command_writes_them_into_tables_and_rows_with_their_pictures(call, tmp_path):
    """Digits have marks and a judge of their own, so the page beside is made of the rows of a first command."""
    words = ["study=speedrun", "study.play=false", "study.data=digits", "study.games=[mine]", "study.seeds=[0]",
             '+study.entries.mine=["loss=lsgan"]', "study.threads=1", f"study.runs={tmp_path}/runs"]  # fmt: skip
    code, text = call("study", *words, f"out={tmp_path}/first")
    assert code == 0, text
    floor = numbers(tmp_path / "first")["numbers"]["floor"]
    judge = re.search(r"SHA-256 `(\w+)`", (tmp_path / "first/README.md").read_text())[1]
    own = {"dataset": "digits", "split": "test", "n_fake": 297, "n_real": 297, "judge_sha256": judge, "floor": floor}
    folder = written(tmp_path / "theirs", [{**row, **own} for row in ROWS if row["game"] == "recipe"])
    Image.new("L", (9, 9)).save(tmp_path / "theirs/samples-recipe.png")
    code, text = call("study", *words, f"out={tmp_path}/second", f"study.beside=[{folder}]")
    assert code == 0, text
    page = (tmp_path / "second/README.md").read_text()
    assert "Judged: `recipe`: ema, 3 seed(s)." in page
    assert "![recipe](samples-recipe.png)" in page
    assert "- mine-seed0: missing" in page
    with Image.open(tmp_path / "second/samples-recipe.png") as picture:
        assert picture.size == (9, 9)
    assert len(numbers(tmp_path / "second")["numbers"]["rows"]) == sum(row["game"] == "recipe" for row in ROWS)
    code, text = call("study", *words, f"out={tmp_path}/third", f"study.beside={folder}")
    assert code == 1
    assert "study.beside must be a list of folders" in text
    code, text = call("study", *words, f"out={tmp_path}/third", "study.beside=[nowhere]")
    assert code == 1
    assert "nowhere/numbers.json" in text
    assert not list((tmp_path / "third").iterdir())
