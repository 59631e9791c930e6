"""FID, Inception score and KID on Inception features, by torch-fidelity (the extra ``inception``).

Inception was trained on colour photographs: on grey digits these numbers serve to compare with the literature, and are
no better than those of the judge. torch-fidelity downloads Inception's weights at the first use.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gan_lightning.core.pixels import to_pixels


class Pictures(Dataset[Tensor]):
    """uint8 RGB ``[3, H, W]`` pictures from images ``[N, C, H, W]`` in [-1, 1]."""

    def __init__(self, images: Tensor) -> None:
        self.images = to_pixels(images).expand(-1, 3, -1, -1)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> Tensor:
        return self.images[row]


def inception_metrics(test: Tensor, fake: Tensor) -> dict[str, float]:
    """FID, Inception score and KID of ``fake`` beside ``test``, images ``[N, C, H, W]`` in [-1, 1].

    Raises:
        ValueError: torch-fidelity is not installed, or the weights cannot be had.
    """
    try:
        import torch_fidelity
    except ImportError as error:
        raise ValueError(
            "metrics=inception needs torch-fidelity, which is not installed. Install it: pip install "
            "'gan-lightning[inception]', or use metrics=default, whose features come from the project's own judge."
        ) from error
    subset = min(1000, len(fake), len(test))
    options: dict[str, Any] = {"isc": True, "fid": True, "kid": True, "kid_subset_size": subset, "verbose": False}
    try:
        values = torch_fidelity.calculate_metrics(
            input1=Pictures(fake), input2=Pictures(test), cuda=torch.cuda.is_available(), save_cpu_ram=True, **options
        )
    except OSError as error:  # urllib's errors are OSErrors
        raise ValueError(
            f"metrics=inception could not get Inception's weights: {error}. torch-fidelity downloads them once; "
            f"without a network put them into {torch.hub.get_dir()}/checkpoints by hand, or use metrics=default."
        ) from error
    return {
        "inception_fid": values["frechet_inception_distance"],
        "inception_score": values["inception_score_mean"],
        "inception_kid": values["kernel_inception_distance_mean"],
    }
