"""Metrics against closed forms, plain loops and published self-tests; and which way each moves for which fault."""

import hashlib
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch.testing import assert_close

from gan_lightning.metrics.frechet import frechet_distance
from gan_lightning.metrics.judge import ClassifierJudge, JudgeNet
from gan_lightning.metrics.kernel import kernel_distance
from gan_lightning.metrics.labels import classifier_score, label_statistics
from gan_lightning.metrics.memorisation import memorisation, nearest
from gan_lightning.metrics.neighbours import coverage, precision_recall_density_coverage
from gan_lightning.metrics.parzen import SIGMAS, log_likelihoods, parzen_log_likelihood

REAL = os.environ.get("GAN_DATA")
needs_mnist = pytest.mark.skipif(
    not REAL or not (Path(REAL) / "MNIST").is_dir(), reason="GAN_DATA names no folder with MNIST"
)


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


# Labels ----------------------------------------------------------------------------------------------------


def test_classifier_score_has_its_bounds():
    sure = torch.eye(10).repeat(5, 1)
    assert_close(classifier_score(sure, sure), 10.0, rtol=1e-12, atol=0)
    same = torch.eye(10)[:1].repeat(50, 1)
    assert_close(classifier_score(sure, same), 1.0, rtol=1e-12, atol=0)
    unsure = torch.full((50, 10), 0.1)
    assert_close(classifier_score(sure, unsure), 1.0, rtol=1e-6, atol=0)


def test_classifier_score_by_hand():
    # p(y|x) = (.9, .1) and (.1, .9): p(y) = (.5, .5), KL = log 2 - H(.1)
    p = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert_close(classifier_score(p, p), math.exp(math.log(2) - entropy), rtol=1e-12, atol=0)


def test_label_statistics_by_hand():
    eye = torch.eye(4)
    real, fake = eye[[0, 1, 2, 3]], eye[[0, 0, 1, 1]]
    assert label_statistics(real, fake) == {"label_distance": 0.5, "modes": 2}
    assert label_statistics(real, real) == {"label_distance": 0.0, "modes": 4}


# Parzen ----------------------------------------------------------------------------------------------------


def test_parzen_with_one_sample_is_a_gaussian():
    sample, x = torch.rand(1, 5).double(), torch.rand(3, 5).double()
    law = torch.distributions.MultivariateNormal(sample[0], 0.25 * torch.eye(5).double())
    assert_close(log_likelihoods(sample, x, (0.5,))[0], law.log_prob(x), rtol=1e-10, atol=0)


def test_parzen_is_the_mean_of_its_windows():
    samples, x = torch.rand(4, 3).double(), torch.rand(2, 3).double()
    each = torch.stack([log_likelihoods(s[None], x, (0.3,))[0] for s in samples])
    assert_close(log_likelihoods(samples, x, (0.3,))[0], each.logsumexp(0) - math.log(4), rtol=1e-10, atol=0)


def test_the_grid_is_goodfellows():
    assert SIGMAS[0] == pytest.approx(0.1)
    assert SIGMAS[-1] == pytest.approx(1.0)
    assert len(SIGMAS) == 10
    assert SIGMAS[2] == pytest.approx(0.16681005372)


@pytest.mark.slow
@needs_mnist
def test_parzen_of_real_training_images():
    """The first 10,000 in file order: 241.2 nats, sigma 0.167."""
    from gan_lightning.data.arrays import to_signed_range
    from gan_lightning.data.mnist import MNIST

    source = MNIST(REAL)
    train, validation, test = (to_signed_range(a.images) for a in (source.train(), source.validation(), source.test()))
    got = parzen_log_likelihood(validation, test, train[:10_000])
    assert got["parzen_ll"] == pytest.approx(241.2, abs=0.1)
    assert got["parzen_standard_error"] == pytest.approx(2.1, abs=0.1)
    assert got["parzen_sigma"] == pytest.approx(0.1668, abs=1e-4)


# Memorisation ----------------------------------------------------------------------------------------------


def test_nearest_against_a_plain_loop():
    x, among = torch.rand(5, 1, 2, 2), torch.rand(23, 1, 2, 2)
    distances, rows = nearest(x, among, chunk=4)
    for i in range(5):
        all_of_them = [(x[i] - a).norm().item() for a in among]
        assert rows[i] == int(np.argmin(all_of_them))
        assert distances[i].item() == pytest.approx(min(all_of_them), abs=1e-5)


