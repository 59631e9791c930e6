"""Rejection by D: the budget, the calibration, and what sample makes of it; on ratios that are known."""

import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import TINY
from omegaconf import OmegaConf
from torch import nn

from gan_lightning.config.compose import compose
from gan_lightning.core.play import Discriminator
from gan_lightning.core.prior import Categorical
from gan_lightning.core.rng import Stream, mix
from gan_lightning.report import rejection
from gan_lightning.report.rejection import DensityRatio, calibrated, kept_samples, log_scale
from gan_lightning.report.sampling import sample
from gan_lightning.runs.load import LoadedGenerator
from gan_lightning.training.setup import train


class Line(Discriminator):
    """f(x) = x."""

    def __init__(self):
        super().__init__()
        self.features, self.head = nn.Identity(), nn.Linear(1, 1)


class Copies(nn.Module):
    """G(z) = z, with a weight that says where it is."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, z):
        return z


class Normals:
    """Samples N(0, truncation^2) of one value."""

    path, classes, D = "run", 0, Line()

    def sample(self, n, seed, y=None, label=None, truncation=1.0):
        return truncation * torch.randn(n, 1, generator=torch.Generator().manual_seed(seed))

    def labels(self, n, seed, label=None):
        return None


def test_the_scale_by_hand():
    """r = 1, 2, 4: c + 2 c + 4 c = 3 / 2 for one of two, none of which is beyond 1."""
    logs = torch.tensor([1.0, 2.0, 4.0]).log().double()
    assert math.exp(log_scale(logs, 2)) == pytest.approx(1.5 / 7)
    assert math.exp(log_scale(logs, 1.05)) == pytest.approx((3 / 1.05 - 2) / 1, rel=1e-6)  # the two larger are kept
    assert (logs + log_scale(logs, 1)).min() >= -1e-9, "all are kept"
    with pytest.raises(ValueError, match="reject must be 1 or more, got 0.5. Write reject=4."):
        log_scale(logs, 0.5)


def test_the_regression_finds_the_ratio_of_two_normals():
    """N(1, 1) against N(0, 1): log r(x) = x - 1 / 2, whatever D's own head says."""
    images = 1 + torch.randn(6000, 1, generator=torch.Generator().manual_seed(9))
    ratio = calibrated(Normals(), images, seed=0, penalty=1e-3)
    torch.testing.assert_close(ratio.log_of(torch.tensor([[0.0], [1.0], [2.0]])),
                               torch.tensor([-0.5, 0.5, 1.5]).double(), atol=0.15, rtol=0)  # fmt: skip


class Signed(Normals):
    """Two classes, which the samples N(0, 1) do not follow."""

    classes = 2

    def labels(self, n, seed, label=None):
        return torch.arange(n) % 2 if label is None else torch.full((n,), label)


def test_each_class_has_a_ratio_of_its_own(monkeypatch):
    """Class 0 is N(1, 1), class 1 N(-1, 1), one of three images: log r(x | y) = x - 1 / 2 and -x - 1 / 2."""
    labels = (torch.arange(9000) % 3 == 2).long()
    noise = torch.randn(9000, 1, generator=torch.Generator().manual_seed(9))
    images = 1.0 - 2.0 * labels[:, None] + noise
    ratio = calibrated(Signed(), images, seed=0, penalty=1e-3, labels=labels)
    x = torch.tensor([[0.0], [1.0], [2.0]])
    for y, sign in ((0, 1.0), (1, -1.0)):
        expected = (sign * x[:, 0] - 0.5).double()
        torch.testing.assert_close(ratio.log_of(x, torch.full((3,), y)), expected, atol=0.2, rtol=0)
    whole = calibrated(Signed(), images, seed=0, penalty=1e-3)
    assert whole.weight.shape == (1,), "without the images' labels there is one"
    few = calibrated(Signed(), images, seed=0, labels=torch.zeros_like(labels))
    assert few.log_of(x, torch.ones(3).long()).tolist() == [0.0] * 3, "no image of class 1"
    monkeypatch.setattr(rejection, "POOL", 4000)
    kept, y = kept_samples(ratio, 4000, 2, seed=0)
    assert kept[y == 0].mean() > 0.4
    assert kept[y == 1].mean() < -0.4


def test_the_penalty_shrinks_the_ratio_by_what_it_costs():
    """mean cross entropy + 3/8 w^2 at data of mean +1 and -1 (here 0 and 2, standardised): w as in a plain descent."""
    images = 2 + torch.randn(4000, 1, generator=torch.Generator().manual_seed(9))
    ratio = calibrated(Normals(), images, seed=0)
    fake = Normals().sample(4000, mix(0, 1) % 2**32)
    x = torch.cat([images, fake]).double()[:, 0]
    x = (x - x.mean()) / x.std(correction=0)
    y = (torch.arange(8000) < 4000).double()
    w, b = torch.zeros(()).double(), torch.zeros(()).double()
    for _ in range(300):
        error = (w * x + b).sigmoid() - y
        w, b = w - ((error * x).mean() + 0.75 * w), b - error.mean()
    torch.testing.assert_close(ratio.weight[0], w, atol=1e-3, rtol=0)
    assert 0.2 < w < 0.5, "without a penalty it is near 3"


def exact(G=None):
    one = torch.ones(1).double()
    return DensityRatio(G or Normals(), torch.zeros(1).double(), one, one, -0.5)


