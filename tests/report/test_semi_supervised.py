"""evaluate counts the test images that D and its average name wrong; compare takes subsets as repetitions."""

import statistics

import pytest
from conftest import TINY

import gan_lightning
from gan_lightning.config.compose import compose
from gan_lightning.core.rng import fixed_rows
from gan_lightning.data.digits import Digits
from gan_lightning.report.arms import arms, gather
from gan_lightning.report.comparison import all_tables
from gan_lightning.report.measuring import evaluate_runs
from gan_lightning.runs.measurements import read_measurements
from gan_lightning.training.setup import train

GAME = [*(o for o in TINY if not o.startswith("data")), "data=digits", "data.labelled=50", "evaluate_every=6",
        "callbacks.evaluation.n=100", "technique=[supervised,ema,ema_d]"]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs that differ in their labelled subset, and one without labels; evaluated on 200 test images."""
    folder = tmp_path_factory.mktemp("sweep")
    words = {"a": [*GAME, "data.labelled_seed=0"], "b": [*GAME, "data.labelled_seed=1"], "plain": [
        *(o for o in GAME if "technique" not in o and "labelled" not in o), "technique=[ema_d]"]}  # fmt: skip
    for name, typed in words.items():
        (folder / name).mkdir()
        train(compose("train", typed), folder / name, typed)
    others = [f"metrics.{name}=null" for name in ("memorisation", "neighbours", "kernel_distance", "labels")]
    evaluate_runs(compose("evaluate", [f"run={folder}/*", "n=200", "metrics=fast", *others]))
    return folder


def column(run):
    result = read_measurements(run / "metrics.json")
    found = [c for c in result["measured"] if c["metric"] == "test_errors"]
    return result["checkpoints"], found[0] if found else None


def test_evaluate_counts_the_errors_of_d_and_of_its_average_on_test_images(runs):
    names, errors = column(runs / "a")
    test = Digits().test()
    rows = fixed_rows(len(test), 200)
    x, y = test.images[rows].float() / 127.5 - 1, test.labels[rows]
    G = gan_lightning.load(runs / "a")
    wrong = {name: int((D.class_logits(x).argmax(1) != y).sum()) for name, D in G.classifiers.items()}
    assert errors["values"] == {
        names["last"]["weights"]: {"test_errors": wrong["D"], "test_errors_ema_d": wrong["ema_d"]}
    }, "of the last checkpoint alone, once"
    assert 20 < wrong["D"] <= 200
    assert errors["protocol"]["n_real"] == 200
    assert 0 <= errors["floor"]["test_errors"] == errors["floor"]["test_errors_ema_d"] < 10, "the judge's"
    assert "best" in names


def test_a_game_without_classes_has_no_such_number(runs):
    assert column(runs / "plain")[1] is None


def test_subsets_are_repetitions_of_one_arm(runs):
    found, _, _ = gather(f"{runs}/[ab]")
    assert [[run.path.name for run in members] for members in arms(found).values()] == [["a", "b"]]
    both = [next(iter(column(runs / name)[1]["values"].values()))["test_errors"] for name in "ab"]
    table = all_tables(found, {}).split("last checkpoint")[1].split("###")[0]
    lines = [[cell.strip(" |") for cell in line.split(" | ")] for line in table.splitlines() if line.startswith("|")]
    head, _, row, *_ = lines
    spread = f"{statistics.fmean(both):.4g} +- {statistics.stdev(both):.2g}" if len(set(both)) > 1 else str(both[0])
    assert row[head.index("test_errors")] == spread
    assert row[head.index("seeds")] == "2"
