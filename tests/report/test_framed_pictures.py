"""Pictures of samples are large enough, say what they show, and have real images below."""

import numpy as np
import pytest
import torch
from framed import below_heading
from PIL import Image

from gan_lightning.report.pictures import READABLE, framed, grid, heading, save_picture


@pytest.mark.parametrize(("side", "times"), [(8, 5), (28, 2), (64, 1)])
def test_a_grid_is_large_enough_and_each_pixel_a_square(tmp_path, side, times):
    torch.manual_seed(0)
    picture = grid(torch.rand(64, 1, side, side) * 2 - 1)
    save_picture(framed(picture, "G after 5 steps"), tmp_path / "a.png")
    width = 8 * (side + 2) + 2
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (times * width, times * width + 26)
        assert min(image.size) >= READABLE
        assert image.mode == "L", "grey is written once, not three times"
    expected = (picture[0] * 255 + 0.5).to(torch.uint8).numpy()
    assert (below_heading(tmp_path / "a.png", width, width) == expected).all()


def test_a_heading_takes_as_many_lines_as_its_words_need():
    one, two = heading("mnist, G after 1,000 steps", 480), heading("mnist, G after 1,000 steps", 130)
    assert (one.shape, two.shape) == ((1, 26, 480), (1, 46, 130))
    assert (one.min(), one.max()) == (0, 1), "black on white"
    assert (two[:, :, -1] == 1).all(), "nothing is cut off at the right"
    assert not torch.equal(one, heading("mnist, G after 2,000 steps", 480))


def test_a_row_of_real_images_stands_below():
    picture, real = torch.zeros(3, 200, 400), torch.full((1, 40, 400), 0.5)
    found = framed(picture, "words", real)
    assert found.shape == (3, 26 + 2 * 200 + 26 + 2 * 40, 800)
    assert (found[:, -80:] == 0.5).all()
    assert torch.equal(found[:1, 26 + 400 : -80], heading("real", 800))
    assert (found[:, 26:426] == 0).all()


def test_a_long_strip_does_not_grow_beyond_a_screen():
    assert framed(torch.zeros(1, 32, 122), "words").shape == (1, 26 + 6 * 32, 6 * 122), "122 x 6 is 732"
    assert framed(torch.zeros(1, 320, 640), "words").shape == (1, 26 + 320, 640)
    assert framed(torch.zeros(1, 500, 2000), "words").shape == (1, 26 + 500, 2000)


def test_colours_stay_colours(tmp_path):
    picture = torch.zeros(3, 5, 5)
    picture[1] = 1
    save_picture(picture, tmp_path / "green.png")
    with Image.open(tmp_path / "green.png") as image:
        assert image.mode == "RGB"
        assert np.asarray(image)[0, 0].tolist() == [0, 255, 0]
