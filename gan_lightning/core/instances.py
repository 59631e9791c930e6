"""Features of single training samples, told beside the class (instance-conditioned GAN: Casanova et al. 2021).

A G that is told the class alone has to find every style of it from noise, and leaves rare ones out. Told where one
training sample lies, it draws what lies there. The paper takes features of a network that was trained before, and D
sees neighbours of the sample as real; here features are principal components of the pixels, and normal noise on them
makes a neighbourhood.
"""

import torch
from torch import Tensor, nn

from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.pixels import pooled, to_signed_range
from gan_lightning.core.play import Prior, Shape
from gan_lightning.core.prior import law_in_words
from gan_lightning.core.rng import Stream
from gan_lightning.core.within import Within

STEPS, ZERO = 16, 128  # a feature h is kept as the byte 16 h + 128: from -8 to 7.94, of mean 0 and variance 1


def kept(h: Tensor) -> Tensor:
    """uint8: features ``h`` in steps of 1 / 16, beyond the scale its ends."""
    return (h * STEPS + ZERO).round().clamp(0, 255).to(torch.uint8)


def unkept(q: Tensor, like: Tensor) -> Tensor:
    """The features that ``q`` keeps, of the type of ``like``."""
    return (q.to(like) - ZERO) / STEPS


class Instances(Within):
    """The first F principal components of the training data, each divided by its standard deviation.

    Args:
        shape: of a sample, without the batch axis.
        features: F.
        noise: standard deviation of what is added to each feature.

    Raises:
        ValueError: a sample has fewer values than F (of an image of 16 pixels a side and more: its means over squares
            of two by two).

    Attributes:
        width: F.
        mean: ``[P]``, P the values of a sample.
        components: ``[P, F]``; the features of x are (x - mean) components.
        explained: share of the variance of the training data that they hold; 0 before ``find``.
        of_samples: uint8 ``[M, F]``, the features of the training samples as ``kept``, class after class; in the game
            each G has them in place of D.
    """

    mean: Tensor
    components: Tensor
    explained: Tensor

    def __init__(self, shape: Shape, features: int, noise: float) -> None:
        super().__init__()
        values = pooled(torch.zeros(1, *shape)).shape[1]
        if features > values:
            raise ValueError(
                f"condition.features must not exceed the values of a sample, got {features} of {values}. Write "
                f"condition.features={values}"
            )
        self.width, self.noise, self.normals = features, noise, 1 + features
        self.of_samples = torch.zeros(0, features, dtype=torch.uint8)
        self.register_buffer("mean", torch.zeros(values))
        self.register_buffer("components", torch.zeros(values, features))
        self.register_buffer("explained", torch.zeros(()))

    def features(self, x: Tensor) -> Tensor:
        """``[N, F]`` of samples ``x`` ``[N, *shape]``, float32."""
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            return (pooled(x).to(self.mean) - self.mean) @ self.components

    def of(self, x: Tensor, y: Tensor, rng: Stream) -> Tensor:
        """``[N, 1 + F]``: the class, and the features of the sample with noise on each."""
        h = self.features(x)
        return torch.cat([y[:, None].to(h), h + self.noise * rng.normal(*h.shape)], 1)

    def find(self, images: Tensor, labels: Tensor) -> None:
        """Principal components, unless a game that these weights are from has found some, and each sample's features.

        Raises:
            ValueError: there are fewer samples than features, or the samples do not differ in as many directions.
        """
        if not self.explained:
            self.fit(torch.cat([pooled(to_signed_range(part)) for part in images.split(5000)]))
        by_class = labels.argsort(stable=True).split(5000)
        h = torch.cat([self.features(to_signed_range(images[rows]).to(self.mean.device)) for rows in by_class])
        self.of_samples = kept(h)

    def fit(self, x: Tensor) -> None:
        """Principal components of ``x`` ``[N, P]``, one thread: the same on each call."""
        from sklearn.decomposition import PCA  # takes a second to import
        from threadpoolctl import threadpool_limits

        differ = len(x) >= self.width
        if differ:
            with threadpool_limits(1):
                pca = PCA(self.width, random_state=0).fit(x.double().numpy())
            deviations = torch.as_tensor(pca.explained_variance_).sqrt()
            differ = bool(deviations[-1] > 1e-6 * deviations[0])
        if not differ:
            raise ValueError(
                f"condition.features must not exceed the directions in which training samples differ, got "
                f"{self.width} of {len(x)} samples. Write a smaller condition.features."
            )
        self.mean.copy_(torch.as_tensor(pca.mean_))
        self.components.copy_(torch.as_tensor(pca.components_).T / deviations)
        self.explained.fill_(float(pca.explained_variance_ratio_.sum()))

    def give(self, G: ConditionalGenerator) -> None:
        assert isinstance(G, InstanceGenerator)
        G.of_samples.copy_(self.of_samples)

    def found(self) -> str:
        share = f"{float(self.explained):.0%}"
        return f"each sample is told by its class and {self.width} features, {share} of the data's variance"

    def refuses(self, prior: Prior) -> str:
        return (
            f"condition=instance needs a z whose first {self.normals} values are normal, since those say which "
            f"training sample and how far from it, got z ~ {law_in_words(prior)}. Write prior=normal."
        )


class InstanceGenerator(ConditionalGenerator):
    """G([z', code(y), h]) of z = [u, e, z']: h are the features of a training sample of class y, plus noise times e.

    The samples of a class share the standard normal law of ``u``, a stretch of it each, all of one size.

    Args:
        G: ``[N, dim - 1 + width]`` -> ``[N, *shape]``.
        code: classes ``[N]`` -> ``[N, width]``.
        class_counts: as in ``ConditionalGenerator``.
        features: F, the length of ``e``.
        noise: as in ``Instances``.
    """

    chooses = True
    of_samples: Tensor

    def __init__(self, G: nn.Module, code: nn.Module, class_counts: Tensor, features: int, noise: float) -> None:
        super().__init__(G, code, class_counts)
        self.noise = noise
        # whole numbers: an average of G copies them, and a game that begins with these weights has its own
        self.register_buffer("of_samples", torch.zeros(int(class_counts.sum()), features, dtype=torch.uint8))

    def instances(self, u: Tensor, y: Tensor) -> Tensor:
        """``[N]``: rows of ``of_samples`` of class ``y`` ``[N]``, as ``u`` ``[N]`` names them."""
        counts = self.class_counts[y]
        share = 0.5 * (1 + torch.erf(u.float() / 2**0.5))
        within = torch.minimum((share * counts).long(), counts - 1)
        first = (self.class_counts.cumsum(0) - self.class_counts)[y]
        # a class without samples has no rows, and a file may count others than it has
        return (first + within).clamp(0, len(self.of_samples) - 1)

    def parts(self, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        F = self.of_samples.shape[1]
        h = unkept(self.of_samples[self.instances(z[:, 0], y)], z)
        return z[:, 1 + F :], torch.cat([self.code(y).to(z), h + self.noise * z[:, 1 : 1 + F]], 1)

    def of_told(self, z: Tensor, told: Tensor) -> Tensor:
        """Samples ``[N, *shape]`` of the end z' of ``z`` ``[N, dim]`` and of classes and features ``[N, 1 + F]``."""
        F = self.of_samples.shape[1]
        return self.made_of(z[:, 1 + F :], torch.cat([self.code(told[:, 0].long()), told[:, 1:]], 1).to(z))
