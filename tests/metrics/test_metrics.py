"""Metrics of features against closed forms, plain loops and published self-tests."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch.testing import assert_close

from gan_lightning.metrics.frechet import frechet_distance
from gan_lightning.metrics.kernel import kernel_distance
from gan_lightning.metrics.neighbours import coverage, precision_recall_density_coverage


def gauss(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Frechet ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [8, 3, 1])
def test_fd_of_a_set_with_itself_is_0_also_when_rank_deficient(rank):
    x = gauss(500, rank) @ gauss(rank, 8, 1) + 30
    assert frechet_distance(x, x) < 1e-6 * torch.cov(x.T).trace().item()


def test_fd_from_moments_by_hand():
    # real: mean (0, 0), covariance 2/3 I; fake: mean (3, 4), covariance 8/3 I
    real = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    fake = 2 * real + torch.tensor([3.0, 4.0])
    # |m|^2 = 25; Tr(2/3 I + 8/3 I - 2 sqrt(16/9) I) = 2 (10/3 - 8/3) = 4/3
    assert_close(frechet_distance(real, fake), 25 + 4 / 3, rtol=0, atol=1e-12)


def test_fd_of_a_shift_is_its_square():
    x = gauss(300, 5)
    assert_close(frechet_distance(x, x + torch.arange(5.0)), 0.0 + 1 + 4 + 9 + 16, rtol=1e-10, atol=0)


def test_fd_agrees_with_the_matrix_square_root():
    real, fake = gauss(400, 6) @ gauss(6, 6, 1), gauss(300, 6, 2) @ gauss(6, 6, 3) + 1
    c_r, c_f = np.cov(real.numpy().T), np.cov(fake.numpy().T)
    reference = ((real.mean(0) - fake.mean(0)) ** 2).sum() + np.trace(c_r + c_f - 2 * sqrtm(c_r @ c_f).real)
    assert_close(frechet_distance(real, fake), float(reference), rtol=1e-9, atol=0)


def test_fd_in_float32_sums_is_the_wrong_version():
    """Negative control: moments as sums in float32 miss a distance that the features hold."""
    x, y = 30 + 0.1 * gauss(2000, 64), 30 + 0.1 * gauss(2000, 64, 1)
    right = frechet_distance(x, y)

    def naive(z):
        z = z.float()
        mean = z.sum(0) / len(z)
        return mean, (z.T @ z - len(z) * mean[:, None] * mean) / (len(z) - 1)

    (m1, c1), (m2, c2) = naive(x), naive(y)
    wrong = (m1 - m2).square().sum() + (c1 + c2).trace() - 2 * np.trace(sqrtm((c1 @ c2).double().numpy()).real)
    assert abs(wrong.item() - right) > 0.1 * right


# Kernel ----------------------------------------------------------------------------------------------------


def test_kernel_distance_against_a_plain_loop():
    real, fake = gauss(7, 3), gauss(6, 3, 1) + 0.5

    def k(a, b):
        return (a @ b / 3 + 1).item() ** 3

    rr = [k(a, b) for i, a in enumerate(real) for j, b in enumerate(real) if i != j]
    ff = [k(a, b) for i, a in enumerate(fake) for j, b in enumerate(fake) if i != j]
    rf = [k(a, b) for a in real for b in fake]
    expected = np.mean(rr) + np.mean(ff) - 2 * np.mean(rf)
    for chunk in (2, 100):
        assert_close(kernel_distance(real, fake, chunk), float(expected), rtol=1e-10, atol=0)


def test_kernel_distance_is_unbiased():
    """Equal laws: 0 on average, so both signs occur; the biased version is above 0 every time."""
    values = [kernel_distance(gauss(50, 4, s), gauss(50, 4, s + 1000)) for s in range(200)]
    error = np.std(values) / math.sqrt(200)
    assert abs(np.mean(values)) < 4 * error
    assert 40 < sum(v > 0 for v in values) < 160


# Neighbours ------------------------------------------------------------------------------------------------


def test_neighbours_against_plain_loops():
    real, fake, k = gauss(30, 2), gauss(25, 2, 1) * 1.3 + 0.3, 3

    def ball(x, i):
        return sorted((x[i] - x[j]).norm().item() for j in range(len(x)) if j != i)[k - 1]

    real_balls, fake_balls = [ball(real, i) for i in range(30)], [ball(fake, j) for j in range(25)]
    d = [[(r - f).norm().item() for f in fake] for r in real]
    expected = {
        "precision": np.mean([any(d[i][j] < real_balls[i] for i in range(30)) for j in range(25)]),
        "recall": np.mean([any(d[i][j] < fake_balls[j] for j in range(25)) for i in range(30)]),
        "density": np.mean([sum(d[i][j] < real_balls[i] for i in range(30)) for j in range(25)]) / k,
        "coverage": np.mean([min(d[i]) < real_balls[i] for i in range(30)]),
    }
    got = precision_recall_density_coverage(real, fake, k, chunk=7)
    assert got == pytest.approx({name: float(v) for name, v in expected.items()}, abs=1e-12)


def test_a_collapsed_generator_is_precise_and_recalls_nothing():
    """Pins which is which: all fakes beside one real image."""
    real = gauss(500, 4)
    fake = real[:1] + 1e-3 * gauss(500, 4, 1)
    got = precision_recall_density_coverage(real, fake)
    assert got["precision"] == 1.0
    assert got["recall"] < 0.02
    assert got["coverage"] < 0.05


@pytest.mark.slow
def test_neighbours_reach_the_published_self_test():
    """N(0, I_1000), 10,000 of each, k = 5: P .4772, R .4705, D 1.0555, C .9735 (Naeem et al.'s repository).

    Both are single draws; over seeds P and R move by about .01, D by .03, C by .003.
    """
    got = precision_recall_density_coverage(gauss(10_000, 1000), gauss(10_000, 1000, 1))
    assert got["precision"] == pytest.approx(0.4772, abs=0.03)
    assert got["recall"] == pytest.approx(0.4705, abs=0.03)
    assert got["density"] == pytest.approx(1.0555, abs=0.09)
    assert got["coverage"] == pytest.approx(0.9735, abs=0.01)


# Bad input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [frechet_distance, kernel_distance, precision_recall_density_coverage])
def test_bad_features_get_a_clear_error(metric):
    with pytest.raises(ValueError, match=r"with one d, got \[10, 3\] and \[10, 4\]"):
        metric(torch.zeros(10, 3), torch.zeros(10, 4))
    with pytest.raises(ValueError, match=r"needs at least \d samples of each kind, got 10 real and 1 fake"):
        metric(gauss(10, 3), gauss(1, 3))
    with pytest.raises(ValueError, match="fake features must be finite"):
        metric(gauss(10, 3), torch.full((10, 3), math.nan))


def test_bad_features_get_one_whole_sentence():
    cases = [
        (
            (gauss(4, 3), gauss(4, 3)[0]),
            "features must be [N, d] and [M, d] with one d, got [4, 3] and [3]. Take both from the same judge.",
        ),
        (
            (gauss(4, 3)[0], gauss(4, 3)),
            "features must be [N, d] and [M, d] with one d, got [3] and [4, 3]. Take both from the same judge.",
        ),
        (
            (gauss(1, 3), gauss(4, 3)),
            "this metric needs at least 2 samples of each kind, got 1 real and 4 fake. "
            "Write n=2 or more, or leave n out.",
        ),
        (
            (gauss(4, 3) / 0, gauss(4, 3)),
            "real features must be finite, got nan or inf. Look at the samples: has G diverged?",
        ),
    ]
    for features, words in cases:
        with pytest.raises(ValueError) as refused:
            frechet_distance(*features)
        assert str(refused.value) == words
    assert frechet_distance(gauss(2, 3), gauss(2, 3)) == pytest.approx(0, abs=1e-12), "two are enough"
    six, five = gauss(6, 2), gauss(5, 2)
    assert precision_recall_density_coverage(six, six)["coverage"] == coverage(six, six) == 1.0, "k is 5"
    for metric in (precision_recall_density_coverage, coverage):
        with pytest.raises(ValueError, match="needs at least 6 samples of each kind, got 6 real and 5 fake"):
            metric(six, five)


def test_a_fake_at_the_edge_of_a_ball_is_outside():
    """Real 0, 1, 3 and fake 2 with k = 1: the balls of the reals reach 1, 1 and 2, the fakes' 1 (2 and 3)."""
    real, fake = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[2.0], [3.0]])
    got = precision_recall_density_coverage(real, fake, k=1)
    assert got == {"precision": 1.0, "recall": 1 / 3, "density": 1.0, "coverage": 1 / 3}
    assert coverage(real, fake, k=1) == 1 / 3
