"""What the parts of a GAN agree on: conventions, the two players, the loss, and the record of one play.

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
Shape = tuple[int, ...]


class Generator(nn.Module):
    """G: ``[N, prior.dim]`` -> ``[N, *shape]``. Any module will do; this base is also shown the data's mean."""

    def start_from(self, mean: Tensor) -> None:
        """Called once with the mean ``[*shape]`` of the training data, before the first step. By default: nothing."""


class Discriminator(nn.Module):
    """D = head(features(x)).

    ``features`` maps ``[N, *shape]`` to ``[N, F]``, ``head`` maps ``[N, F]`` to ``[N, 1]`` (or ``[N]``).
    """

    features: nn.Module
    head: nn.Module

    def observe(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Features ``[N, F]`` and logits ``[N]`` of ``x``; labels ``y`` ``[N]`` are for a D that looks at them."""
        features = self.features(x)
        return features, logits_of(self.head, features)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.observe(x, y)[1]


class MixesSamples(nn.Module):
    """A layer whose output for one sample depends on the others of its batch.

    A gradient penalty needs the slope of D at each sample alone, so it refuses a D with such a layer.
    """

    @property
    def mixed_by(self) -> str:
        """What an error calls it."""
        return f"{type(self).__name__} over the batch"


@dataclass(frozen=True)
class Play:
    """One pass of D over real and fake data ``[N, *shape]`` with labels ``[N]``, seen by losses and terms.

    Logits are ``[M]`` and features ``[M, ...]``; M is N, or N / m where a view packs m samples into one input.
    ``real_logits`` and ``real_features`` are None in G's half unless a loss or a term asked for them with
    ``needs_real_in_g``. ``labels`` are those of the real batch, ``fake_labels`` those that the fakes were made for.
    ``discriminate`` runs D, through the views, on points that a term chooses for itself; with ``again=True`` under the
    draws of the term's first pass. ``passes_differ``: two passes of one batch do, since the views or D draw, or
    D's weights are normalised anew. ``step`` counts D steps, from 0.
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


class Prior(Protocol):
    """The law of z."""

    dim: int

    def __call__(self, n: int, rng: Stream) -> Tensor:
        """``[n, dim]`` noise."""
        ...


class Loss(ABC):
    """An adversarial loss on logits; both methods return a scalar to descend.

    Attributes:
        needs_real_in_g: G's half also runs D on the real batch.
        logits: ``log_odds`` where sigmoid(logit) estimates the probability of "real", which the curves then show;
            ``score`` where the logits have no such meaning.
        wasserstein: the difference of the mean logits estimates a distance, which the curves then show.
        needs_lipschitz: it estimates a distance only for a Lipschitz D; without a technique that keeps D so, a game
            begins with a warning.
    """

    needs_real_in_g: ClassVar[bool] = False
    logits: ClassVar[Literal["log_odds", "score"]] = "score"
    wasserstein: ClassVar[bool] = False
    needs_lipschitz: ClassVar[bool] = False

    @abstractmethod
    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor: ...

    @abstractmethod
    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        """``real_logits`` is None unless ``needs_real_in_g``."""


def logits_of(head: nn.Module, features: Tensor) -> Tensor:
    """``[N]`` from ``features`` ``[N, F]``.

    Raises:
        ValueError: ``head`` gives another shape: flattened, each of its values would count as a sample.
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
    """Logits are ``[N]``: ``[N, 1]`` against ``[N]`` would broadcast to ``[N, N]`` without a word."""
    if logits.ndim != 1:
        raise ValueError(f"{name} must have shape [N], got {list(logits.shape)}. Flatten the discriminator's output.")


def batch_norm(D: nn.Module) -> str | None:
    """Name of a BatchNorm of D, if there is one."""
    return next((type(m).__name__ for m in D.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)), None)


def passes_differ(D: nn.Module) -> bool:
    """Do two passes of one batch differ? Dropout draws, and a spectral norm moves its vectors at each pass."""
    return any(isinstance(m, nn.modules.dropout._DropoutNd) or is_parametrized(m) for m in D.modules())


def mixing_layer(D: nn.Module) -> str | None:
    """Name of a layer of D whose output for one sample depends on the others of its batch, if there is one."""
    return batch_norm(D) or next((layer.mixed_by for layer in D.modules() if isinstance(layer, MixesSamples)), None)
