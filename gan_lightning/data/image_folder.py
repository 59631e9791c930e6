"""A folder of pictures, one sub-folder per class, in torchvision's ImageFolder layout, held in memory."""

from pathlib import Path

import torch
from torchvision.datasets import ImageFolder as TorchvisionFolder
from torchvision.transforms import v2

from gan_lightning.data.arrays import Arrays, DataUnavailable


class ImageFolder:
    """Every picture resized (shorter side) and cropped at the centre to ``size`` x ``size``.

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
        prepare = v2.Compose(
            [
                v2.Grayscale(1) if self.shape[0] == 1 else v2.RGB(),
                v2.Resize(self.shape[1], antialias=True),
                v2.CenterCrop(self.shape[1]),
                v2.PILToTensor(),
            ]
        )
        try:
            folder = TorchvisionFolder(str(self.root), transform=prepare)
        except FileNotFoundError as error:  # no class folders, or one without pictures
            raise DataUnavailable(
                f"data=image_folder found no pictures: {error}. Put them at data.root/<class>/<name>.png"
            ) from error
        images = torch.stack([folder[i][0] for i in range(len(folder))])
        return Arrays(images, torch.tensor(folder.targets))

    def validation(self) -> Arrays:
        return self.test()

    def test(self) -> Arrays:
        raise ValueError("data=image_folder has no test images. Compare runs by eye, or use a dataset with a test set.")
