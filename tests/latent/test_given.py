"""The images and masks that a task is given, and pictures of strangers that would fill the memory."""

import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hostile import memory_limit
from PIL import Image

from gan_lightning.data.arrays import Arrays
from gan_lightning.latent.bench import Bench
from gan_lightning.latent.given import given_images, mask_of, named_rows, report_rows, stretched

LABELS = torch.arange(1000) % 10


class OfTen:
    """A dataset of a thousand images of 8 x 8 pixels, each with its number in the first two pixels."""

    def test(self):
        images = torch.zeros(1000, 1, 8, 8, dtype=torch.uint8)
        images[:, 0, 0, 0], images[:, 0, 0, 1] = torch.arange(1000) // 10, torch.arange(1000) % 10
        return Arrays(images, LABELS)


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(Bench, "source", OfTen())
    return Bench(SimpleNamespace(shape=[1, 8, 8]), "none", Path(), 0, None)


def test_the_images_of_the_report_are_thirty_of_each_class_and_always_the_same():
    rows = report_rows(LABELS)
    assert torch.bincount(LABELS[rows]).tolist() == [30] * 10
    assert LABELS[rows].tolist() == sorted(LABELS[rows].tolist())
    assert len(set(rows.tolist())) == 300
    assert torch.equal(rows, report_rows(LABELS))
    assert rows[:3].tolist() != [0, 10, 20], "not the first of the file"


def test_rows_by_number(bench):
    assert named_rows("test:3,7,10-12", 100).tolist() == [3, 7, 10, 11, 12]
    given = given_images(bench, "test:123")
    assert (given.names, given.labels.tolist()) == (["test:123"], [3])
    assert ((given.images[0, 0, 0, :2] + 1) * 127.5).round().tolist() == [12, 3]
    for asked, part in (
        ("test:5-3", "5-3"),
        ("test:100", "100"),
        ("test:", ""),
        ("test:-1", "-1"),
        ("test:0-1e9", "0-1e9"),
    ):
        with pytest.raises(ValueError, match=f"must name test images from 0 to 99, .* got '{part}'"):
            named_rows(asked, 100)
    with pytest.raises(ValueError, match="at most 10000 images, got 20000"):
        named_rows("test:0-9999,0-9999", 10_000)


def test_pictures_get_the_size_and_the_range(bench, tmp_path):
    picture = Image.new("RGB", (40, 20), (100, 100, 100))
    picture.paste((200, 200, 200), (20, 0, 40, 20))
    picture.save(tmp_path / "b.png")
    Image.new("L", (8, 8), 7).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").touch()
    given = given_images(bench, str(tmp_path))
    assert given.names == ["a.png", "b.png"]
    assert given.labels is None
    assert (given.images[1].min(), given.images[1].max()) == (-1, 1)
    assert given.images[1, 0, :, :3].max() == -1
    assert given_images(bench, str(tmp_path / "a.png")).images.unique().numel() == 1, "an even picture stays even"
    torch.testing.assert_close(stretched(torch.tensor([0.0, 0.25, 0.5])), torch.tensor([-1.0, 0.0, 1.0]))


def test_what_is_no_picture(bench, tmp_path):
    with pytest.raises(ValueError, match="images=nowhere is neither a picture nor a folder. Write images=report"):
        given_images(bench, "nowhere")
    with pytest.raises(ValueError, match="must hold from 1 to 10000 pictures .* got 0"):
        given_images(bench, str(tmp_path))
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"^images= cannot use '.*x.png': cannot identify image file. Repair it"):
        given_images(bench, str(tmp_path / "x.png"))
    with pytest.raises(ValueError, match="^mask= cannot use"):
        mask_of(str(tmp_path / "x.png"), 8, bench)


def bomb(width, height, rows):
    """A PNG that says it has so many pixels, with the data of ``rows`` of them."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes((width + 1) * rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height", "rows"), [(2**16, 2**15, 64), (2**31 - 1, 1, 0), (1, 2**31 - 1, 0)])
@pytest.mark.parametrize("key", ["images", "mask"])
def test_a_picture_of_2_to_the_31_pixels_fills_no_memory(bench, tmp_path, width, height, rows, key):
    file = tmp_path / "bomb.png"
    file.write_bytes(bomb(width, height, rows))
    with memory_limit(2**29), pytest.raises(ValueError, match=rf"^{key}= cannot use '.*bomb.png': .*Pillow allows "):
        given_images(bench, str(file)) if key == "images" else mask_of(str(file), 8, bench)


# Masks ---------------------------------------------------------------------------------------------------------


def test_masks(bench, tmp_path):
    centre = mask_of("centre", 28, bench)
    assert centre.sum() == 14 * 14
    assert centre[7:21, 7:21].all()
    assert mask_of("left", 28, bench).sum(0).tolist() == [28] * 14 + [0] * 14
    share = mask_of("random", 28, bench).float().mean().item()
    assert share == pytest.approx(0.75, abs=3 * (0.75 * 0.25 / 784) ** 0.5)
    assert torch.equal(mask_of("random", 28, bench), mask_of("random", 28, bench))
    picture = Image.new("L", (8, 8), 255)
    picture.paste(0, (0, 0, 8, 3))
    picture.save(tmp_path / "mask.png")
    assert mask_of(str(tmp_path / "mask.png"), 8, bench).sum(1).tolist() == [8] * 3 + [0] * 5
    with pytest.raises(
        ValueError, match="mask=center is neither a mask nor a picture. Write mask=centre, left or rand"
    ):
        mask_of("center", 8, bench)
