"""Pictures of every kind that a folder may hold: right, or refused with the file's name."""

import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_lightning.data.arrays import DataUnavailable, GANData
from gan_lightning.data.image_folder import ImageFolder


@pytest.fixture
def root(tmp_path):
    """A folder with two good pictures, one in each class: grey 51 and grey 204."""
    for label, grey in (("cat", 51), ("dog", 204)):
        (tmp_path / label).mkdir()
        Image.new("RGB", (10, 8), (grey,) * 3).save(tmp_path / label / "good.png")
    return tmp_path


def read(root: Path, channels: int = 1):
    return ImageFolder(str(root), size=8, channels=channels).train()


def first(root: Path, channels: int = 1) -> list[list[int]]:
    """The values of each channel of cat's first picture, named a.*"""
    image = read(root, channels).images[0]
    return [sorted(set(channel.flatten().tolist())) for channel in image]


def grey16(file: Path, value: int, dtype=np.uint16, **more) -> None:
    Image.fromarray(np.full((8, 8), value, dtype)).save(file, **more)


# Right ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize(("value", "grey"), [(0, 0), (128, 0), (129, 1), (13107, 51), (32768, 128), (65535, 255)])
def test_16_bit_grey_is_scaled_to_8(root, name, value, grey):
    """v / 257, rounded: 65535 is white. Cut off at 255, all but the darkest 0.4 % would be white."""
    grey16(root / "cat" / name, value)
    assert first(root) == [[grey]]
    assert first(root, channels=3) == [[grey]] * 3


def test_a_16_bit_pgm_is_scaled_to_8(root):
    (root / "cat/a.pgm").write_bytes(b"P5 8 8 65535\n" + struct.pack(">H", 13107) * 64)
    assert first(root) == [[51]]


