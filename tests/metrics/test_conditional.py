"""Metrics of samples that were made for a class, by hand; and that each run's labels go with its samples."""

import json
import math
import re

import pytest
import torch
from conftest import TINY

import gan_lightning
from gan_lightning.config.build import judge_of
from gan_lightning.config.compose import compose
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.rng import fixed_rows
from gan_lightning.data.digits import Digits
from gan_lightning.metrics.conditional import class_distances, label_agreement
from gan_lightning.metrics.frechet import frechet_distance
from gan_lightning.report.knowing import known_of
from gan_lightning.report.measuring import evaluate_runs
from gan_lightning.report.observed import Known, as_pixels, known_of_real
from gan_lightning.report.rejection import calibrated, kept_samples
from gan_lightning.report.yardstick import Yardstick, build_metrics
from gan_lightning.training.setup import train

DIGITS = [o for o in TINY if not o.startswith("data")] + ["data=digits"]


def gauss(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# By hand -----------------------------------------------------------------------------------------------------


def test_agreement_is_the_diagonal_of_the_confusion_matrix():
    """Labels down, what the judge sees across: 3 1 0, 0 2 0, 2 0 2: 7 of 10."""
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
    seen = torch.tensor([0, 0, 0, 1, 1, 1, 0, 0, 2, 2])
    unsure = 0.4 * torch.eye(3)[seen] + 0.2
    assert label_agreement(unsure, labels) == 0.7
    assert label_agreement(unsure, labels.flip(0)) == 0.4, "labels go with their samples"


def test_the_distance_of_a_class_is_that_of_its_rows():
    labels = torch.arange(60) % 3
    order = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    real, fake = gauss(60, 2) + labels[:, None], gauss(60, 2, 5) - labels[:, None]
    got = class_distances(real, labels, fake[order], labels[order])
    rows = labels[order]
    expected = {f"fd_class_{c}": frechet_distance(real[labels == c], fake[order][rows == c]) for c in range(3)}
    mean = sum(expected.values()) / 3
    assert got == pytest.approx({**expected, "fd_class_mean": mean}, rel=1e-12)
    assert got["fd_class_2"] > got["fd_class_0"] + 5, "class 2 is shifted by 4 in both directions, class 0 by nothing"
    assert class_distances(real, labels, fake, labels[order])["fd_class_2"] != pytest.approx(got["fd_class_2"])


def test_of_each_class_there_are_as_many_real_as_fake():
    real, fake = gauss(50, 2), gauss(20, 2, 1)
    zeros = torch.zeros(50, dtype=torch.int64)
    few = frechet_distance(real[fixed_rows(50, 20)], fake)
    assert class_distances(real, zeros, fake, zeros[:20])["fd_class_0"] == few
    assert class_distances(fake, zeros[:20], real, zeros)["fd_class_0"] == pytest.approx(few, rel=1e-9)
    assert few != frechet_distance(real, fake)


def test_a_class_with_one_sample_has_no_distance():
    real, labels = gauss(6, 1), torch.tensor([0, 0, 0, 1, 1, 1])
    got = class_distances(real, labels, gauss(6, 1, 1), torch.tensor([0, 0, 0, 0, 0, 1]))
    assert math.isfinite(got["fd_class_0"])
    assert math.isnan(got["fd_class_1"])
    assert math.isnan(got["fd_class_mean"])


# evaluate ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditional") / "run"
    folder.mkdir()
    train(compose("train", [*DIGITS, "condition=concat", "technique=[ema]"]), folder)
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / "run"
    folder.mkdir()
    train(compose("train", DIGITS), folder)
    return folder


def test_evaluate_gives_each_metric_the_labels_that_the_samples_were_made_for(run):
    found = evaluate_runs(compose("evaluate", [f"run={run}", "metrics=conditional", "seed=3"]))[run]
    agreement, distances = found["measured"]
    judge, source = judge_of("digits"), Digits()
    features, _ = judge(to_signed_range(source.test().images))
    for name, generator in (("last", "G"), ("last-ema", "ema")):
        weights = found["checkpoints"][name]["weights"]
        G = gan_lightning.load(run, generator)
        y = G.labels(297, 3)
        fake, seen = judge(as_pixels(G.sample(297, 3, y=y)))
        assert agreement["values"][weights] == {"label_agreement": label_agreement(seen, y)}
        expected = class_distances(features, source.test().labels, fake, y)
        assert distances["values"][weights] == expected
        assert class_distances(features, source.test().labels, fake, y.flip(0)) != expected
    first = source.train()
    real, seen = judge(to_signed_range(first.images[:297]))
    assert agreement["floor"] == {"label_agreement": (seen.argmax(1) == first.labels[:297]).double().mean().item()}
    assert agreement["floor"]["label_agreement"] > 0.98
    floor = class_distances(features, source.test().labels, real, first.labels[:297])
    assert distances["floor"] == floor
    assert json.loads((run / "metrics.json").read_text())["measured"] == found["measured"]


def test_fewer_test_images_keep_their_labels():
    yardstick = Yardstick(Digits(), build_metrics(compose("evaluate", ["metrics=conditional"]).metrics), n=50)
    test = Digits().test()
    assert torch.equal(yardstick.real["test"].look("labels"), test.labels[fixed_rows(297, 50)])
    for name, part in (("train", Digits().train()), ("validation", Digits().validation())):
        assert torch.equal(yardstick.real[name].look("labels"), part.labels)


def test_a_run_without_a_condition_is_measured_without_these(plain, run):
    found = evaluate_runs(compose("evaluate", [f"run={plain}", "metrics=fast"]))[plain]
    names = {column["metric"] for column in found["measured"]}
    assert "frechet_distance" in names
    assert not names & {"label_agreement", "class_distances"}
    found = evaluate_runs(compose("evaluate", [f"run={run}", "metrics=fast"]))[run]
    assert {column["metric"] for column in found["measured"]} == names | {"label_agreement", "class_distances"}


def test_asked_for_by_name_they_are_refused_without_a_condition(plain):
    before = {p: p.read_bytes() for p in plain.rglob("*") if p.is_file()}
    told = (
        f"the metric label_agreement needs samples with labels, and G of {plain / 'checkpoints' / 'last.ckpt'} takes "
        "none. Use metrics=default or metrics=fast, or train with condition=projection."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        evaluate_runs(compose("evaluate", [f"run={plain}", "metrics=conditional"]))
    assert {p: p.read_bytes() for p in plain.rglob("*") if p.is_file()} == before


def test_a_floor_is_measured_once(monkeypatch):
    yardstick = Yardstick(Digits(), build_metrics(compose("evaluate", ["metrics=conditional"]).metrics), n=100)
    agreement, distances = yardstick.metrics
    assert set(yardstick.floors_of([agreement])) == {"label_agreement"}
    told = []
    monkeypatch.setattr(Yardstick, "measure", lambda self, *a: told.append(a[3]) or {"class_distances": {}})
    assert set(yardstick.floors) == {"label_agreement", "class_distances"}
    assert yardstick.floors_of([distances, agreement]) == yardstick.floors
    assert told == [[distances]]


# More samples with labels --------------------------------------------------------------------------------------


def test_further_samples_come_in_blocks_with_the_labels_they_were_made_for(run, monkeypatch):
    monkeypatch.setattr("gan_lightning.report.knowing.BLOCK", 4)
    G = gan_lightning.load(run)
    known = known_of(G, 6, 2)
    assert torch.equal(known.labels, G.labels(6, 2))
    blocks = list(known.labelled(10))
    assert [len(y) for _, y in blocks] == [4, 4, 2]
    assert not torch.equal(blocks[0][1], blocks[1][1])
    for images, y in blocks:
        assert images.shape == (len(y), 1, 28, 28)
    for one, other in zip(blocks, known_of(G, 6, 2).labelled(10), strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
    other = list(known_of(G, 6, 3).labelled(10))
    assert not torch.equal(other[0][0], blocks[0][0])


def test_further_samples_of_a_wide_z_and_kept_ones(tmp_path, monkeypatch):
    train(compose("train", [*DIGITS, "condition=discriminative"]), tmp_path)
    real = torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr("gan_lightning.report.knowing.BLOCK", 4)
    monkeypatch.setattr("gan_lightning.report.rejection.POOL", 50)
    labels = torch.arange(60) % 10
    monkeypatch.setattr("gan_lightning.report.knowing.training_data", lambda G: (real, labels))
    G = gan_lightning.load(tmp_path)
    plain, wide = (list(known_of(G, 6, 2).labelled(10, *words)) for words in ((), (2.0,)))
    for one, other in zip(plain, wide, strict=True):
        assert torch.equal(one[1], other[1])
        assert not torch.equal(one[0], other[0])
    kept = list(known_of(G, 6, 2).labelled(10, 2.0, 3))
    assert [len(y) for _, y in kept] == [4, 4, 2]
    samples, y = kept_samples(calibrated(G, real, 2, truncation=2.0, labels=labels), 10, 3, 2)
    assert torch.equal(torch.cat([x for x, _ in kept]), as_pixels(samples))
    assert torch.equal(torch.cat([y for _, y in kept]), y)


def test_further_real_images_end_where_they_end(monkeypatch):
    monkeypatch.setattr("gan_lightning.report.observed.BLOCK", 4)
    x, y = torch.arange(10.0).view(10, 1), torch.arange(10)
    known = known_of_real(x, y, 3)
    assert known.labels.tolist() == [0, 1, 2]
    assert [part.tolist() for _, part in known.labelled(6)] == [[0, 1, 2, 3], [4, 5]]
    assert torch.equal(torch.cat([part for part, _ in known.labelled(100)]), x)


def test_what_is_known():
    assert not Known().has("labels")
    assert Known().has("features")
    assert Known(labels=torch.zeros(1)).has("labels")
    assert not Known(labels=torch.zeros(1)).has("labelled")
