"""The images that a task is given: of the test set, one of one's own, or a folder of them."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.rng import fixed_rows
from gan_lightning.data.pictures import read_picture
from gan_lightning.latent.bench import Bench

EACH = 30  # images of each class in a report
MOST = 10_000  # images at once
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Given:
    """Attributes:
    images: ``[N, C, S, S]`` in [-1, 1].
    names: of each, such as ``test:17`` or a file's name.
    labels: their classes ``[N]``; None where nobody knows.
    """

    images: Tensor
    names: list[str]
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)


def report_rows(labels: Tensor, each: int = EACH) -> Tensor:
    """Numbers of ``each`` test images of every class, the first of each in a fixed permutation; by class."""
    order = fixed_rows(len(labels), len(labels))
    return torch.cat([order[labels[order] == c][:each] for c in labels.unique().tolist()])


def given_images(bench: Bench, asked: str) -> Given:
    """The images that ``images=`` names.

    Args:
        asked: ``report`` (30 test images of each class), ``test:0-99`` or ``test:3,7,10-12``, a picture file, or a
            folder of them. Pictures get G's size and channels, and their darkest and brightest value become -1 and 1.

    Raises:
        ValueError: there are none, too many, or one that cannot be used.
    """
    if asked == "report" or asked.startswith("test:"):
        test = bench.source.test()
        rows = report_rows(test.labels) if asked == "report" else named_rows(asked, len(test))
        images, labels = test[rows]
        return Given(to_signed_range(images), [f"test:{row}" for row in rows.tolist()], labels)
    path = Path(asked)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS)
        if not 1 <= len(files) <= MOST:
            raise ValueError(
                f"images={asked} must hold from 1 to {MOST} pictures ({', '.join(ENDINGS)}), got {len(files)}."
            )
    elif path.exists():
        files = [path]
    else:
        raise ValueError(
            f"images={asked} is neither a picture nor a folder. Write images=report, images=test:0-99, or "
            "the path of one."
        )
    channels, side = bench.G.shape[0], bench.G.shape[1]
    read = [stretched(to_signed_range(read_picture(file, side, channels, "images="))) for file in files]
    return Given(torch.stack(read), [file.name for file in files])


def named_rows(asked: str, total: int) -> Tensor:
    """Row numbers of ``test:0-99`` or ``test:3,7,10-12``. Raises ValueError where one is beyond the last."""
    rows: list[int] = []
    for part in asked.removeprefix("test:").split(","):
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, total)
        if first > last or last >= total:
            raise ValueError(
                f"images={asked} must name test images from 0 to {total - 1}, such as test:0-99 or test:3,7, got "
                f"{part!r}."
            )
        rows += range(first, last + 1)
    if len(rows) > MOST:
        raise ValueError(f"images={asked} must name at most {MOST} images, got {len(rows)}. Take fewer at a time.")
    return torch.tensor(rows)


def stretched(x: Tensor) -> Tensor:
    """``x`` with its darkest value at -1 and its brightest at 1; an even picture as it is."""
    low, high = x.min(), x.max()
    return x if high - low < 1e-6 else (x - low) / (high - low) * 2 - 1


def mask_of(asked: str, side: int, bench: Bench) -> Tensor:
    """bool ``[side, side]``, True in the hole.

    Args:
        asked: ``centre`` (the middle square of half the side), ``left`` (half the image), ``random`` (three pixels of
            four, drawn from the seed), or a picture file whose dark half is the hole.

    Raises:
        ValueError: it is none of these.
    """
    hole = torch.zeros(side, side, dtype=torch.bool)
    if asked == "centre":
        quarter = side // 4
        hole[quarter : side - quarter, quarter : side - quarter] = True
    elif asked == "left":
        hole[:, : side // 2] = True
    elif asked == "random":
        hole = bench.stream("mask").uniform(side, side) < 0.75
    elif Path(asked).is_file():
        hole = read_picture(Path(asked), side, 1, "mask=")[0] < 128
    else:
        raise ValueError(
            f"mask={asked} is neither a mask nor a picture. Write mask=centre, left or random, or the path of a "
            "picture whose dark half is the hole."
        )
    return hole
