"""Metrics that take labelled samples as a training set: the nearest neighbour, and TSTR."""

import os
import re
from pathlib import Path

import pytest
import torch
from conftest import TINY

from gan_lightning.config.checks import check_values
from gan_lightning.config.compose import compose
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.data.digits import Digits
from gan_lightning.metrics import tstr as module
from gan_lightning.metrics.judge import JudgeNet
from gan_lightning.metrics.nearest_neighbour import nearest_neighbour
from gan_lightning.metrics.tstr import accuracy, classifier, tstr
from gan_lightning.report.measuring import evaluate_runs
from gan_lightning.report.observed import known_of_real
from gan_lightning.training.setup import train

DATA = os.environ.get("GAN_DATA")


def blocks(x, y, size):
    """A source of labelled samples that gives the first n of ``x`` and ``y``, ``size`` at a time."""
    return lambda n, *drawn: zip(x[:n].split(size), y[:n].split(size), strict=True)


# The nearest neighbour -----------------------------------------------------------------------------------------

# samples at the corners of a square and one in its middle; test points beside 3, the middle, 2, and 0
SAMPLES = torch.tensor([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.0, 0.0]])
LABELS = torch.tensor([5, 6, 7, 8, 9])
TEST = torch.tensor([[0.6, 0.4], [0.1, 0.0], [-0.4, 0.6], [-0.9, -0.6]])


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("chunk", [1, 2, 1000])
def test_the_nearest_neighbour_in_the_plane_by_hand(size, chunk):
    right = torch.tensor([8, 9, 7, 5])
    among = blocks(SAMPLES, LABELS, size)
    assert nearest_neighbour(TEST, right, among, chunk=chunk) == {"nn_error": 0.0, "nn_images": 5}
    one_wrong = torch.tensor([8, 6, 7, 5])
    assert nearest_neighbour(TEST, one_wrong, among, chunk=chunk) == {"nn_error": 0.25, "nn_images": 5}
    # of the first four alone, the second point's nearest is a corner: 6, before 8, which is as near
    four = nearest_neighbour(TEST, one_wrong, among, n=4, chunk=chunk)
    assert four == {"nn_error": 0.0, "nn_images": 4}


def test_labels_of_samples_go_with_them():
    right = torch.tensor([8, 9, 7, 5])
    assert nearest_neighbour(TEST, right, blocks(SAMPLES, LABELS.flip(0), 2))["nn_error"] == 0.75, "but the middle's"


def test_real_images_that_run_out_say_how_many_they_were():
    known = known_of_real(SAMPLES, LABELS, 1)
    assert nearest_neighbour(TEST, LABELS[:4], known.labelled, n=50)["nn_images"] == 5


@pytest.mark.slow
@pytest.mark.skipif(not DATA or not (Path(DATA) / "MNIST").is_dir(), reason="GAN_DATA names no folder with MNIST")
@pytest.mark.parametrize(("n", "percent"), [(1000, 13.1), (50_000, 3.34), (60_000, 3.09)])
def test_the_nearest_neighbour_on_mnist(n, percent):
    from gan_lightning.data.mnist import MNIST

    first, test = MNIST(DATA).train(), MNIST(DATA).test()
    known = known_of_real(to_signed_range(first.images), first.labels, 1)
    got = nearest_neighbour(to_signed_range(test.images), test.labels, known.labelled, n)
    assert 100 * got["nn_error"] == pytest.approx(percent, abs=0.05)
    assert got["nn_images"] == n


# TSTR ----------------------------------------------------------------------------------------------------------


class Told:
    """A classifier that sees nothing, and what it was asked."""

    def __init__(self, monkeypatch) -> None:
        self.trained: list[tuple] = []
        self.tested: list[tuple] = []

        def train(images, labels, seed, *settings):
            self.trained.append((images, labels, seed, settings))
            return len(self.trained) - 1

        def right(net, images, labels):
            self.tested.append((net, images, labels))
            return (0.5, 0.7, 0.9, 0.1, 0.2, 0.3)[net]

        monkeypatch.setattr(module, "classifier", train)
        monkeypatch.setattr(module, "accuracy", right)


