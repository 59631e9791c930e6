"""Points in the plane go the way of images: data, modes, pictures, evaluate, sample."""

import json
import math
import sys

import numpy as np
import pytest
import torch

from gan_lightning.config.build import judge_of
from gan_lightning.config.compose import compose
from gan_lightning.data.mixtures import grid25, grid_means, ring8, ring_means
from gan_lightning.metrics.modes import ModeJudge, mode_coverage
from gan_lightning.report.measuring import evaluate_runs
from gan_lightning.report.pictures import grid
from gan_lightning.report.sampling import sample
from gan_lightning.sample import main
from gan_lightning.training.setup import train

SMALL = ["network=points", "network.G.hidden=[8]", "network.D.hidden=[8]", "prior.dim=2", "data.n=500",
         "data.n_test=50", "trainer=cpu", "steps=4", "sample_every=2", "evaluate_every=2", "log_every=2"]  # fmt: skip


def test_eight_modes_are_eight():
    def distinct(means):
        return len({tuple(row) for row in means.round(decimals=6).abs().mul(means.sign()).tolist()})

    assert distinct(ring_means()) == 8
    assert ring_means().norm(dim=1).tolist() == pytest.approx([1] * 8)
    angle = torch.linspace(0, 2 * math.pi, 8, dtype=torch.float64)  # the known wrong ring
    assert distinct(torch.stack([angle.cos(), angle.sin()], 1) + 0.0) == 7
    assert sorted({x for x, _ in grid_means().tolist()}) == [-4, -2, 0, 2, 4]
    assert len(grid_means()) == 25


def test_the_judge_of_a_wider_mixture_knows_its_width():
    wide = ring8(sd=0.1)
    assert judge_of(wide).sd == 0.1
    assert mode_coverage(judge_of(wide), wide.test().images)["high_quality"] > 0.98
    assert judge_of(wide).sha256 != judge_of(ring8()).sha256 == judge_of("ring8").sha256


