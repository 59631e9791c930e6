"""What the parts of a GAN agree on: conventions, the two players, the loss, and the record of one pass of D.

Conventions, once for the whole package:

* images ``[N, C, H, W]`` float in ``[-1, 1]``; points ``[N, d]``
* logits ``[N]``, never ``[N, 1]``; where a loss makes them log-odds, ``sigmoid(logit)`` is D's probability of "real",
  computed for display only
* real comes before fake in every signature
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from gan_lightning.core.rng import Stream

Player = Literal["D", "G"]
BatchName = Literal["real", "fake"]
Shape = tuple[int, ...]


class Generator(nn.Module):
    """G: ``[N, prior.dim]`` -> ``[N, *shape]``. Any nn.Module may be G; one of this class is given the data's mean."""

    def start_from(self, mean: Tensor) -> None:
        """Called once with the mean ``[*shape]`` of the training data, before the first step. Does nothing here."""


class Discriminator(nn.Module):
    """D = head(features(x)).

    ``features`` maps ``[N, *shape]`` to ``[N, F]``, ``head`` maps ``[N, F]`` to ``[N, 1]`` (or ``[N]``).
    """

    features: nn.Module
    head: nn.Module

    def observe(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Features ``[N, F]`` and logits ``[N]`` of ``x``. Labels ``y`` ``[N]`` are for a D that overrides this."""
        features = self.features(x)
        return features, logits_of(self.head, features)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.observe(x, y)[1]

    def new_head(self, features: int, outputs: int) -> nn.Module:
        """A head ``[N, features]`` -> ``[N, outputs]``, for a D that names classes: linear, if not overridden."""
        return nn.Linear(features, outputs)

    def start_from(self, samples: Tensor) -> None:
        """Called once with some training samples ``[n, *shape]``, before the first step. Does nothing here.

        Not called where D sees something else than a sample: with ``condition=concat`` or ``technique=[packing]``.
        """


class DrawsAnew(nn.Module):
    """A layer that draws from PyTorch's global generators in training mode, as dropout does."""


class MixesSamples(nn.Module):
    """A layer whose output for one sample depends on the others of its batch.

    A gradient penalty needs the slope of D at each sample alone, so it refuses a D with such a layer.
    """

    @property
    def mixed_by(self) -> str:
        """The layer's name in errors."""
        return f"{type(self).__name__} over the batch"


@dataclass(frozen=True)
class Play:
    """One pass of D over real and fake data ``[N, *shape]``, given to the terms of the player whose half it is.

    Logits are ``[M]`` and features ``[M, ...]``; M is N, or N / m where a view packs m samples into one input.

    Attributes:
        player: whose half it is.
        mover: that player's module.
        real, fake: the batches, before the views.
        labels: ``[N]``, of the real batch.
        real_logits, real_features: None in G's half, unless the loss or a technique has ``needs_real_in_g``.
        progress: share of the run's G steps that is done, in [0, 1].
        step: D steps done, 0 in the first.
        discriminate: ``x`` ``[N, *shape]`` -> features and logits of D behind the views, for points that a term chooses
            itself. With ``again=True`` views and dropout draw the same numbers as in that term's first pass.
        fake_labels: ``[N]``, those that the fakes were made for.
        passes_differ: two passes of D over one batch may differ: views or dropout draw, or a spectral norm is updated.
        full_precision: the batches whose logits here are float32 whatever the precision of the run: a technique asked.
        labelled: samples ``[N, *shape]`` and their labels ``[N]``, in D's half of a game with labelled data.
    """

    player: Player
    mover: nn.Module
    real: Tensor
    fake: Tensor
    labels: Tensor | None
    real_logits: Tensor | None
    fake_logits: Tensor
    real_features: Tensor | None
    fake_features: Tensor
    progress: float
    step: int
    discriminate: Callable[..., tuple[Tensor, Tensor]]
    fake_labels: Tensor | None = None
    passes_differ: bool = False
    full_precision: frozenset[BatchName] = frozenset()
    labelled: tuple[Tensor, Tensor] | None = None


class Prior(Protocol):
    """The law of z."""

    dim: int

    def __call__(self, n: int, rng: Stream) -> Tensor:
        """``[n, dim]`` noise."""
        ...


class Loss(ABC):
    """An adversarial loss on logits ``[N]``; both methods return a scalar to descend.

    Attributes:
        needs_real_in_g: G's half also runs D on the real batch.
        logits: ``log_odds`` where sigmoid(logit) estimates the probability of "real", which the curves then show;
            ``score`` where the logits have no such meaning.
        wasserstein: the difference of the mean logits estimates the Wasserstein-1 distance, which the curves then show.
        needs_lipschitz: the loss supposes a Lipschitz D; a game without a technique that keeps D Lipschitz begins with
            a warning.
    """

    needs_real_in_g: ClassVar[bool] = False
    logits: ClassVar[Literal["log_odds", "score"]] = "score"
    wasserstein: ClassVar[bool] = False
    needs_lipschitz: ClassVar[bool] = False

    @abstractmethod
    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """The loss of D."""

    @abstractmethod
    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        """The loss of G; ``real_logits`` is None unless ``needs_real_in_g``."""


def logits_of(head: nn.Module, features: Tensor) -> Tensor:
    """Logits ``[N]`` that ``head`` gives for ``features`` ``[N, F]``.

    Raises:
        ValueError: ``head`` gives neither ``[N]`` nor ``[N, 1]``, so that flattening would make up samples.
    """
    logits: Tensor = head(features)
    n = len(features)
    if tuple(logits.shape) not in ((n,), (n, 1)):
        raise ValueError(
            f"D's head must give logits of shape [N] or [N, 1], got {list(logits.shape)} for features of shape "
            f"{list(features.shape)}. End it with one output per sample, such as nn.Linear({features[0].numel()}, 1)."
        )
    return logits.flatten()


def check_logits(name: str, logits: Tensor) -> None:
    """Raises ValueError unless ``logits`` is ``[N]``: ``[N, 1]`` against ``[N]`` would silently become ``[N, N]``."""
    if logits.ndim != 1:
        raise ValueError(f"{name} must have shape [N], got {list(logits.shape)}. Flatten the discriminator's output.")


def batch_norm(D: nn.Module) -> str | None:
    """Class name of the first BatchNorm of D; None if it has none."""
    return next((type(m).__name__ for m in D.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)), None)


def passes_differ(D: nn.Module) -> bool:
    """May two passes of D over one batch differ? Dropout draws anew, and a spectral norm updates its vectors.

    A weight norm changes nothing from pass to pass, but is a parametrization too and counts as if it did.
    """
    draws = nn.modules.dropout._DropoutNd | DrawsAnew
    return any(isinstance(m, draws) or is_parametrized(m) for m in D.modules())


def mixing_layer(D: nn.Module) -> str | None:
    """Name of a layer of D whose output for one sample depends on the others of its batch; None if D has none."""
    return batch_norm(D) or next((layer.mixed_by for layer in D.modules() if isinstance(layer, MixesSamples)), None)