def test_it_is_trained_on_samples_and_tested_on_the_test_set_and_the_other_way_round(monkeypatch):
    told = Told(monkeypatch)
    real, test, fake, more = (torch.full((n, 1, 4, 4), float(n)) for n in (7, 5, 4, 9))
    labels = {n: torch.arange(n) for n in (7, 5, 4, 9)}
    got = tstr(real, labels[7], test, labels[5], fake, labels[4], blocks(more, labels[9], 4), n=6, seeds=[3, 4, 8])
    for i, (images, y, seed, settings) in enumerate(told.trained):
        expected = (more[:6], labels[9][:6]) if i < 3 else (real, labels[7])
        assert torch.equal(images, expected[0])
        assert torch.equal(y, expected[1])
        assert seed == [3, 4, 8][i % 3]
        assert settings == (7, 5000, 64, 1e-3, 16), "7 classes: of all labels, not of the samples alone"
    for net, images, y in told.tested:
        expected = (test, labels[5]) if net < 3 else (fake, labels[4])
        assert torch.equal(images, expected[0])
        assert torch.equal(y, expected[1])
    assert [net for net, *_ in told.tested] == list(range(6))
    assert got == pytest.approx({"tstr": 0.7, "tstr_sd": 0.2, "trts": 0.2, "trts_sd": 0.1, "tstr_images": 6})


def test_the_classifiers_of_the_training_images_are_trained_once_for_all_generators(monkeypatch):
    told = Told(monkeypatch)
    real, other, fake = (torch.full((n, 1, 4, 4), float(n)) for n in (7, 6, 4))
    labels = {n: torch.arange(n) for n in (7, 6, 4)}
    for x in (real, real, other):
        y = labels[len(x)]
        tstr(x, y, x, y, fake, labels[4], blocks(fake, labels[4], 4), n=4, seeds=[0])
    assert [len(images) for images, *_ in told.trained] == [4, 7, 4, 4, 6]


def test_samples_are_drawn_as_it_is_told(monkeypatch):
    Told(monkeypatch)
    x, y, asked = torch.zeros(2, 1, 4, 4), torch.zeros(2, dtype=torch.int64), []
    for more in ({}, {"truncation": 1.5, "reject": 4}):
        tstr(x, y, x, y, x, y, lambda *words: asked.append(words) or [(x, y)], n=2, seeds=[0], **more)
    assert asked == [(2, 1.0, None), (2, 1.5, 4)]


def test_one_seed_has_no_spread(monkeypatch):
    Told(monkeypatch)
    x, y = torch.zeros(2, 1, 4, 4), torch.zeros(2, dtype=torch.int64)
    got = tstr(x, y, x, y, x, y, blocks(x, y, 2), seeds=[0])
    assert (got["tstr"], got["trts"]) == (0.5, 0.7)
    assert got["tstr_sd"] != got["tstr_sd"]


