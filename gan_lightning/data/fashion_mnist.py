"""Fashion-MNIST (Xiao et al. 2017): MNIST's files and sizes, with ten kinds of clothing."""

import torchvision.datasets

from gan_lightning.data.mnist import MNIST


class FashionMNIST(MNIST):
    """As MNIST, from ``root/FashionMNIST/raw``. Of the unpacked files only the sizes are checked."""

    name = "fashion_mnist"
    licence = "MIT (Zalando SE)"
    reader = torchvision.datasets.FashionMNIST
    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    md5 = (
        (None, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        (None, "25c81989df183df01b3e8a0aad5dffbe"),
        (None, "bef4ecab320f06d8554ea6380940ec79"),
        (None, "bb300cfdad3c16e7a12a480ee83cd310"),
    )
