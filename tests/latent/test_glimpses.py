"""What is known of an image, the blending of a hole, and the floors: by hand."""

import math

import pytest
import torch

from gan_lightning.latent.floors import Components, floors
from gan_lightning.latent.glimpses import Hole, Shrunk, Whole, blended
from gan_lightning.latent.scores import psnr, scores


def hole_of(side, *pixels):
    hole = torch.zeros(side, side, dtype=torch.bool)
    for row, column in pixels:
        hole[row, column] = True
    return hole


def test_an_error_counts_each_pixel_by_its_weight():
    x = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    whole = Whole((1, 2, 2))
    assert whole.error(x, torch.zeros(1, 4)).item() == 14
    shrunk = Shrunk((1, 4, 4), 2)
    four = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert shrunk.known(four).tolist() == [[0, 1, 2, 3]]
    assert shrunk.error(four, torch.zeros(1, 4)).item() == 4 * 14, "a mean of four pixels counts as four"
    assert torch.equal(shrunk.shown(shrunk.known(four)), four)


def test_known_pixels_near_the_hole_count_more():
    """Yeh et al. 2017, equation 3: the share of unknown pixels in the window, of 3 x 3 here, of 2 x 3 at an edge."""
    glimpse = Hole(hole_of(3, (1, 1)), 1, window=3)
    corners, edges = 1 / 4, 1 / 6  # of the pixels in the window that lie in the image
    mean = (4 * corners + 4 * edges) / 8
    expected = torch.tensor([corners, edges, corners, edges, edges, corners, edges, corners]) / mean
    torch.testing.assert_close(glimpse.weights, expected)
    assert torch.equal(Hole(hole_of(3, (1, 1)), 1, window=0).weights, torch.ones(8))
    far = Hole(hole_of(5, (0, 0)), 2, window=3)
    assert (far.weights > 0).sum() == 2 * 3, "of each channel the three neighbours of the corner"
    assert far.weights.mean().item() == pytest.approx(1)


def test_known_pixels_stay_to_the_last_bit():
    torch.manual_seed(0)
    x, made = torch.rand(3, 2, 6, 6) * 2 - 1, torch.rand(3, 2, 6, 6) * 2 - 1
    hole = hole_of(6, (2, 2), (2, 3), (3, 2), (0, 0))
    glimpse = Hole(hole, 2)
    answer = glimpse.completed(made, glimpse.known(x))
    assert torch.equal(answer[:, :, ~hole], x[:, :, ~hole])
    assert not torch.equal(answer[:, :, hole], x[:, :, hole])
    assert (glimpse.shown(glimpse.known(x))[:, :, hole] == -1).all()


def test_blending_keeps_slopes_and_meets_the_edge():
    """A constant offset of what was made disappears; of one pixel the offset is the mean of its neighbours' ones."""
    torch.manual_seed(0)
    known = torch.rand(2, 1, 7, 7) - 0.5
    hole = hole_of(7, (3, 3), (3, 4), (2, 3))
    torch.testing.assert_close(blended(known + 0.25, known, hole), known)
    made = known.clone()
    made[0, 0, 2, 3] -= 0.4
    one = blended(made, known, hole_of(7, (3, 3)))
    assert one[0, 0, 3, 3].item() == pytest.approx(known[0, 0, 3, 3].item() + 0.1)
    corner = blended(made - 0.1, known, hole_of(7, (0, 0)))
    torch.testing.assert_close(corner[0, 0, 0, 0], known[0, 0, 0, 0])


@pytest.mark.parametrize("hole", [torch.zeros(4, 4, dtype=torch.bool), torch.ones(4, 4, dtype=torch.bool)])
def test_a_mask_of_all_or_nothing(hole):
    with pytest.raises(ValueError, match="mask must leave some pixels and take others. Give another mask."):
        Hole(hole, 1)


@pytest.mark.parametrize("factor", [3, 1, 28, 5])
def test_a_factor_that_does_not_divide(factor):
    with pytest.raises(ValueError, match=f"factor must divide the side 28 of an image, got {factor}. Write factor=2."):
        Shrunk((1, 28, 28), factor)


def test_decibels():
    x = torch.zeros(1, 1, 2, 2)
    y = x.clone()
    y[0, 0, 0, 0] = 0.2
    assert psnr(x, y).item() == pytest.approx(10 * math.log10(4 / 0.01))
    hole = hole_of(2, (0, 0))
    assert psnr(x, y, hole).item() == pytest.approx(10 * math.log10(4 / 0.04), rel=1e-5)
    found = scores(x, y, None, hole, made=y + 0.02)
    assert found["psnr_inside"] == pytest.approx(20, rel=1e-5)
    assert found["psnr_outside"] == pytest.approx(10 * math.log10(4 / 0.0004), rel=1e-4), "before they were put back"


class OneJudge:
    """Sees class 1 where the mean is above 0; the feature is the sum."""

    def __call__(self, x):
        total = x.flatten(1).sum(1).double()
        return total[:, None], torch.stack([-total, total], 1).softmax(1)


def test_labels_kept_and_distance_of_features():
    images = torch.stack([torch.full((1, 1, 2), value) for value in (1.0, -1.0)])
    answer = torch.stack([torch.full((1, 1, 2), value) for value in (0.5, 0.25)])
    found = scores(answer, images, OneJudge())
    assert found["label_kept"] == 0.5
    assert found["feature_distance"] == pytest.approx((1 + 2.5) / 2)


def test_components_find_what_lies_in_their_plane():
    """Images a e1 + b e2: from one pixel of each the rest follows; with nothing known the mean would be the answer."""
    torch.manual_seed(0)
    e = torch.zeros(2, 1, 2, 2)
    e[0, 0, 0], e[1, 0, 1] = 0.6, torch.tensor([0.6, -0.6])
    train = (torch.randn(500, 2) * 0.3 @ e.flatten(1)).view(-1, 1, 2, 2)
    components = Components(train, 2)
    glimpse = Hole(hole_of(2, (0, 1), (1, 1)), 1, window=0)
    x = 0.5 * e[0] + 0.25 * e[1]
    likely = components.complete(glimpse, glimpse.known(x[None]))
    torch.testing.assert_close(likely[0], x, atol=0.02, rtol=0)


def test_floors_by_hand():
    train = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])[:, None, :, None].expand(-1, -1, -1, 2).contiguous()
    glimpse = Hole(hole_of(2, (1, 0), (1, 1)), 1, window=0)
    found = floors(train, glimpse, torch.tensor([[0.9, 0.9]]), 3)
    assert torch.equal(found["nearest training image"][0], train[1])
    torch.testing.assert_close(found["mean image"][0, 0, :, 0], torch.tensor([1 / 3, 2 / 3]))
    assert list(found) == ["nearest training image", "3 principal components", "mean image"]
    assert "bicubic" in floors(train[:, :, [0, 1, 1, 1]][..., [0, 1, 1, 1]], Shrunk((1, 4, 4), 2), torch.zeros(1, 4), 2)