@pytest.mark.parametrize("make", [ring8, grid25])
def test_the_real_law_reaches_its_own_ceiling(make):
    """Within 3 sd lie 1 - exp(-4.5) = 98.89 % of a plane normal; KL's floor is about (K - 1) / (2 N)."""
    source = make(n=200_000)
    found = mode_coverage(judge_of(source.name), source.train().images)
    assert found["modes"] == len(source.means)
    assert found["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.001)
    assert found["spread"] == pytest.approx(1, abs=0.005)
    assert found["reverse_kl"] == pytest.approx((len(source.means) - 1) / 400_000, rel=0.9)


def test_modes_by_hand():
    judge = ModeJudge("two", torch.tensor([[0.0, 0.0], [10.0, 0.0]]), 1.0)
    points = torch.tensor([[0.0, 1.0], [0.0, -1.0], [0.0, 2.9], [10.0, 3.1], [5.0, 0.0]])
    found = mode_coverage(judge, points)
    assert found["modes"] == 1
    assert found["high_quality"] == pytest.approx(0.6)
    assert found["reverse_kl"] == pytest.approx(math.log(2))
    both = mode_coverage(judge, torch.tensor([[0.0, 0.0], [10.0, 0.0], [10.0, 0.0], [0.0, 0.0]]))
    assert (both["modes"], both["reverse_kl"], both["spread"]) == (2, pytest.approx(0, abs=1e-12), 0)
    none = mode_coverage(judge, torch.full((3, 2), 100.0))
    assert (none["modes"], none["high_quality"], none["reverse_kl"]) == (0, 0, math.inf)
    assert math.isnan(none["spread"])


def test_which_points_count_by_hand():
    """Points of two modes at 0 and 10 with sd 1: 3 sd count, the narrowest and widest are of 20 points and more."""
    judge = ModeJudge("two", torch.tensor([[0.0, 0.0], [10.0, 0.0]]), 1.0)
    kept = math.sqrt(1 - 4.5 * math.exp(-4.5) / (1 - math.exp(-4.5)))
    at = lambda x, n: torch.tensor([[x, 0.0]]).repeat(n, 1)  # noqa: E731
    edge = mode_coverage(judge, torch.cat([at(3.0, 2), at(13.0, 1), at(3.5, 1)]))
    assert (edge["modes"], edge["high_quality"]) == (2, 0.75)
    assert edge["reverse_kl"] == pytest.approx(2 / 3 * math.log(4 / 3) + 1 / 3 * math.log(2 / 3))
    assert edge["spread"] == pytest.approx(3 / math.sqrt(2) / kept), "one point has no spread"
    assert math.isnan(edge["narrowest"])
    assert math.isnan(edge["widest"])
    many = mode_coverage(judge, torch.cat([at(1.0, 20), at(12.0, 21)]))
    assert (many["narrowest"], many["widest"]) == pytest.approx((1 / math.sqrt(2) / kept, 2 / math.sqrt(2) / kept))
    few = mode_coverage(judge, torch.cat([at(1.0, 19), at(12.0, 20)]))
    assert few["narrowest"] == few["widest"] == pytest.approx(2 / math.sqrt(2) / kept)
    assert few["spread"] == pytest.approx(1.5 / math.sqrt(2) / kept)
    half = mode_coverage(ModeJudge("half", torch.zeros(1, 2), 0.5), at(1.0, 2))
    assert half["spread"] == pytest.approx(1 / math.sqrt(2) / kept / 0.5)


def test_a_judge_of_points_gives_the_nearest_mode():
    judge = ModeJudge("two", torch.tensor([[0.0, 0.0], [10.0, 0.0]]), 1.0)
    features, classes = judge(torch.tensor([[6.0, 1.0], [4.0, 9.0]]))
    assert features.tolist() == [[6.0, 1.0], [4.0, 9.0]]
    assert classes.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert features.dtype == classes.dtype == torch.float64
    assert (judge.dataset, judge.sd, judge.classes, judge.to("cpu")) == ("two", 1.0, 2, judge)
    assert judge.quick(torch.tensor([[0.0, 0.0], [5.0, 0.0]])) == {"metric/modes": 1, "metric/high_quality": 0.5}


def test_a_mode_beside_its_place_is_not_a_narrow_one_in_it():
    """Deviations are from the mode's mean, which is known, not from the samples' own: off by 2 sd, all alike."""
    judge = ModeJudge("one", torch.zeros(1, 2), 1.0)
    found = mode_coverage(judge, torch.tensor([[2.0, 0.0]]).repeat(30, 1))
    kept = 1 - 4.5 * math.exp(-4.5) / (1 - math.exp(-4.5))
    assert found["spread"] == found["narrowest"] == found["widest"] == pytest.approx(math.sqrt(2 / kept))


def test_a_wide_mode_has_a_wide_spread():
    means = grid_means()
    points = means.repeat(400, 1) + 0.02 * torch.randn(10_000, 2, generator=torch.Generator().manual_seed(0))
    assert mode_coverage(ModeJudge("grid25", means, 0.05), points)["spread"] == pytest.approx(0.4, abs=0.03)


def test_train_evaluate_sample(tmp_path, monkeypatch, capfd):
    run = tmp_path / "run"
    run.mkdir()
    train(compose("train", ["data=ring8", *SMALL, "technique=[ema,packing]"]), run)
    assert (run / "samples" / "ema" / "0000004.png").is_file()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert all(0 <= line["metric/high_quality"] <= 1 for line in lines if "metric/fd_judge" in line)
    result = evaluate_runs(compose("evaluate", [f"run={run}", "metrics=points"]))[run]
    (modes,) = (c for c in result["measured"] if c["metric"] == "mode_coverage")
    assert modes["floor"]["modes"] == 8
    assert modes["protocol"]["n_fake"] == 50
    assert {"last", "last-ema"} <= result["checkpoints"].keys()
    _, npz = sample(run, n=30, out=tmp_path / "out", generator="ema")
    points = np.load(npz)["points"]
    assert (points.shape, points.dtype) == ((30, 2), np.float32)
    monkeypatch.setattr(sys, "argv", ["sample.py", f"run={run}", "n=2"])
    main()
    assert "2 samples; in the .npz: points, float32 N x d\n" in capfd.readouterr().out


def test_a_picture_of_points_has_them_where_they_are():
    drawn = grid(torch.tensor([[0.5, 0.5]]), limit=1.0)[0]
    row, column = divmod(int(drawn.argmax()), drawn.shape[1])
    assert abs(row - 0.25 * 320) <= 2, "up is up"
    assert abs(column - 0.75 * 320) <= 2
    assert drawn.count_nonzero() == 9
    assert grid(torch.empty(0, 2), limit=1.0).sum() == 0


def test_images_techniques_refuse_points(tmp_path):
    with pytest.raises(ValueError, match=r"diff_augment needs images \(C, H, W\), got samples of shape \(2,\)"):
        train(compose("train", ["data=ring8", *SMALL, "technique=[diff_augment]"]), tmp_path)


@pytest.mark.parametrize(("data", "means"), [(ring8, ring_means()), (grid25, grid_means())])
def test_the_judge_of_a_mixture_knows_where_its_modes_lie_and_how_wide_they_are(data, means):
    judge = judge_of(data(sd=0.2))
    assert torch.equal(judge.means, means)
    assert judge.sd == 0.2
    assert judge.knows_modes
