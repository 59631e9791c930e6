"""Reading a picture file as 8-bit values, or refusing it with an error that names it."""

import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from gan_lightning.data.arrays import DataUnavailable

BITS_PER_SAMPLE, PHOTOMETRIC, BLACK_IS_ZERO = 258, 262, 1  # of TIFF


class Unusable(ValueError):
    """A picture that can be decoded, but of whose values nothing says which are black and white."""


def read_picture(file: Path, size: int, channels: int, key: str = "data=image_folder") -> Tensor:
    """uint8 ``[channels, size, size]``: the largest square in the middle, resized.

    Turned as its EXIF entry says; 16 bits become 8; what is transparent is black; of an animation the first frame.
    ``key`` is what it was named behind, for messages.

    Raises:
        DataUnavailable: it cannot be decoded whole, has more pixels than Pillow's limit, or is ``Unusable``.
    """
    remedy = "Repair it or take it away"
    try:
        if not file.is_file():  # a dangling link, or a pipe, which would block
            raise Unusable("it is no file that can be read")
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as opened:
                opened.load()
                picture = eight_bits(opened)
        square = ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR)
        values = np.array(square.convert("L" if channels == 1 else "RGB"))
    except Exception as error:  # a damaged file makes a decoder raise anything
        if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
            remedy = f"Pillow allows {Image.MAX_IMAGE_PIXELS}. Make it smaller, or take it away"
        why = " ".join(str(error).replace(repr(str(file)), "").split()) or type(error).__name__
        raise DataUnavailable(f"{key} cannot use {str(file)!r}: {why}. {remedy}.") from error
    return torch.from_numpy(values).view(size, size, channels).permute(2, 0, 1).contiguous()


def eight_bits(picture: Image.Image) -> Image.Image:
    """The upright picture in grey or colour, 8 bits a channel.

    Raises:
        Unusable: nothing says which value is white.
    """
    if picture.mode == "F" or (picture.mode == "I" and picture.format not in ("PNG", "PPM")):
        kind = "floating-point numbers" if picture.mode == "F" else "32-bit whole numbers"
        raise Unusable(f"its pixels are {kind}, whose black and white no file says. Save it with 8 or 16 bits")
    if picture.mode.startswith("I"):  # 16 bits of grey
        tags = getattr(picture, "tag_v2", {BITS_PER_SAMPLE: (16,), PHOTOMETRIC: BLACK_IS_ZERO})
        if tags[BITS_PER_SAMPLE] != (16,) or tags[PHOTOMETRIC] != BLACK_IS_ZERO:
            raise Unusable("its grey is not of 16 bits with black at 0. Save it with 8 or 16 bits")
        values = np.asarray(picture).astype(np.uint32)
        exif = picture.getexif()
        picture = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))  # v / 257, rounded
        picture.getexif().update(exif)
    picture = ImageOps.exif_transpose(picture)
    if picture.has_transparency_data:
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, picture.convert("RGBA"))
    return picture if picture.mode == "L" else picture.convert("RGB")