def test_16_bit_colour_keeps_its_upper_byte(root):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + struct.pack(">HHH", 13107, 39321, 65535) * 8) * 8
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (root / "cat/a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    assert first(root, channels=3) == [[51], [153], [255]]


def test_one_bit_palette_and_cmyk(root):
    file = root / "cat/a.png"
    Image.new("1", (8, 8), 1).save(file)
    assert first(root) == [[255]]
    palette = Image.new("P", (8, 8), 7)
    palette.putpalette([0, 0, 0] * 7 + [10, 20, 30])
    palette.save(file)
    assert first(root, channels=3) == [[10], [20], [30]]
    file.unlink()
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(root / "cat/a.tif")
    assert first(root, channels=3) == [[255], [0], [0]], "no cyan, all magenta and yellow: red"


def test_what_is_transparent_is_black(root):
    """Otherwise the colours that a drawing program left under the transparent parts would be trained on."""
    file = root / "cat/a.png"
    Image.new("RGBA", (8, 8), (200, 100, 50, 0)).save(file)
    assert first(root, channels=3) == [[0]] * 3
    Image.new("LA", (8, 8), (200, 255)).save(file)
    assert first(root) == [[200]]
    Image.new("RGBA", (8, 8), (200, 100, 50, 51)).save(file)
    assert first(root, channels=3) == [[40], [20], [10]]
    palette = Image.new("P", (8, 8), 7)
    palette.putpalette([0, 0, 0] * 7 + [10, 20, 30])
    palette.save(file, transparency=7)
    assert first(root, channels=3) == [[0]] * 3


def test_a_photograph_is_turned_as_its_camera_says(root):
    picture = Image.new("L", (8, 8))
    picture.paste(255, (0, 0, 8, 4))  # white above
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    picture.save(root / "cat/a.png", exif=exif)
    image = read(root).images[0, 0]
    assert image[:, 4:].eq(255).all()
    assert image[:, :4].eq(0).all()


def test_a_long_thin_picture_is_cropped_before_it_is_resized(root):
    """Its shorter side of 1 would be drawn out to 8, and its longer one with it, to 2.4 million."""
    picture = Image.new("L", (300_001, 1))
    picture.putpixel((150_000, 0), 255)
    picture.save(root / "cat/a.png")
    assert min(first(root)[0]) > 128, "its middle"


def test_links_in_a_ring_give_each_picture_once(root):
    (root / "cat/again").symlink_to(root / "cat")
    (root / "cat/up").symlink_to(root)
    Image.new("L", (8, 8), 99).save(root / "of no class.png")
    (root / "cat/other").symlink_to(root / "dog")
    (root / "cat/same.png").symlink_to(root / "cat/good.png")
    (root / "dog/deeper").mkdir()
    Image.new("L", (8, 8), 7).save(root / "dog/deeper/a.png")
    (root / "dog/deeper/ring").symlink_to(root / "dog/deeper")
    arrays = read(root)
    assert [int(image[0, 0, 0]) for image in arrays.images] == [51, 204, 7]
    assert arrays.labels.tolist() == [0, 1, 1]


def test_a_linked_class_is_a_class(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    Image.new("L", (8, 8), 9).save(elsewhere / "b.PNG")
    (root / "elk").symlink_to(elsewhere)
    arrays = read(root)
    assert arrays.labels.tolist() == [0, 1, 2]
    assert arrays.images[2, 0, 0, 0] == 9


# Refused --------------------------------------------------------------------------------------------------


def refused(root: Path, name: str, words: str) -> None:
    with pytest.raises(DataUnavailable, match=words) as error:
        read(root)
    text = str(error.value)
    assert repr(str(root / "cat" / name)) in text
    assert text.startswith("data=image_folder cannot use ")
    assert text.count("\n") == 0


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif", "a.webp"])
def test_a_truncated_picture_is_refused(root, name):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(root / "cat" / name)
    whole = (root / "cat" / name).read_bytes()
    (root / "cat" / name).write_bytes(whole[: len(whole) // 2])
    refused(root, name, "Repair it or take it away")


@pytest.mark.parametrize("content", [b"", b"no picture", bytes(range(256))])
def test_what_is_no_picture_is_refused(root, content):
    (root / "cat/a.png").write_bytes(content)
    start = f"data=image_folder cannot use {str(root / 'cat/a.png')!r}"
    refused(root, "a.png", f"^{re.escape(start)}: cannot identify image file. Repair it or take it away.$")


def test_a_picture_that_would_fill_the_memory_is_refused(root, monkeypatch):
    """Above its limit of pixels Pillow warns, above twice the limit it raises: both are refused, from the header on."""
    Image.new("1", (15_000, 10_000)).save(root / "cat/a.png")  # 150 million pixels in 20 kB
    assert (root / "cat/a.png").stat().st_size < 30_000
    refused(root, "a.png", "150000000 pixels.*Make it smaller, or take it away")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    Image.new("1", (100, 100)).save(root / "cat/a.png")
    refused(root, "a.png", "10000 pixels")


@pytest.mark.parametrize(
    ("dtype", "kind"), [(np.float32, "floating-point numbers"), (np.int32, "32-bit whole numbers")]
)
def test_values_without_a_range_are_refused(root, dtype, kind):
    grey16(root / "cat/a.tif", 1, dtype)
    refused(root, "a.tif", f"its pixels are {kind}, whose black and white no file says. Save it with 8 or 16 bits")


def test_a_tiff_of_12_bits_or_with_white_at_0_is_refused(root):
    for tag, value in ((258, 12), (262, 0)):
        grey16(root / "cat/a.tif", 1000, tiffinfo={tag: value})
        data = bytearray((root / "cat/a.tif").read_bytes())
        at = data.index(struct.pack("<HHI", tag, 3, 1))  # one SHORT
        data[at + 8 : at + 10] = struct.pack("<H", value)
        (root / "cat/a.tif").write_bytes(data)
        refused(root, "a.tif", "take it away")


def test_a_link_to_nothing_is_refused(root):
    (root / "cat/a.png").symlink_to(root / "gone.png")
    refused(root, "a.png", "it is no file that can be read")


def test_one_single_picture_is_refused(root):
    (root / "dog/good.png").unlink()
    (root / "dog").rmdir()
    with pytest.raises(DataUnavailable, match=r"one picture, .*good.png.*needs at least 2.*Put more at data.root/<cl"):
        read(root)


def test_a_class_without_pictures_is_refused(root):
    (root / "elk").mkdir()
    (root / "elk/again.png").symlink_to(root / "cat/good.png")
    with pytest.raises(DataUnavailable, match=r"found no pictures in .*elk'.*Put some there.*\.png"):
        read(root)


def test_two_pictures_are_enough(root):
    data = GANData(ImageFolder(str(root), size=8), batch_size=2)
    data.setup()
    images, labels = next(iter(data.batches()))
    assert sorted(images.flatten(1)[:, 0].tolist()) == [51, 204]
    assert sorted(labels.tolist()) == [0, 1]
