"""The judge: a small classifier of real images whose features the metrics compare.

One judge per dataset, trained by ``python -m gan_lightning.judge data=...``; its weights lie in the package with their
SHA-256 in conf/judge/, so that everybody's numbers compare. It is a measuring instrument: frozen, in eval mode, in
float32 whatever the GAN's precision, and no part of any GAN's module tree.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

WEIGHTS = Path(__file__).parent / "weights"


class JudgeNet(nn.Module):
    """``[N, C, S, S]`` in [-1, 1] -> (features ``[N, features]``, logits ``[N, classes]``).

    Four 3 x 3 convolutions, each second one with stride 2, then the feature layer (linear + ReLU) and the classifier.
    The features are the outputs of the feature layer times ``scale``, which makes their mean square over the training
    images 1: the cubic kernel of the kernel distance needs numbers of that size.
    """

    scale: Tensor

    def __init__(self, shape: Sequence[int], features: int = 64, classes: int = 10, width: int = 32) -> None:
        super().__init__()
        channels, side = shape[0], shape[1] // 4
        layers: list[nn.Module] = []
        for out, stride in ((width, 1), (width, 2), (2 * width, 1), (2 * width, 2)):
            layers += [nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            channels = out
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        self.dropout = nn.Dropout(0.3)
        self.features = nn.Sequential(nn.Linear(channels * side * side, features), nn.ReLU())
        self.classifier = nn.Linear(features, classes)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(self.dropout(self.convolutions(x)))
        return self.scale * features, self.classifier(features)


class Judge(ABC):
    """Gives features, for distances, and class probabilities of a dataset's samples.

    Attributes:
        dataset: name of the dataset.
        sha256: hash of its weights or of its settings, which is recorded with what it measures.
        classes: number of classes.
        knows_modes: its classes are the modes of a mixture.
    """

    dataset: str
    sha256: str
    classes: int
    knows_modes: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``[N, F]`` and probabilities ``[N, classes]`` of samples in [-1, 1], float64 on the CPU."""

    def to(self, device: torch.device | str) -> Self:
        return self

    def quick(self, features: Tensor) -> dict[str, float]:
        """Further numbers for the cheap evaluation during training: name of the curve -> value."""
        return {}


class ClassifierJudge(Judge):
    """A trained JudgeNet, loaded and checked.

    Args:
        dataset: name of the dataset.
        file: weights, in the package's ``metrics/weights`` or a path of your own.
        sha256: the hash that the file must have.
        shape, features, classes, width: of the ``JudgeNet`` whose weights they are.

    Raises:
        ValueError: the file is missing, or its hash is another.
    """

    def __init__(
        self,
        dataset: str,
        file: str,
        sha256: str,
        shape: Sequence[int],
        features: int = 64,
        classes: int = 10,
        width: int = 32,
    ) -> None:
        path = WEIGHTS / file if (WEIGHTS / file).is_file() else Path(file)
        if not path.is_file():
            raise ValueError(
                f"the judge of {dataset} has no weights: {file} is neither in the package nor a file. "
                f"Train one: python -m gan_lightning.judge data={dataset}"
            )
        got = hashlib.sha256(path.read_bytes()).hexdigest()
        if got != sha256:
            raise ValueError(
                f"the judge's weights {path} have SHA-256 {got} instead of {sha256}: numbers from them would "
                "compare with nobody's. Reinstall the package, or name your own judge's file and hash in conf/judge/."
            )
        self.dataset, self.sha256, self.classes = dataset, sha256, classes
        self.net = JudgeNet(shape, features, classes, width)
        self.net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.net.eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, images: Tensor, batch_size: int = 100) -> tuple[Tensor, Tensor]:
        """Features ``[N, features]`` and probabilities ``[N, classes]``, float64 on the CPU, of images in [-1, 1]."""
        device = next(self.net.parameters()).device
        with torch.autocast(device.type, enabled=False):
            parts = [self.net(part.to(device, torch.float32)) for part in images.split(batch_size)]
        features = torch.cat([f for f, _ in parts]).cpu().double()
        logits = torch.cat([logit for _, logit in parts]).cpu().double()
        return features, logits.softmax(1)

    def to(self, device: torch.device | str) -> Self:
        self.net.to(device)
        return self