def test_what_is_kept_has_the_law_that_follows(monkeypatch):
    """Kept samples have density min(1, c r) p_G / (1 / K): their mean is that of the weights, and lies nearer to 1."""
    monkeypatch.setattr(rejection, "POOL", 20_000)
    kept, labels = kept_samples(exact(), 8000, 2, seed=0)
    assert (len(kept), labels) == (8000, None)
    x = torch.randn(400_000, generator=torch.Generator().manual_seed(1)).double()
    log_r = x - 0.5
    weight = (log_r + log_scale(log_r, 2)).clamp(max=0).exp()
    assert float(kept.mean()) == pytest.approx(float((weight * x).sum() / weight.sum()), abs=0.04)
    assert 0.4 < float(kept.mean()) < 1
    again, _ = kept_samples(exact(), 8000, 2, seed=0)
    assert torch.equal(kept, again)
    assert not torch.equal(kept, kept_samples(exact(), 8000, 2, seed=1)[0])


def test_a_budget_of_one_keeps_all(monkeypatch):
    monkeypatch.setattr(rejection, "POOL", 50)
    drawn = []
    monkeypatch.setattr(Normals, "sample", lambda self, n, seed, **other: drawn.append(n) or torch.ones(n, 1))
    kept_samples(exact(), 100, 1, seed=0)
    assert drawn == [50, 50, 50], "a pool, and two blocks of which nothing is left out"


def test_without_a_d_of_its_own():
    G = SimpleNamespace(D=None, path="run")
    with pytest.raises(
        ValueError, match="reject needs a D that looks at one sample alone, and that of run does not, or"
    ):
        calibrated(G, torch.zeros(1), 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "labels"
    folder.mkdir()
    train(compose("train", [*TINY, "condition=projection", "condition.width=3"]), folder)
    return folder


def test_sample_keeps_one_of_k(run, tmp_path, monkeypatch):
    monkeypatch.setattr(rejection, "POOL", 60)
    _, npz = sample(run, 7, out=tmp_path, reject=2.0, label=3)
    assert npz.name == "labels-label3-reject2-n7-seed0.npz"
    assert np.load(npz)["labels"].tolist() == [3] * 7
    assert np.load(sample(run, 7, out=tmp_path, reject=2.0)[1])["images"].shape == (7, 1, 8, 8)


def test_truncation_makes_z_small(run, tmp_path):
    files = [sample(run, 9, out=tmp_path, truncation=t)[1] for t in (1.0, 0.5, 1e-6)]
    assert files[1].name == "labels-truncation0.5-n9-seed0.npz"
    images = [np.load(file)["images"].astype(float) for file in files]
    spread = [np.abs(x - x.mean(0)).mean() for x in images]
    assert spread[0] > spread[1] > spread[2], "what is left are the classes"


def test_truncation_leaves_the_code_of_a_categorical_prior():
    """Half of a code is no code of the prior, and would mix what the classes keep apart."""
    prior = Categorical(dim=6, classes=4, scale=5.0)
    G = LoadedGenerator(Copies(), prior, OmegaConf.create(), Path("run"), 1)
    whole = prior(20, Stream(3, name="sample"))
    for factor in (0.5, 1.5):
        samples = G.sample(20, 3, truncation=factor)
        assert torch.equal(samples[:, 2:], whole[:, 2:])
        assert torch.equal(samples[:, :2], whole[:, :2] * factor)


def test_samples_that_are_kept_of_a_wide_z_come_from_it_and_are_compared_with_it(monkeypatch):
    """Wide samples N(0, 4): their mean absolute value is 2 sqrt(2 / pi), and the ratio is that of real ones to them."""
    monkeypatch.setattr(rejection, "POOL", 20_000)
    wide = DensityRatio(Normals(), torch.zeros(1).double(), torch.ones(1).double(), torch.zeros(1).double(), 0.0, 2.0)
    kept, _ = kept_samples(wide, 8000, 1, seed=0)
    assert kept.abs().mean().item() == pytest.approx(2 * math.sqrt(2 / math.pi), abs=0.05)
    asked = []
    sample = lambda self, n, seed, y=None, truncation=1.0: asked.append(truncation) or torch.rand(n, 1)  # noqa: E731
    monkeypatch.setattr(Normals, "sample", sample)
    assert calibrated(Normals(), torch.rand(50, 1), seed=0, truncation=1.5).truncation == 1.5
    assert asked == [1.5]


def test_sample_keeps_one_of_k_of_a_wide_z(run, tmp_path, monkeypatch):
    monkeypatch.setattr(rejection, "POOL", 60)
    files = [sample(run, 7, out=tmp_path, reject=2.0, truncation=t)[1] for t in (1.0, 1.5)]
    assert files[1].name == "labels-reject2-truncation1.5-n7-seed0.npz"
    one, other = (np.load(file)["images"] for file in files)
    assert not np.array_equal(one, other)


def test_several_labels_at_once_are_refused(run, tmp_path):
    told = re.escape("reject=2 takes samples of one class or of all, got label=[1, 2]. Leave out one of them.")
    with pytest.raises(ValueError, match=told):
        sample(run, 4, out=tmp_path, reject=2.0, label=[1, 2])
    assert not list(tmp_path.iterdir())
