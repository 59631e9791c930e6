"""Differentiable augmentation (Zhao et al. 2020): D sees only augmented images, real and fake, in both halves."""

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.core.play import Shape
from gan_lightning.core.rng import Stream
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.knobs import at_least


class DiffAugment(Technique):
    """Translation, then cutout, drawn for each image; gradients flow through both.

    Args:
        translation: furthest move, as a share of the side (the paper: 1/8); 0 for none.
        cutout: side of the square that is cut out, as a share of the side (the paper: 1/2); 0 for none.
        fill: value of pixels that are shifted in or cut out; -1 is MNIST's background, the paper has 0.
    """

    recordable = True

    def __init__(self, translation: float = 0.125, cutout: float = 0.5, fill: float = -1.0) -> None:
        for name, value in (("translation", translation), ("cutout", cutout)):
            at_least("diff_augment", name, value, 0, "It is a share of the image's side; 0 switches it off.")
            if value > 1:
                raise ValueError(f"technique.diff_augment.{name} must be at most 1, got {value}. It is a share.")
        self.translation, self.cutout, self.fill = translation, cutout, fill

    def view_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise ValueError(
                f"technique=diff_augment needs images (C, H, W), got samples of shape {tuple(shape)}. "
                "Leave it out for points."
            )
        return shape

    def view(self, x: Tensor, progress: float, rng: Stream) -> Tensor:
        return self.cut(self.translate(x, rng), rng)

    def translate(self, x: Tensor, rng: Stream) -> Tensor:
        n, _, height, width = x.shape
        far = [int(side * self.translation + 0.5) for side in (height, width)]
        if not any(far):
            return x
        u = rng.uniform(n, 2)
        top, left = ((u[:, i] * (2 * far[i] + 1)).long() for i in (0, 1))
        padded = F.pad(x, (far[1], far[1], far[0], far[0]), value=self.fill)
        rows = top[:, None] + torch.arange(height, device=x.device)
        columns = left[:, None] + torch.arange(width, device=x.device)
        image = torch.arange(n, device=x.device)[:, None, None]
        return padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)

    def cut(self, x: Tensor, rng: Stream) -> Tensor:
        n, _, height, width = x.shape
        sides = [int(side * self.cutout + 0.5) for side in (height, width)]
        if not all(sides):
            return x
        u = rng.uniform(n, 2)
        inside = []
        for i, (side, length) in enumerate(zip(sides, (height, width), strict=True)):
            # the square's centre lies anywhere in the image, so part of it may lie outside
            start = (u[:, i] * (length + (1 - side % 2))).long() - side // 2
            at = torch.arange(length, device=x.device)[None] - start[:, None]
            inside.append((at >= 0) & (at < side))
        hole = (inside[0][:, :, None] & inside[1][:, None, :])[:, None]
        return x.masked_fill(hole, self.fill)
