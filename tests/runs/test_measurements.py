"""Every number that was measured of a run is kept, with how it was measured, and none stands beside another's."""

import shutil

import pytest
import torch
from measured import DIGITS, PROTOCOL, a_run, column, earlier, measurements

from gan_lightning.config.compose import compose
from gan_lightning.report.measuring import evaluate_runs
from gan_lightning.runs.measurements import merge, read_measurements, weights_of
from gan_lightning.training.setup import train

# metrics.json ----------------------------------------------------------------------------------------------


def test_measuring_again_replaces_what_was_measured_alike_and_nothing_else():
    old = measurements(column("neighbours", {"recall": 0.3}, k=5), column("parzen", {"parzen_ll": 160.0}))
    again = merge(old, measurements(column("neighbours", {"recall": 0.4}, k=5)))
    assert [c["values"]["aaa"] for c in again["measured"]] == [{"recall": 0.4}, {"parzen_ll": 160.0}]
    other = merge(old, measurements(column("neighbours", {"recall": 0.2}, k=2)))
    assert [c["values"]["aaa"] for c in other["measured"]] == [{"recall": 0.3}, {"parzen_ll": 160.0}, {"recall": 0.2}]
    for key, value in {"protocol": {**PROTOCOL, "seed": 2}, "of": ["validation_features"], "function": "f"}.items():
        changed = {**column("neighbours", {"recall": 0.9}, k=5), key: value}
        assert len(merge(old, measurements(changed))["measured"]) == 3, key
    assert old["measured"][0]["values"]["aaa"] == {"recall": 0.3}, "what was read is left alone"


def test_an_earlier_file_is_read_and_its_numbers_stay_with_their_checkpoint(tmp_path):
    run = a_run(tmp_path, "a", earlier({"fd": 3.0, "parzen_ll": 160.0}))
    old = read_measurements(run / "metrics.json")
    kept = merge(old, measurements(column("fd", {"fd": 2.9})))
    assert kept["measured"][0]["values"] == {"aaa": {"fd": 3.0, "parzen_ll": 160.0}}
    moved_on = merge(old, measurements(column("fd", {"fd": 2.9}), g_steps=12))
    assert "aaa" not in moved_on["measured"][0]["values"]


@pytest.mark.parametrize("text", ["{", "[]", '{"checkpoints": {}}', '{"checkpoints": {"last": 3}, "measured": []}'])
def test_a_file_that_is_none_of_ours_is_named(tmp_path, text):
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(ValueError, match=r"metrics.json is not what evaluate writes \(.*Move it away"):
        read_measurements(tmp_path / "metrics.json")


def test_weights_have_the_name_of_what_they_hold():
    torch.manual_seed(0)
    G = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    before = weights_of(G)
    assert before == weights_of(G)
    G[1].running_mean += 1
    assert weights_of(G) != before, "a buffer counts too"


# evaluate --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train(compose("train", [*DIGITS, "evaluate_every=3"]), folder, ["data=digits"])
    return folder


def test_fast_metrics_do_not_overwrite_the_full_ones(trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    evaluate_runs(compose("evaluate", [f"run={run}"]))
    full = read_measurements(run / "metrics.json")
    evaluate_runs(compose("evaluate", [f"run={run}", "metrics=fast"]))
    assert read_measurements(run / "metrics.json") == full, "the same numbers again, and Parzen's still there"
    evaluate_runs(compose("evaluate", [f"run={run}", "metrics=fast", "metrics.neighbours.metric.k=2"]))
    both = read_measurements(run / "metrics.json")
    by_k = {c["parameters"]["k"]: c for c in both["measured"] if c["metric"] == "neighbours"}
    assert set(by_k) == {5, 2}
    assert len(both["measured"]) == len(full["measured"]) + 1
    weights = both["checkpoints"]["last"]["weights"]
    assert by_k[5]["values"][weights] != by_k[2]["values"][weights]


def test_the_record_says_all_that_a_number_depends_on(trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    evaluate_runs(compose("evaluate", [f"run={run}", "metrics=fast", "seed=4"]))
    found = {c["metric"]: c for c in read_measurements(run / "metrics.json")["measured"]}
    assert found["neighbours"]["parameters"] == {"k": 5}
    assert found["memorisation"]["parameters"] == {"limit": 2000, "n_train": 1500}
    assert found["frechet_distance"]["of"] == ["test_features", "fake_features"]
    protocol = found["neighbours"]["protocol"]
    assert {k: protocol[k] for k in ("dataset", "split", "n_fake", "n_real", "rows", "seed")} == {
        "dataset": "digits", "split": "test", "n_fake": 297, "n_real": 297, "rows": "all", "seed": 4,
    }  # fmt: skip
    assert len(protocol["judge_sha256"]) == 64
