"""Subclasses: groups of alike samples within each class, found in the training data before a game begins.

A G that is told the class alone may leave out a rare style of it, such as a 7 with a bar, and nothing on the way from a
plain 7 to one with a bar looks more real than both. Told the group too, it has to draw each (self-conditioned GAN: Liu
et al. 2020, who group by D's features and anew from time to time; here it is done once, by pixels).
"""

import torch
from torch import Tensor, nn

from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.pixels import pooled, to_signed_range
from gan_lightning.core.play import Prior, Shape
from gan_lightning.core.prior import law_in_words
from gan_lightning.core.rng import Stream
from gan_lightning.core.within import Within


class Subclasses(Within):
    """The centres of M groups in each of K classes, and to which group of its class a sample belongs.

    Subclass m of class y has the number y M + m. All are buffers, so that a run that is resumed has the same groups.

    Args:
        class_counts: how many training samples each class has, int64 ``[K]``.
        each: M.
        shape: of a sample, without the batch axis.

    Raises:
        ValueError: a class has samples, and fewer than there are to be groups.

    Attributes:
        centres: ``[K, M, P]``, P the values of a sample (of an image of 16 pixels a side and more, those of its means
            over squares of two by two); all 0 before ``find``.
        counts: int64 ``[K, M]``, how many training samples each group has.
    """

    centres: Tensor
    counts: Tensor

    def __init__(self, class_counts: Tensor, each: int, shape: Shape) -> None:
        super().__init__()
        least = min((count, y) for y, count in enumerate(class_counts.tolist()) if count)
        if least[0] < each:
            raise ValueError(
                f"condition.subclasses must not exceed the training samples of any class, got {each}: class {least[1]} "
                f"has {least[0]}. Write condition.subclasses={least[0]}"
            )
        self.each, classes = each, len(class_counts)
        values = pooled(torch.zeros(1, *shape)).shape[1]
        self.register_buffer("centres", torch.zeros(classes, each, values))
        self.register_buffer("counts", torch.zeros(classes, each, dtype=torch.int64))

    def of(self, x: Tensor, y: Tensor, rng: Stream | None = None) -> Tensor:
        """``[N]``: the subclass of samples ``x`` ``[N, *shape]`` of classes ``y`` ``[N]``, whose centre is nearest."""
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            apart = pooled(x.float())[:, None] - self.centres[y]
            return y * self.each + apart.square().sum(2).argmin(1)

    def find(self, images: Tensor, labels: Tensor) -> None:
        """k-means within each class (one start, at most 100 rounds, one thread: the same on each call).

        Groups are numbered by their sizes, the largest first.

        Args:
            images: all training samples ``[N, *shape]``, uint8 or float in [-1, 1].
            labels: their classes ``[N]``.
        """
        from sklearn.cluster import KMeans  # takes a second to import
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            for y in labels.unique().tolist():
                own = (labels == y).nonzero()[:, 0]
                x = torch.cat([pooled(to_signed_range(images[part])) for part in own.split(5000)])
                fit = KMeans(self.each, n_init=1, max_iter=100, random_state=0).fit(x.numpy())
                centres = torch.as_tensor(fit.cluster_centers_, dtype=torch.float32)
                sizes = torch.bincount(torch.as_tensor(fit.labels_).long(), minlength=self.each)
                self.centres[y] = centres[sizes.argsort(descending=True, stable=True)].to(self.centres)
        device = self.centres.device
        parts = [
            self.of(to_signed_range(x).to(device), y.to(device)).cpu()
            for x, y in zip(images.split(500), labels.split(500), strict=True)
        ]
        found = torch.bincount(torch.cat(parts), minlength=self.counts.numel())
        self.counts.copy_(found.view_as(self.counts))

    def give(self, G: ConditionalGenerator) -> None:
        assert isinstance(G, SubclassGenerator)
        G.subclass_counts.copy_(self.counts)

    def found(self) -> str:
        least, most = (int(count) for count in self.counts.aminmax())
        return f"each class is told in {self.each} subclasses, of {least} to {most} samples"

    def refuses(self, prior: Prior) -> str:
        return (
            "condition.subclasses needs a z whose first value is normal, since that says which subclass, got "
            f"z ~ {law_in_words(prior)}. Write prior=normal, or condition.subclasses=1."
        )


class SubclassGenerator(ConditionalGenerator):
    """G([z without its first value, code(subclass)]), where the first value of z says which subclass of class y.

    The groups share the standard normal law of that value by their sizes, a stretch of it each, so that samples of a
    class have them as often as the training data.

    Args:
        G: ``[N, dim - 1 + width]`` -> ``[N, *shape]``.
        code: subclasses ``[N]`` -> ``[N, width]``.
        class_counts: as in ``ConditionalGenerator``.
        each: M.
    """

    chooses = True
    subclass_counts: Tensor

    def __init__(self, G: nn.Module, code: nn.Module, class_counts: Tensor, each: int) -> None:
        super().__init__(G, code, class_counts)
        self.register_buffer("subclass_counts", torch.zeros(len(class_counts), each, dtype=torch.int64))

    def subclasses(self, z: Tensor, y: Tensor) -> Tensor:
        """``[N]``: the subclass of class ``y`` ``[N]`` that ``z`` ``[N, dim]`` names."""
        counts = self.subclass_counts[y].float()
        ends = counts.cumsum(1) / counts.sum(1, keepdim=True)
        share = 0.5 * (1 + torch.erf(z[:, :1].float() / 2**0.5))
        return y * counts.shape[1] + (share >= ends[:, :-1]).sum(1)

    def parts(self, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return z[:, 1:], self.code(self.subclasses(z, y)).to(z.dtype)

    def of_told(self, z: Tensor, told: Tensor) -> Tensor:
        """Samples ``[N, *shape]`` of ``z`` ``[N, dim]``, but for its first value, and of subclasses ``[N]``."""
        return self.made_of(z[:, 1:], self.code(told).to(z.dtype))
