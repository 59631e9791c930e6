"""Reading pictures that have a heading."""

import numpy as np
from PIL import Image


def below_heading(path, height, width):
    """The picture of ``height`` x ``width`` pixels below the heading of a PNG, uint8, each of its pixels once.

    Its frame, the first row, is black from one side to the other; letters are not.
    """
    with Image.open(path) as picture:
        found = np.array(picture.convert("L"))
    times = found.shape[1] // width
    assert found.shape[1] == times * width
    top = int(np.argmax((found == 0).all(1)))
    assert top >= 20, "a heading is above it"
    large = found[top : top + times * height]
    assert (large == large[::times, ::times].repeat(times, 0).repeat(times, 1)).all(), "each pixel is a square"
    return large[::times, ::times]