def stripes(n, seed, classes=3):
    """Images whose bright column is their class, in noise."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (n,), generator=generator)
    x = 0.3 * torch.randn(n, 1, 4, 4, generator=generator)
    x[torch.arange(n), 0, :, y] += 1.0
    return x, y


def test_a_classifier_learns_what_it_is_shown():
    x, y = stripes(200, 0)
    settings = (3, 60, 16, 1e-2, 4)
    state = torch.get_rng_state()
    net = classifier(x, y, 5, *settings)
    assert torch.equal(torch.get_rng_state(), state), "it draws by its own seed"
    assert not net.training
    unseen = stripes(300, 1)
    assert accuracy(net, *unseen) > 0.95
    assert accuracy(net, unseen[0], (unseen[1] + 1) % 3) < 0.05
    again, other = (classifier(x, y, seed, *settings) for seed in (5, 6))
    weights = [n.classifier.weight for n in (net, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    wrong = classifier(x, (y + 1) % 3, 5, *settings)
    assert accuracy(wrong, *unseen) < 0.05


def test_a_classifier_is_trained_for_exactly_its_updates_in_passes(monkeypatch):
    seen, rates = [], []
    original, step = JudgeNet.forward, torch.optim.Adam.step
    monkeypatch.setattr(JudgeNet, "forward", lambda self, x: (seen.append(x[:, 0, 0, 0]), original(self, x))[1])
    monkeypatch.setattr(
        torch.optim.Adam, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self))[1]
    )
    x = torch.arange(10.0).view(10, 1, 1, 1).expand(10, 1, 4, 4) / 10
    classifier(x, torch.arange(10) % 2, 0, 2, 4, 4, 0.1, 2)
    assert rates == pytest.approx([0.1, 0.075, 0.05, 0.025])
    first, second = torch.cat(seen)[:10], torch.cat(seen)[10:]
    assert [len(part) for part in seen] == [4] * 4
    assert torch.equal(first.sort().values, x[:, 0, 0, 0])
    assert second.unique().numel() == 6, "of another pass"
    assert not torch.equal(first[:6], second)


@pytest.mark.parametrize("shape", [(2,), (1, 8, 4), (1, 6, 6)])
def test_what_is_no_square_image_is_refused(shape):
    told = (
        f"tstr trains a classifier of square images whose side is a multiple of 4, got samples of shape {shape}. "
        "Use other metrics, such as metrics=conditional."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        classifier(torch.zeros(4, *shape), torch.zeros(4, dtype=torch.int64), 0, 2, 1, 2, 0.1, 2)


# evaluate ------------------------------------------------------------------------------------------------------


def test_evaluate_has_both_beside_their_floors(tmp_path, monkeypatch):
    digits = [o for o in TINY if not o.startswith("data")]
    train(compose("train", [*digits, "data=digits", "condition=projection"]), tmp_path)
    shown = []

    def short(images, labels, *settings):
        shown.append((len(images), images, labels))
        return classifier(images, labels, 0, 10, 60, 16, 3e-3, 4)

    monkeypatch.setattr(module, "classifier", short)
    few = ["metrics.tstr.metric.n=2000", "metrics.tstr.metric.seeds=[0]"]
    (column,) = evaluate_runs(compose("evaluate", [f"run={tmp_path}", "metrics=tstr", *few]))[tmp_path]["measured"]
    assert column["parameters"]["n"] == 2000
    assert column["parameters"]["n_train"] == 1500
    (values,) = column["values"].values()
    assert (values["tstr_images"], column["floor"]["tstr_images"]) == (2000, 1500)
    assert column["floor"]["tstr"] > 0.6 > values["tstr"], "six G steps make no digits"
    assert column["floor"]["trts"] > 0.6 > values["trts"]
    first = Digits().train()
    assert [n for n, *_ in shown] == [2000, 1500, 1500, 1500 - 297], "samples and real; real, and real without n"
    assert torch.equal(shown[1][1], to_signed_range(first.images))
    assert torch.equal(shown[2][2], first.labels)
    assert torch.equal(shown[3][2], first.labels[297:])
    (column,) = evaluate_runs(compose("evaluate", [f"run={tmp_path}", "metrics=nearest_neighbour"]))[tmp_path][
        "measured"
    ]
    (values,) = column["values"].values()
    assert (values["nn_images"], column["floor"]["nn_images"]) == (50_000, 1500)
    assert column["floor"]["nn_error"] < 0.05 < 0.5 < values["nn_error"]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("tstr.metric.updates=0", "metrics.tstr.metric.updates must be a whole number, 1 or more, got 0. Write for"),
        ("tstr.metric.batch_size=1", "metrics.tstr.metric.batch_size must be a whole number, 2 or more, got 1."),
        ("tstr.metric.seeds=[]", "metrics.tstr.metric.seeds must be a list of seeds, got []. Write for example"),
        ("tstr.metric.seeds=[-1]", "metrics.tstr.metric.seeds.0 must be a whole number from 0 to 4294967295, got -1."),
        ("tstr.metric.lr=0", "metrics.tstr.metric.lr must be a number above 0, got 0."),
        ("nearest_neighbour.metric.n=0", "metrics.nearest_neighbour.metric.n must be a whole number, 1 or more, got"),
    ],
)
def test_a_setting_that_is_none(word, told):
    cfg = compose("evaluate", [f"metrics={word.split('.')[0]}", f"metrics.{word}"])
    with pytest.raises(ValueError, match=f"^{re.escape(told)}"):
        check_values(cfg)
