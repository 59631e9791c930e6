"""The page of a speedrun from rows made by hand."""

import re

import pytest

from gan_lightning.studies.speedrun_page import first_within, speedrun_page, targets, whole_number

SETTINGS = {"note": None, "marks": [60.0, 120.0], "seeds": [0, 1], "threads": 2, "data": "mnist", "n_train": 60_000,
            "pictures": {"samples-a.png"},
            "n_fake": 10_000, "n_real": 10_000, "split": "test", "judge_sha256": "ab12", "floor": 0.1,
            "sample_seed": 1}  # fmt: skip


def row(game, seed, mark, distance, seconds=None, **more):
    found = {"game": game, "seed": seed, "mark_s": mark, "seconds": seconds or mark + 0.1, "g_steps": int(10 * mark),
             "gflop": 4.0 * mark, "frechet_distance": distance, "frechet_distance_live": 2 * distance, "judged": "ema",
             "run": f"runs/{game}-seed{seed}", "cpu": "a CPU", "gpu": None, "cores": 4, "threads": 2, "torch": "2.9",
             "git": "c" * 40}  # fmt: skip
    return {**found, **more}


ROWS = [
    row("a", 0, 60.0, 1.0), row("a", 0, 120.0, 0.4), row("a", 1, 60.0, 1.2), row("a", 1, 120.0, 0.6),
    row("b|c", 0, 60.0, 9.0, 45.0), row("b|c", 0, 120.0, 9.0, 45.0, git="d" * 40 + "-dirty"),
]  # fmt: skip


def section(text, heading):
    return re.split(r"^## ", text.split(f"## {heading}\n\n")[1], flags=re.MULTILINE)[0].strip()


def test_the_tables_by_hand():
    text = speedrun_page(ROWS, {"a-seed2": "failed|badly"}, SETTINGS)
    assert "`a`: ema, 2 seed(s); `b|c`: ema, 1 seed(s)" in section(text, "Frechet distance")
    assert section(text, "Frechet distance").splitlines()[2:6] == [
        "| game | 1 min | 2 min |",
        "|---|---|---|",
        "| a | 1.1 +- 0.14 | 0.5 +- 0.14 |",
        "| b\\|c | 9, over after 45 s | 9, over after 45 s |",
    ]
    assert section(text, "G itself").splitlines()[2] == "| a | 2.2 +- 0.28 | 1 +- 0.28 |"
    assert section(text, "G steps").splitlines()[2] == "| a | 600 +- 0 | 1,200 +- 0 |"
    assert section(text, "Not in the tables") == "- a-seed2: failed\\|badly"
    assert (
        section(text, "Origin")
        == "3 run(s) on a CPU, 4 cores, 2 thread(s); torch 2.9; commit cccccccccc, dddddddddd with changes. "
        "Beside no other work."
    )
    busy = speedrun_page(ROWS, {}, {**SETTINGS, "note": "Beside | a test suite."})
    assert section(busy, "Origin").endswith("with changes. Beside \\| a test suite.")
    assert "The 60,000 training images of `data=mnist`" in text
    assert "![a](samples-a.png)" in text
    assert "samples-b" not in text, "there is no such picture"
    assert "images in place of samples have **0.1**" in text


def test_a_target_is_the_first_mark_at_or_below_it_and_nothing_is_interpolated():
    """10 x 0.1: seed 0 is at 1.0 after the first mark, seed 1 below it after the second. 5 x: seed 0 alone."""
    assert targets(ROWS, 0.1).splitlines() == [
        "| game | 10 x floor (1), s | GFLOP | 5 x floor (0.5), s | GFLOP |",
        "|---|---|---|---|---|",
        "| a | 90 +- 42 | 360 +- 170 | 120 (1 of 2) | 480 (1 of 2) |",
        "| b\\|c | - | - | - | - |",
    ]


def test_a_run_that_rises_again_has_reached_its_target():
    rows = [row("a", 0, 120.0, 3.0), row("a", 0, 60.0, 0.9), row("a", 0, 30.0, 1.0001)]
    assert first_within(rows, 1.0) is rows[1]
    assert first_within(rows, 0.5) is None


def test_without_rows_the_page_is_its_rules():
    text = speedrun_page([], {}, SETTINGS)
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# A GAN on mnist, by the minute",
        "## Rules",
    ]


@pytest.mark.parametrize(
    ("values", "of", "text"),
    [([], 3, "-"), ([1200.4], 1, "1,200"), ([1.0], 3, "1 (1 of 3)"), ([1000.0, 3000.0], 2, "2,000 +- 1,414")],
)
def test_whole_numbers(values, of, text):
    assert whole_number(values, of) == text
