"""Labels, Parzen windows, memorisation, the judge and Inception: against closed forms and plain loops."""

import hashlib
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from gan_lightning.metrics.frechet import frechet_distance
from gan_lightning.metrics.judge import ClassifierJudge, JudgeNet
from gan_lightning.metrics.kernel import kernel_distance
from gan_lightning.metrics.labels import classifier_score, label_statistics
from gan_lightning.metrics.memorisation import memorisation, nearest
from gan_lightning.metrics.parzen import SIGMAS, log_likelihoods, parzen_log_likelihood

REAL = os.environ.get("GAN_DATA")


needs_mnist = pytest.mark.skipif(
    not REAL or not (Path(REAL) / "MNIST").is_dir(), reason="GAN_DATA names no folder with MNIST"
)


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
    from gan_lightning.core.pixels import to_signed_range
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
    from gan_lightning.core.pixels import to_signed_range
    from gan_lightning.data.digits import Digits

    train, test = (to_signed_range(a.images) for a in (Digits().train(), Digits().test()))
    held_out = memorisation(train[300:], test, train[:300])
    copies = memorisation(train, test, train[:300])
    assert copies["copied_share"] == 1.0
    assert copies["train_test_ratio"] == pytest.approx(0.0, abs=1e-2)
    assert held_out["copied_share"] < 0.03
    assert held_out["train_test_ratio"] > 0.6


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
