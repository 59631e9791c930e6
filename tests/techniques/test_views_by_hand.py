"""Views, and what processes share out, at numbers worked out by hand."""

import math

import pytest
import torch
from given import Given, Processes
from torch import nn

from gan_lightning.core.play import Play
from gan_lightning.core.rng import Stream
from gan_lightning.techniques import global_batch
from gan_lightning.techniques.diff_augment import DiffAugment
from gan_lightning.techniques.feature_matching import FeatureMatching
from gan_lightning.techniques.instance_noise import InstanceNoise

PARTS = [
    torch.tensor([1.0, 2.0, 6.0]),
    torch.tensor([3.0, 9.0, 3.0]),
]  # together: mean 4, squares 9 + 4 + 4 + 1 + 25 + 1


def test_two_processes_share_a_mean_and_a_deviation(monkeypatch):
    two = Processes(2)
    monkeypatch.setattr(global_batch, "dist", two)
    assert global_batch.processes() == 2
    parts = [part.clone().requires_grad_() for part in PARTS]
    means = two.each(global_batch.global_mean, parts)
    assert [m.tolist() for m in means] == [[2.0, 5.5, 4.5]] * 2
    assert not any(m.requires_grad for m in means)
    assert [p.tolist() for p in parts] == [p.tolist() for p in PARTS], "the parts stay what they are"
    deviations = [d.item() for d in two.each(global_batch.global_std, PARTS)]
    assert deviations == pytest.approx([math.sqrt(44 / 5)] * 2, rel=1e-6)
    assert torch.cat(PARTS).std().item() == pytest.approx(math.sqrt(44 / 5), rel=1e-6)


@pytest.mark.parametrize(("available", "initialized"), [(False, False), (True, False), (True, True)])
def test_one_process_asks_nobody(monkeypatch, available, initialized):
    monkeypatch.setattr(global_batch, "dist", Processes(1, available, initialized))
    monkeypatch.setattr(Processes, "all_reduce", None)
    assert global_batch.processes() == 1
    assert global_batch.global_mean(PARTS[0]) is PARTS[0]
    assert global_batch.global_std(PARTS[0]).item() == pytest.approx(math.sqrt((4 + 1 + 9) / 2), rel=1e-6)


def test_two_processes_match_the_means_of_both(monkeypatch):
    """Features 1, 3 | 5, 7 against 0, 2 | 0, 2: the means are 4 and 1, and each process's share of the gradient."""
    two = Processes(2)
    monkeypatch.setattr(global_batch, "dist", two)
    fakes = [torch.tensor([[0.0], [2.0]], requires_grad=True) for _ in range(2)]
    reals = [torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]])]

    def term(i: int) -> torch.Tensor:
        real, fake = reals[i], fakes[i]
        play = Play("G", nn.Identity(), real, fake, None, None, fake[:, 0], real, fake, 0.0, 0, lambda x: (x, x))
        value = FeatureMatching(2.0).g_term(play, Stream(0))
        value.backward()
        return value

    values = two.each(term, [0, 1])
    assert sum(v.item() for v in values) / 2 == pytest.approx(2 * (4 - 1) ** 2)
    # of 2 |4 - 1|^2 in each of four fakes: -2 * 2 * 3 / 4; the mean over processes halves what each computes
    assert [f.grad.flatten().tolist() for f in fakes] == [[-6.0, -6.0]] * 2


# Views ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "far"), [(0.25, (1, 2)), (0.15, (1, 1)), (0.1, (0, 1)), (1.0, (4, 8)), (0.0, (0, 0))]
)
def test_a_translation_moves_each_image_by_whole_pixels(share, far):
    """Images of 4 x 8: ``far`` down or to the right at most, each distance as likely as the others; and of 8 x 4."""
    u = torch.tensor([[0.0, 0.0], [0.999, 0.999], [0.5, 0.3], [0.3, 0.7], [0.7, 0.0]])
    x = torch.rand(5, 2, 4, 8)
    got = DiffAugment(share, 0.0, fill=-3.0).view(x, 0.0, Given(u))
    expected = torch.full_like(x, -3.0)
    for i, pair in enumerate(u.tolist()):
        down, right = (math.floor(v * (2 * f + 1)) - f for v, f in zip(pair, far, strict=True))
        for r in range(4):
            for c in range(8):
                if 0 <= r + down < 4 and 0 <= c + right < 8:
                    expected[i, :, r, c] = x[i, :, r + down, c + right]
    assert torch.equal(got, expected)
    turned = DiffAugment(share, 0.0, fill=-3.0).view(x.mT, 0.0, Given(u.flip(1)))
    assert torch.equal(turned, expected.mT)


@pytest.mark.parametrize(
    ("share", "sides"), [(0.5, (2, 4)), (0.3, (1, 2)), (0.7, (3, 6)), (0.1, None), (1.0, (4, 8)), (0.0, None)]
)
def test_a_hole_of_whole_pixels_has_its_centre_in_the_image(share, sides):
    """Images of 4 x 8; an even side has its centre between two pixels, or at an edge of the image."""
    u = [[0.0, 0.0], [0.999, 0.999], [0.5, 0.3], [0.3, 0.7], [0.7, 0.0]]
    x = torch.rand(5, 2, 4, 8)
    got = DiffAugment(0.0, share, fill=-3.0).view(x, 0.0, Given(u))
    expected = x.clone()
    for i, pair in enumerate(u):
        if sides is None:  # one of them rounds to 0
            continue
        first = [
            math.floor(v * (length + 1 - s % 2)) - s // 2 for v, length, s in zip(pair, (4, 8), sides, strict=True)
        ]
        for r in range(4):
            for c in range(8):
                if 0 <= r - first[0] < sides[0] and 0 <= c - first[1] < sides[1]:
                    expected[i, :, r, c] = -3.0
    assert torch.equal(got, expected)


def test_views_stay_where_the_images_are():
    """On the device "meta" nothing is computed, and what lies elsewhere is refused."""
    x = torch.empty(2, 1, 4, 4, device="meta")
    stream = Given([[0.5, 0.5]] * 2, "meta")
    augment = DiffAugment(0.25, 0.5)
    assert augment.translate(x, stream).device.type == "meta"
    assert augment.cut(x, stream).device.type == "meta"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_instance_noise_of_sigma_1_in_the_type_of_the_images(dtype):
    x = torch.tensor([[0.5, -0.25]], dtype=dtype)
    got = InstanceNoise(1.0).view(x, 0.5, Given([[1.5, -2.0]]))
    assert got.dtype == dtype
    assert got.tolist() == [[2.0, -2.25]]


def test_instance_noise_of_sigma_0_draws_nothing():
    x = torch.zeros(1, 2)
    assert InstanceNoise(0.0).view(x, 0.0, None) is x
    assert InstanceNoise(0.3, 0.0).view(x, 1.0, None) is x