def test_copies_are_flagged_and_held_out_images_are_not():
    from gan_lightning.data.arrays import to_signed_range
    from gan_lightning.data.digits import Digits

    train, test = (to_signed_range(a.images) for a in (Digits().train(), Digits().test()))
    held_out = memorisation(train[300:], test, train[:300])
    copies = memorisation(train, test, train[:300])
    assert copies["copied_share"] == 1.0
    assert copies["train_test_ratio"] == pytest.approx(0.0, abs=1e-2)
    assert held_out["copied_share"] < 0.03
    assert held_out["train_test_ratio"] > 0.6


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


def test_parzen_by_hand():
    """One window at 1/2, validation 0.3 away: of the grid's widths, 0.278 fits best; two test images at 0 and 0.3."""
    fake, test = torch.zeros(1, 1, 1, 1), torch.tensor([0.0, 0.6]).view(2, 1, 1, 1)
    validation = torch.full((1001, 1, 1, 1), 0.6)
    validation[1000] = 1e6  # the 1,001st is not looked at
    got = parzen_log_likelihood(validation, test, fake)
    sigma = 10 ** (-1 + 4 / 9)
    peak, far = -math.log(sigma * math.sqrt(2 * math.pi)), 0.3**2 / (2 * sigma**2)
    assert got["parzen_sigma"] == pytest.approx(sigma, rel=1e-12)
    assert got["parzen_ll"] == pytest.approx(peak - far / 2, rel=1e-6)
    assert got["parzen_standard_error"] == pytest.approx(far / 2 / math.sqrt(2), rel=1e-6)


def test_memorisation_by_hand():
    """Fakes at 0, 1 and 9, training images at 1 and 4, test images at 2 and 9; the third fake is not looked at."""
    train, test, fake = (torch.tensor(x).view(-1, 1, 1, 1) for x in ([1.0, 4.0], [2.0, 9.0], [0.0, 1.0, 9.0]))
    got = memorisation(train, test, fake, limit=2)  # 1/2 and 0/1
    assert got == {"train_test_ratio": 0.0, "copied_share": 0.5}
    assert memorisation(train, test, fake) == {"train_test_ratio": 0.5, "copied_share": pytest.approx(1 / 3)}
    many = torch.cat([torch.zeros(2000, 1, 1, 1), torch.ones(500, 1, 1, 1)])
    assert memorisation(train, test, many)["copied_share"] == 0.0, "of the first 2,000"
    _, rows = nearest(torch.zeros(1, 1), torch.tensor([[3.0], [2.0], [2.0]]), chunk=1)
    assert rows.tolist() == [1], "the first of several"


# The judge -------------------------------------------------------------------------------------------------


def test_a_judge_without_its_weights_gets_one_whole_sentence(tmp_path):
    file = tmp_path / "weights.pt"
    with pytest.raises(ValueError) as refused:
        ClassifierJudge("digits", str(file), "0" * 64, (1, 8, 8))
    assert str(refused.value) == (
        f"the judge of digits has no weights: {file} is neither in the package nor a file. "
        "Train one: python -m gan_lightning.judge data=digits"
    )
    file.write_bytes(b"")
    with pytest.raises(ValueError) as refused:
        ClassifierJudge("digits", str(file), "0" * 64, (1, 8, 8))
    assert str(refused.value) == (
        f"the judge's weights {file} have SHA-256 {hashlib.sha256(b'').hexdigest()} instead of {'0' * 64}: numbers "
        "from them would compare with nobody's. Reinstall the package, or name your own judge's file and hash in "
        "conf/judge/."
    )


