"""A folder of pictures, one sub-folder per class, in torchvision's ImageFolder layout, held in memory."""

import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torchvision.datasets.folder import IMG_EXTENSIONS

from gan_lightning.data.arrays import Arrays, DataUnavailable, Source
from gan_lightning.data.pictures import read_picture


class ImageFolder(Source):
    """Every picture cropped to its middle square and resized to ``size`` x ``size``; ``pictures.py`` says how.

    Folders within a class belong to it, and links are followed. Each real file counts once, in the first class that
    reaches it, however many links lead to it.

    Args:
        root: folder with one sub-folder per class.
        size: side of the square images.
        channels: 1 for grey, 3 for colour.
    """

    name = "image_folder"

    def __init__(self, root: str, size: int = 28, channels: int = 1) -> None:
        if channels not in (1, 3):
            raise ValueError(f"data.channels must be 1 (grey) or 3 (colour), got {channels}. Choose one of the two.")
        self.root, self.shape = Path(root), (channels, size, size)

    def prepare(self) -> None:
        if not self.root.is_dir():
            raise DataUnavailable(
                f"data=image_folder needs a folder with one sub-folder per class, got data.root={self.root}, "
                "which is no folder. Set data.root=<folder>."
            )

    def train(self) -> Arrays:
        files = self.pictures()
        if len(files) == 1:
            raise DataUnavailable(
                f"data=image_folder found one picture, {str(files[0][0])!r}, and needs at least 2. "
                "Put more at data.root/<class>/<name>.png"
            )
        images = torch.stack([read_picture(file, self.shape[1], self.shape[0]) for file, _ in files])
        return Arrays(images, torch.tensor([label for _, label in files]))

    def pictures(self) -> list[tuple[Path, int]]:
        """Every picture with the number of its class, in the order of their names.

        Raises:
            DataUnavailable: there is no class, or one without a picture of its own.
        """
        try:
            classes = sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir())
            seen = {os.path.realpath(self.root / name) for name in ("", *classes)}
            found = []
            for label, name in enumerate(classes):
                mine = [(file, label) for file in pictures_below(self.root / name, seen)]
                if not mine:
                    raise DataUnavailable(
                        f"data=image_folder found no pictures in {str(self.root / name)!r} (that no class before has). "
                        f"Put some there, with one of the endings {', '.join(IMG_EXTENSIONS)}, "
                        "or set data.root=<folder> to another one"
                    )
                found += mine
        except OSError as error:
            raise DataUnavailable(f"data=image_folder cannot read data.root: {error}. Make it readable.") from error
        if not found:
            raise DataUnavailable(
                f"data=image_folder found no pictures: {str(self.root)!r} has no sub-folders. "
                "Put them at data.root/<class>/<name>.png"
            )
        return found

    def validation(self) -> Arrays:
        return self.test()

    def test(self) -> Arrays:
        raise ValueError("data=image_folder has no test images. Compare runs by eye, or use a dataset with a test set.")


def pictures_below(folder: Path, seen: set[str]) -> Iterator[Path]:
    """Pictures in ``folder`` and below, in the order of their names.

    ``seen`` has the real paths, links resolved, of files and folders that are passed over; those found are added to it.
    """
    inner = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        wanted = entry.is_dir() or entry.name.lower().endswith(IMG_EXTENSIONS)
        real = os.path.realpath(entry.path)
        if wanted and real not in seen:
            seen.add(real)
            if entry.is_dir():
                inner.append(Path(entry.path))
            else:
                yield Path(entry.path)
    for path in inner:
        yield from pictures_below(path, seen)
