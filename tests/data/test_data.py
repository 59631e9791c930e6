"""Datasets, and the order they are served in."""

import itertools
import os
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torchvision.datasets.folder import IMG_EXTENSIONS
from torchvision.utils import save_image

from gan_lightning.core.pixels import to_signed_range
from gan_lightning.data import auto, mixtures
from gan_lightning.data.arrays import Arrays, DataUnavailable, GANData, Shuffle
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


def test_a_synthetic_image_is_dark_but_for_one_square():
    """Digit d: of 4 x 4 squares the d-th, row by row, 200 brighter."""
    source = Synthetic(n=23, size=8, channels=2)
    assert (source.name, source.shape) == ("synthetic", (2, 8, 8))
    parts = [part() for part in (source.train, source.validation, source.test)]
    for arrays in parts:
        assert arrays.labels.tolist() == [*range(10), *range(10), 0, 1, 2]
        assert (arrays.images.shape, arrays.images.dtype) == ((23, 2, 8, 8), torch.uint8)
        for image, label in zip(arrays.images, arrays.labels.tolist(), strict=True):
            bright = image >= 200
            square = torch.zeros(8, 8, dtype=torch.bool)
            square[label // 4 * 2 : label // 4 * 2 + 2, label % 4 * 2 : label % 4 * 2 + 2] = True
            assert torch.equal(bright, square.expand(2, 8, 8))
        noise = arrays.images.int() % 200
        assert (noise.min(), noise.max()) == (0, 31)
    dark = torch.Generator().manual_seed(1)
    expected = torch.randint(0, 32, (23, 2, 8, 8), generator=dark, dtype=torch.uint8)
    assert torch.equal(parts[2].images % 200, expected)
    assert not any(torch.equal(parts[i].images, parts[j].images) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert (Synthetic().n, Synthetic().shape) == (1000, (1, 28, 28))


def test_mixtures_by_their_numbers():
    for source, name, sd in ((mixtures.ring8(), "ring8", 0.01), (mixtures.grid25(), "grid25", 0.05)):
        assert (source.name, source.sd, source.n, source.n_test, source.shape) == (name, sd, 100_000, 2500, (2,))
    assert mixtures.ring_means(4, 2.0).flatten().tolist() == pytest.approx([2, 0, 0, 2, -2, 0, 0, -2], abs=1e-12)
    assert mixtures.grid_means(2, 3.0).tolist() == [[-1.5, -1.5], [-1.5, 1.5], [1.5, -1.5], [1.5, 1.5]]
    source = mixtures.Mixture("mine", torch.tensor([[10.0, 0.0], [-10.0, 5.0]]), 0.5, n=4000, n_test=3000)
    parts = source.train(), source.validation(), source.test()
    assert [len(part) for part in parts] == [4000, 3000, 3000]
    for seed, part in enumerate(parts):
        assert (part.images.dtype, part.labels.dtype) == (torch.float32, torch.int64)
        again = torch.Generator().manual_seed(seed)
        assert torch.equal(part.labels, torch.randint(2, (len(part),), generator=again))
        noise = 0.5 * torch.randn(len(part), 2, generator=again, dtype=torch.float64)
        assert torch.equal(part.images, (source.means[part.labels] + noise).float())
    assert (mixtures.Mixture("m", source.means, 1.0).n, mixtures.Mixture("m", source.means, 1.0).n_test) == (
        100_000,
        2500,
    )


def test_the_data_module_by_hand():
    images = torch.arange(20_004, dtype=torch.uint8).view(-1, 1, 1, 1)
    data = GANData(Synthetic(n=8, size=4), batch_size=4, seed=3)
    data.setup()
    order = Shuffle(8, 4, 3)
    for (got, labels), rows in itertools.islice(zip(data.batches(), order, strict=False), 4):
        assert torch.equal(got, data.arrays.images[rows])
        assert torch.equal(labels, data.arrays.labels[rows])
    assert torch.equal(data.reference(3), to_signed_range(data.arrays.images[:3]))
    assert torch.equal(data.validation(), to_signed_range(data.source.validation().images))
    data.arrays = Arrays(images, torch.zeros(len(images)))
    assert len(data.reference()) == 10_000
    before = data.arrays
    data.setup()
    assert data.arrays is before, "read once"
    gan = SimpleNamespace(dtype=torch.float64, d_steps_done=5, memory_format="contiguous")
    trainer = SimpleNamespace(lightning_module=gan, global_rank=1, world_size=2)
    data.trainer = trainer
    order = data.train_dataloader().batches.order
    assert (order.n, order.batch_size, order.seed, order.start, order.rank, order.local) == (20_004, 4, 3, 5, 1, 2)
    _, (moved, labels) = data.on_after_batch_transfer([(images[:1], images), (images[:2], images)], 0)
    assert (moved.dtype, moved.flatten().tolist()) == (torch.float64, pytest.approx([-1, 1 / 127.5 - 1]))
    assert labels is images
    gan.memory_format = "channels_last"
    colours = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    assert data.on_after_batch_transfer([(colours, labels)], 0)[0][0].is_contiguous(memory_format=torch.channels_last)
    assert GANData(Synthetic(), 4).seed == 0


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
    def refusal(call, *arguments, kind=DataUnavailable):
        with pytest.raises(kind) as refused:
            call(*arguments)
        return str(refused.value)

    nowhere = tmp_path / "nowhere"
    needs = "data=image_folder needs a folder with one sub-folder per class, got data.root="
    assert refusal(ImageFolder(str(nowhere)).prepare) == (
        f"{needs}{nowhere}, which is no folder. Set data.root=<folder>."
    )
    ImageFolder(str(tmp_path)).prepare()
    assert refusal(ImageFolder(str(tmp_path)).train) == (
        f"data=image_folder found no pictures: {str(tmp_path)!r} has no sub-folders. "
        "Put them at data.root/<class>/<name>.png"
    )
    assert refusal(ImageFolder(str(nowhere)).train) == (
        f"data=image_folder cannot read data.root: [Errno 2] No such file or directory: {str(nowhere)!r}. "
        "Make it readable."
    )
    (tmp_path / "cat").mkdir()
    assert refusal(ImageFolder(str(tmp_path)).train) == (
        f"data=image_folder found no pictures in {str(tmp_path / 'cat')!r} (that no class before has). Put some there, "
        f"with one of the endings {', '.join(IMG_EXTENSIONS)}, or set data.root=<folder> to another one"
    )
    save_image(torch.zeros(3, 4, 4), tmp_path / "cat" / "one.png")
    assert refusal(ImageFolder(str(tmp_path)).train) == (
        f"data=image_folder found one picture, {str(tmp_path / 'cat' / 'one.png')!r}, and needs at least 2. "
        "Put more at data.root/<class>/<name>.png"
    )
    assert refusal(ImageFolder, "x", 28, 2, kind=ValueError) == (
        "data.channels must be 1 (grey) or 3 (colour), got 2. Choose one of the two."
    )
    assert refusal(ImageFolder(str(tmp_path)).validation, kind=ValueError) == (
        "data=image_folder has no test images. Compare runs by eye, or use a dataset with a test set."
    )
    assert ImageFolder("x").shape == (1, 28, 28)


def test_pictures_of_a_folder_come_by_name_those_within_it_last(tmp_path):
    for name in ("b/2.png", "b/1.PNG", "b/a/0.jpg", "a/z.png", "b/notes.txt", "b/c/d/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "b" / "loop").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "again.png").symlink_to(tmp_path / "a" / "z.png")
    found = [(str(file.relative_to(tmp_path)), label) for file, label in ImageFolder(str(tmp_path)).pictures()]
    assert found == [("a/z.png", 0), ("b/1.PNG", 1), ("b/2.png", 1), ("b/a/0.jpg", 1), ("b/c/d/3.png", 1)]


def test_the_files_of_mnist():
    source = MNIST("somewhere")
    assert source.folder == Path("somewhere/MNIST/raw")
    assert [(f.name, f.size, f.md5, f.gz_md5) for f in source.files()] == [
        ("train-images-idx3-ubyte", 47_040_016, *source.md5[0]),
        ("train-labels-idx1-ubyte", 60_008, *source.md5[1]),
        ("t10k-images-idx3-ubyte", 7_840_016, *source.md5[2]),
        ("t10k-labels-idx1-ubyte", 10_008, *source.md5[3]),
    ]
    assert (MNIST().root, MNIST().split) == (Path("data"), "train60k")


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
    assert auto.choose(options) == ("digits", "Decided when the jobs were launched.")
    assert (first.asked, second.asked) == (1, 1), "decided once per launch"
    monkeypatch.setenv(auto.DECISION, "")
    assert auto.choose({"mnist": Fixed(True), "digits": second}) == ("mnist", "")
    monkeypatch.setenv(auto.DECISION, "")
    with pytest.raises(DataUnavailable, match="^no files no files$"):
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
    with pytest.raises(ValueError, match=r"^data.split must be train60k or train50k, got 'all'. Choose one of"):
        MNIST(split="all")
