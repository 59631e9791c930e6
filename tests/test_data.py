"""Datasets, and the order they are served in."""

import itertools
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
import torch
from torchvision.utils import save_image

from gan_lightning.data import auto
from gan_lightning.data.arrays import Arrays, DataUnavailable, GANData, Shuffle, to_signed_range
from gan_lightning.data.digits import Digits
from gan_lightning.data.image_folder import ImageFolder
from gan_lightning.data.mnist import MNIST
from gan_lightning.data.synthetic import Synthetic

REAL = os.environ.get("GAN_DATA")
needs_mnist = pytest.mark.skipif(
    not REAL or not (Path(REAL) / "MNIST").is_dir(), reason="GAN_DATA names no folder with MNIST"
)


def take(order: Shuffle, n: int) -> list[torch.Tensor]:
    return list(itertools.islice(order, n))


def test_each_pass_serves_every_image_once_in_another_order():
    batches = take(Shuffle(100, 10, seed=0), 20)
    first, second = torch.cat(batches[:10]), torch.cat(batches[10:])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(100))
    assert first.tolist() != second.tolist()


def test_the_last_short_batch_is_dropped():
    batches = take(Shuffle(105, 10, seed=0), 20)
    assert {len(b) for b in batches} == {10}
    assert len(set(torch.cat(batches[:10]).tolist())) == 100
    assert len(set(torch.cat(batches[10:]).tolist())) == 100


def test_the_order_can_be_taken_up_at_any_batch():
    whole = take(Shuffle(50, 10, seed=4), 14)
    for start in (0, 3, 5, 7, 10):
        rest = take(Shuffle(50, 10, seed=4, start=start), 14 - start)
        assert all(torch.equal(a, b) for a, b in zip(whole[start:], rest, strict=True))


def test_processes_share_each_global_batch():
    whole = take(Shuffle(64, 16, seed=1), 8)
    halves = [take(Shuffle(64, 16, seed=1, rank=rank, world=2), 8) for rank in (0, 1)]
    for batch, left, right in zip(whole, *halves, strict=True):
        assert torch.equal(batch, torch.cat([left, right]))
    assert Counter(torch.cat([*halves[0][:4], *halves[1][:4]]).tolist()) == Counter(range(64))


def test_images_are_mapped_to_the_signed_range():
    images = torch.tensor([0, 127, 255], dtype=torch.uint8)
    assert to_signed_range(images).tolist() == pytest.approx([-1.0, -1 / 255, 1.0], abs=1e-6)
    assert images.tolist() == [0, 127, 255]
    assert to_signed_range(torch.tensor([0.25])).tolist() == [0.25]


def test_the_mean_is_that_of_all_training_samples():
    images = torch.randint(0, 256, (25, 1, 4, 4), dtype=torch.uint8)
    data = GANData(Synthetic(n=25, size=4), batch_size=5)
    data.arrays = Arrays(images, torch.zeros(25, dtype=torch.long))
    by_hand = (images.double() / 127.5 - 1).mean(0).float()
    assert (by_hand - (images[:20].double() / 127.5 - 1).mean(0)).abs().max() > 0.01
    for rows in (1, 10, 25, 1000):
        torch.testing.assert_close(data.mean(rows), by_hand, rtol=0, atol=1e-6)


def test_a_batch_larger_than_the_data_is_refused():
    data = GANData(Synthetic(n=40, size=8), batch_size=41)
    with pytest.raises(ValueError, match=r"batch_size must not exceed the 40 images of data=synthetic, got 41.*Set"):
        data.setup()


def test_digits_are_real_digits():
    train, test = Digits(28).train(), Digits(28).test()
    assert train.images.shape == (1500, 1, 28, 28)
    assert train.images.dtype == torch.uint8
    assert train.images.max() == 255
    counts = torch.bincount(train.labels) + torch.bincount(test.labels)
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert Digits(32).test().images.shape == (297, 1, 32, 32)


def test_synthetic_is_the_same_every_time():
    one, two = Synthetic(20, 8).train(), Synthetic(20, 8).train()
    assert torch.equal(one.images, two.images)
    assert one.images.shape == (20, 1, 8, 8)


def test_image_folder_is_read_resized_and_labelled(tmp_path):
    for label, brightness in (("cat", 0.0), ("dog", 1.0)):
        (tmp_path / label).mkdir()
        save_image(torch.full((3, 40, 30), brightness), tmp_path / label / "one.png")
    arrays = ImageFolder(str(tmp_path), size=16, channels=3).train()
    assert arrays.images.shape == (2, 3, 16, 16)
    assert arrays.labels.tolist() == [0, 1]
    assert arrays.images[0].unique().tolist() == [0]
    assert arrays.images[1].unique().tolist() == [255]
    assert ImageFolder(str(tmp_path), size=16, channels=1).train().images.shape == (2, 1, 16, 16)


def test_image_folder_says_what_is_missing(tmp_path):
    with pytest.raises(DataUnavailable, match=r"got data.root=.*nowhere, which is no folder. Set data.root"):
        ImageFolder(str(tmp_path / "nowhere")).prepare()
    with pytest.raises(DataUnavailable, match="found no pictures"):
        ImageFolder(str(tmp_path)).train()


class Fixed:
    name, shape = "fixed", (1, 8, 8)

    def __init__(self, works: bool):
        self.works, self.asked = works, 0

    def prepare(self):
        self.asked += 1
        if not self.works:
            raise DataUnavailable("no files")

    def train(self) -> Arrays:
        return Synthetic(16, 8).train()


def test_auto_takes_the_first_that_can_be_had_and_asks_once(monkeypatch):
    first, second = Fixed(False), Fixed(True)
    options = {"mnist": first, "digits": second}
    assert auto.choose(options) == ("digits", "no files")
    assert auto.choose(options)[0] == "digits"
    assert (first.asked, second.asked) == (1, 1), "decided once per launch"
    monkeypatch.setenv(auto.DECISION, "")
    assert auto.choose({"mnist": Fixed(True), "digits": second}) == ("mnist", "")
    monkeypatch.setenv(auto.DECISION, "")
    with pytest.raises(DataUnavailable, match="no files no files"):
        auto.choose({"mnist": first, "digits": Fixed(False)})


@needs_mnist
def test_mnist_is_mnist():
    source = MNIST(REAL)
    source.prepare()
    arrays = source.train()
    assert arrays.images.shape == (60_000, 1, 28, 28)
    assert arrays.labels[:5].tolist() == [5, 0, 4, 1, 9]
    held_out = MNIST(REAL, split="train50k").train()
    assert len(held_out) == 50_000
    assert torch.equal(held_out.images, arrays.images[:50_000])


@needs_mnist
def test_a_truncated_mnist_file_is_noticed(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    shutil.copytree(Path(REAL) / "MNIST" / "raw", raw)
    images = raw / "train-images-idx3-ubyte"
    images.chmod(0o644)
    images.write_bytes(images.read_bytes()[:1000])
    source = MNIST(str(tmp_path))
    source.mirrors = ["http://127.0.0.1:9/"]
    with pytest.raises(DataUnavailable, match="train-images-idx3-ubyte has 1000 bytes instead of 47040016"):
        source.prepare()


def test_a_wrong_split_is_refused():
    with pytest.raises(ValueError, match="data.split must be train60k or train50k, got 'all'"):
        MNIST(split="all")
