"""The judges, and that each metric moves as a fault of the samples demands."""

import os

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf

from gan_lightning.config.build import judge_of, make
from gan_lightning.config.compose import compose
from gan_lightning.config.where import CONF
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.data.digits import Digits
from gan_lightning.metrics.judge import WEIGHTS, Judge
from gan_lightning.report.observed import Observed
from gan_lightning.report.yardstick import Yardstick, build_metrics


@pytest.fixture(scope="module")
def yardstick():
    return Yardstick(Digits(), build_metrics(compose("evaluate").metrics), n=None)


# The judge -------------------------------------------------------------------------------------------------


TRAINED = [f for f in sorted((CONF / "judge").glob("*.yaml")) if "sha256" in f.read_text()]


@pytest.mark.parametrize("file", TRAINED, ids=lambda f: f.stem)
def test_every_judge_loads_and_is_small(file):
    cfg = OmegaConf.load(file)
    judge = make(cfg)
    assert isinstance(judge, Judge)
    assert (WEIGHTS / cfg.file).stat().st_size <= 2_000_000
    assert not judge.net.training
    assert not any(p.requires_grad for p in judge.net.parameters())


def test_the_judge_of_digits_knows_digits():
    test = Digits().test()
    _, probabilities = judge_of("digits")(to_signed_range(test.images))
    assert (probabilities.argmax(1) == test.labels).double().mean() > 0.98


def test_a_flipped_byte_is_noticed(tmp_path):
    cfg = OmegaConf.load(CONF / "judge" / "digits.yaml")
    content = bytearray((WEIGHTS / cfg.file).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "flipped.pt").write_bytes(content)
    cfg.file = str(tmp_path / "flipped.pt")
    with pytest.raises(ValueError, match=r"have SHA-256 \w+ instead of \w+: numbers from them would"):
        make(cfg)


def test_the_size_of_the_batches_moves_no_value(yardstick):
    judge, images = yardstick.judge, yardstick.real["test"].images
    one, other = judge(images, batch_size=13), judge(images, batch_size=297)
    torch.testing.assert_close(one[0], other[0], rtol=1e-4, atol=1e-5)
    values = []
    for features, probabilities in (one, other):
        measured = {}
        for metric in yardstick.metrics:
            if {name.split("_")[1] for name in metric.of} <= {"features", "probabilities"}:
                pair = {"features": features, "probabilities": probabilities}[metric.of[1].split("_")[1]]
                value = metric.function(pair[:150], pair[150:])
                measured |= value if isinstance(value, dict) else {metric.name: value}
        values.append(measured)
    assert values[0] == pytest.approx(values[1], rel=1e-4)


# Faults ----------------------------------------------------------------------------------------------------


def flat(found):
    return {key: value for values in found.values() for key, value in values.items()}


def noisy(x):
    return (x + 0.6 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))).clamp(-1, 1)


def blurred(x):
    return F.avg_pool2d(F.pad(x, [2] * 4, value=-1.0), 5, 1)


FAULTS = {  # fault -> metric -> up, down or same, against the floor of real images
    "one image only": {"frechet_distance": "up", "kernel_distance": "up", "recall": "down", "coverage": "down",
                       "classifier_score": "down", "label_distance": "up", "modes": "down", "parzen_ll": "down"},
    "noise": {"frechet_distance": "up", "kernel_distance": "up", "precision": "down", "density": "down",
              "classifier_score": "down", "parzen_ll": "down", "copied_share": "same"},
    "blur": {"frechet_distance": "up", "kernel_distance": "up", "precision": "down"},
    "dropped classes": {"frechet_distance": "up", "kernel_distance": "up", "recall": "down", "coverage": "down",
                        "classifier_score": "down", "label_distance": "up", "modes": "down", "copied_share": "same"},
    "copied training set": {"copied_share": "up", "train_test_ratio": "down", "modes": "same"},
    "binarised": {"frechet_distance": "up", "kernel_distance": "up", "parzen_ll": "down", "modes": "same"},
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_metric_moves_as_its_fault_demands(yardstick, fault):
    """Parzen's rise on smoothed MNIST has its own test below: these digits are 8 x 8 blown up, smooth already."""
    n, source = yardstick.n, Digits().train()
    real, labels = yardstick.train[:n], source.labels[:n]
    faulty = {
        "one image only": lambda: real[:1].expand_as(real).clone(),
        "noise": lambda: noisy(real),
        "blur": lambda: blurred(real),
        "dropped classes": lambda: real[labels < 5].repeat(3, 1, 1, 1)[:n],
        "copied training set": lambda: real,
        "binarised": lambda: (real > 0).float() * 2 - 1,
    }[fault]()
    rest = None
    if fault != "copied training set":  # the copied images are no longer in what counts as the training set
        rest = {**yardstick.real, "train": Observed(yardstick.train[n:], yardstick.judge)}
    got, floor = flat(yardstick.measure(faulty, rest)), flat(yardstick.floors)
    for metric, direction in FAULTS[fault].items():
        a, b = got[metric], floor[metric]
        tolerance = 0.02 * abs(b) + 1e-3 if metric != "copied_share" else 0.1
        moved = "up" if a > b + tolerance else "down" if a < b - tolerance else "same"
        assert moved == direction, f"{metric}: {b:.4f} -> {a:.4f}"


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("GAN_DATA"), reason="GAN_DATA names no folder with MNIST")
def test_parzen_prefers_smoothed_mnist_to_mnist():
    """What the metric does, not a failure: 10,000 real images score 241.2, projected on 100 components 279.9."""
    from gan_lightning.data.mnist import MNIST
    from gan_lightning.metrics.parzen import parzen_log_likelihood

    source = MNIST(os.environ["GAN_DATA"])
    train, validation, test = (to_signed_range(a.images) for a in (source.train(), source.validation(), source.test()))
    flat = train[:10_000].flatten(1).double()
    mean = flat.mean(0)
    directions = torch.linalg.eigh(torch.cov(flat.T)).eigenvectors[:, -100:]
    smooth = ((flat - mean) @ directions @ directions.T + mean).view(-1, 1, 28, 28)
    got = parzen_log_likelihood(validation, test, smooth)["parzen_ll"]
    assert got == pytest.approx(279.9, abs=1.0)