def test_a_judge_of_your_own_by_its_layers(tmp_path):
    """Convolutions of 3 x 3 with strides 1, 2, 1, 2 and twice the width in the last two; 64 features, 10 classes."""
    torch.manual_seed(0)
    net = JudgeNet((1, 8, 8))
    convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size, c.stride, c.padding, c.bias) for c in convolutions] == [
        (i, o, (3, 3), (s, s), (1, 1), None) for i, o, s in ((1, 32, 1), (32, 32, 2), (32, 64, 1), (64, 64, 2))
    ]
    assert (net.features[0].in_features, net.features[0].out_features) == (64 * 2 * 2, 64)
    assert (net.classifier.in_features, net.classifier.out_features, net.dropout.p) == (64, 10, 0.3)
    assert net.scale.item() == 1

    small = JudgeNet((2, 8, 8), features=3, classes=4, width=2)
    small.scale.fill_(2.0)
    torch.save(small.state_dict(), tmp_path / "small.pt")
    sha256 = hashlib.sha256((tmp_path / "small.pt").read_bytes()).hexdigest()
    judge = ClassifierJudge("mine", str(tmp_path / "small.pt"), sha256, (2, 8, 8), features=3, classes=4, width=2)
    assert (judge.dataset, judge.sha256, judge.classes) == ("mine", sha256, 4)
    assert not any(p.requires_grad for p in judge.net.parameters())
    images = torch.rand(5, 2, 8, 8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        features, probabilities = judge.to("cpu")(images.half(), batch_size=2)
    small.eval()
    with torch.no_grad():
        f = small.features(small.convolutions(images.half().float()))
    assert_close(features, 2 * f.double())
    assert_close(probabilities, small.classifier(f).detach().double().softmax(1))


# Inception -------------------------------------------------------------------------------------------------


def test_inception_without_torch_fidelity_says_how_to_get_it(monkeypatch):
    import sys

    from gan_lightning.metrics.inception import inception_metrics

    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(ValueError, match=r"needs torch-fidelity, which is not installed.*gan-lightning\[inception\]"):
        inception_metrics(torch.zeros(4, 1, 8, 8), torch.zeros(4, 1, 8, 8))


def test_inception_without_weights_says_so_and_gets_rgb_bytes(monkeypatch):
    import sys
    from types import SimpleNamespace
    from urllib.error import URLError

    from gan_lightning.metrics.inception import inception_metrics

    seen = {}

    def calculate_metrics(input1, input2, **options):
        seen.update(first=input1[0], n=len(input1), options=options)
        raise URLError("no network")

    monkeypatch.setitem(sys.modules, "torch_fidelity", SimpleNamespace(calculate_metrics=calculate_metrics))
    with pytest.raises(ValueError, match="could not get Inception's weights: .*no network.*use metrics=default"):
        inception_metrics(torch.zeros(4, 1, 8, 8), torch.ones(4, 1, 8, 8))
    assert seen["first"].dtype == torch.uint8
    assert seen["first"].shape == (3, 8, 8)
    assert seen["first"].unique().tolist() == [255]
    assert seen["options"] == {"isc": True, "fid": True, "kid": True, "kid_subset_size": 4, "verbose": False,
                               "cuda": torch.cuda.is_available(), "save_cpu_ram": True}  # fmt: skip


def test_inception_says_what_of_two_sets_it_compares(monkeypatch):
    import sys
    from types import SimpleNamespace

    from gan_lightning.metrics.inception import inception_metrics

    seen = {}

    def calculate_metrics(input1, input2, **options):
        seen.update(fake=input1[1], test=input2[0], n=(len(input1), len(input2)), subset=options["kid_subset_size"])
        return {"frechet_inception_distance": 1.5, "inception_score_mean": 2.5, "kernel_inception_distance_mean": 3.5}

    monkeypatch.setitem(sys.modules, "torch_fidelity", SimpleNamespace(calculate_metrics=calculate_metrics))
    fake, test = torch.tensor([-1.0, 0.5]).view(2, 1, 1, 1), torch.zeros(3, 1, 1, 1)
    got = inception_metrics(test.expand(3, 1, 2, 4), fake.expand(2, 1, 2, 4))
    assert got == {"inception_fid": 1.5, "inception_score": 2.5, "inception_kid": 3.5}
    assert (seen["n"], seen["subset"]) == ((2, 3), 2)
    assert seen["fake"].tolist() == [[[191] * 4] * 2] * 3  # 1.5 * 127.5 = 191.25
    assert seen["test"].tolist() == [[[128] * 4] * 2] * 3  # 127.5, to even
    many = torch.zeros(1001, 1, 1, 1)
    inception_metrics(many, many)
    assert seen["subset"] == 1000


def test_torchmetrics_finds_the_same_frechet_and_kernel_distance():
    """Its FID takes the eigenvalues of C_r C_f; its KID needs as many fakes as reals."""
    from torchmetrics.image.fid import _compute_fid
    from torchmetrics.image.kid import poly_mmd

    draw = torch.Generator().manual_seed(3)
    mix = torch.randn(6, 6, generator=draw, dtype=torch.float64)
    real = torch.randn(400, 6, generator=draw, dtype=torch.float64)
    fake = torch.randn(400, 6, generator=draw, dtype=torch.float64) @ mix + 0.5
    theirs = _compute_fid(real.mean(0), real.T.cov(), fake.mean(0), fake.T.cov()).item()
    assert frechet_distance(real, fake) == pytest.approx(theirs, rel=1e-9)
    assert theirs > 1
    assert kernel_distance(real, fake, chunk=150) == pytest.approx(poly_mmd(real, fake).item(), rel=1e-9)
