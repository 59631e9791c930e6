"""What the parts of a GAN agree on: conventions, the record of one play, the seats of techniques.

Conventions, once for the whole package:

* images ``[N, C, H, W]`` float in ``[-1, 1]``; points ``[N, d]``
* logits ``[N]``, never ``[N, 1]``; where a loss makes them log-odds, ``sigmoid(logit)`` is D's probability of "real",
  computed for display only
* real comes before fake in every signature
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from torch import Tensor, nn

from gan_lightning.rng import Stream

Player = Literal["D", "G"]
Shape = tuple[int, ...]


def logits_of(head: nn.Module, features: Tensor) -> Tensor:
    """``[N]`` from ``features`` ``[N, F]``.

    Raises:
        ValueError: ``head`` gives another shape, which would be taken for as many samples as it has values.
    """
    logits, n = head(features), len(features)
    if tuple(logits.shape) not in ((n,), (n, 1)):
        raise ValueError(
            f"D's head must give logits of shape [N] or [N, 1], got {list(logits.shape)} for features of shape "
            f"{list(features.shape)}. End it with one output per sample, such as nn.Linear({features[0].numel()}, 1)."
        )
    return logits.flatten()


class Discriminator(nn.Module):
    """D = head(features(x)).

    ``features`` maps ``[N, *shape]`` to ``[N, F]``, ``head`` maps ``[N, F]`` to ``[N, 1]`` (or ``[N]``).
    """

    features: nn.Module
    head: nn.Module

    def observe(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``[N, F]`` and logits ``[N]`` of ``x``."""
        features = self.features(x)
        return features, logits_of(self.head, features)

    def forward(self, x: Tensor) -> Tensor:
        return self.observe(x)[1]


@dataclass(frozen=True)
class Play:
    """One pass of D over real and fake data ``[N, *shape]`` with labels ``[N]``, seen by losses and terms.

    Logits are ``[M]`` and features ``[M, ...]``; M is N, or N / m where a view packs m samples into one input.
    ``real_logits`` and ``real_features`` are None in G's half unless a loss or a term asked for them with
    ``needs_real_in_g``. ``discriminate`` runs D, through the views, on points that a term chooses for itself.
    ``step`` counts D steps from 0.
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
    discriminate: Callable[[Tensor], tuple[Tensor, Tensor]]


class Prior(Protocol):
    """The law of z."""

    dim: int

    def __call__(self, n: int, rng: Stream) -> Tensor:
        """``[n, dim]`` noise."""
        ...


class Loss(Protocol):
    """An adversarial loss on logits; both methods return a scalar to descend.

    An attribute ``logits`` says what they are: ``log_odds`` where sigmoid(logit) estimates the probability of "real",
    which the curves then show; ``score`` (if absent) where they have no such meaning.
    """

    needs_real_in_g: bool

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor: ...

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        """``real_logits`` is None unless ``needs_real_in_g``."""
        ...


# The seats. A technique is a class with at least one of these methods.


@runtime_checkable
class DTerm(Protocol):
    def d_term(self, play: Play, rng: Stream) -> Tensor:
        """A scalar added to D's loss. ``play.discriminate`` is D with the views in front."""
        ...


@runtime_checkable
class GTerm(Protocol):
    def g_term(self, play: Play, rng: Stream) -> Tensor:
        """A scalar added to G's loss.

        An attribute ``adversarial_weight`` (1 if absent) multiplies the adversarial loss of G: 0 replaces it.
        """
        ...


@runtime_checkable
class View(Protocol):
    def view(self, x: Tensor, progress: float, rng: Stream) -> Tensor:
        """Every ``x`` ``[N, *shape]`` that D sees, real or fake, in both halves.

        A view that changes the shape also has ``view_shape(shape) -> shape`` (without the batch axis).
        """
        ...


@runtime_checkable
class DTransform(Protocol):
    def transform_d(self, D: Discriminator) -> Discriminator:
        """D as it is played, once.

        One with an attribute ``rescales_weights = True`` gets D before the others, in whatever order they are named:
        what those add to D is not rescaled.
        """
        ...


@runtime_checkable
class GTransform(Protocol):
    def transform_g(self, G: nn.Module) -> nn.Module: ...


@runtime_checkable
class AfterUpdate(Protocol):
    def after_update(self, G: nn.Module, D: nn.Module, player: Player) -> None:
        """Called when ``player`` has just moved. State belongs in a ``state_dict`` (an nn.Module with buffers)."""
        ...


@runtime_checkable
class BeforeUpdate(Protocol):
    def before_update(self, mover: nn.Module, player: Player) -> None:
        """Called when ``player``'s gradients are complete, and unscaled under fp16, just before it moves."""
        ...


# method -> what it is called with, by position
CALLED_WITH = {
    "d_term": ("play", "rng"),
    "g_term": ("play", "rng"),
    "view": ("x", "progress", "rng"),
    "view_shape": ("shape",),
    "transform_d": ("D",),
    "transform_g": ("G",),
    "before_update": ("mover", "player"),
    "after_update": ("G", "D", "player"),
    "join": ("gan",),
}
SEATS = (DTerm, GTerm, View, DTransform, GTransform, BeforeUpdate, AfterUpdate)


def check_methods(name: str, technique: Any) -> None:
    """A technique's methods take what the step calls them with.

    Raises:
        ValueError: names the technique, the method and its arguments.
    """
    for method, arguments in CALLED_WITH.items():
        own = getattr(technique, method, None)
        if own is None:
            continue
        try:
            inspect.signature(own).bind(*arguments)
        except TypeError as error:
            raise ValueError(
                f"technique {name!r} must have a method {method}({', '.join(arguments)}), which the step calls, got "
                f"another signature in {type(technique).__name__}: {error}. Write def {method}(self, "
                f"{', '.join(arguments)})."
            ) from error


@dataclass(frozen=True)
class Seats:
    """The techniques of a run, each in the seats whose methods it has, in the order they were named."""

    techniques: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, technique in self.techniques.items():
            if not isinstance(technique, SEATS):
                methods = "d_term, g_term, view, transform_d, transform_g, before_update, after_update"
                raise ValueError(
                    f"technique {name!r} fits no seat: a technique has at least one of the methods {methods}, "
                    f"{type(technique).__name__} has none. Give it one (docs/architecture.md)."
                )
            check_methods(name, technique)

    def of(self, seat: type) -> list[tuple[str, Any]]:
        """Name and technique of all that sit in ``seat``."""
        return [(name, t) for name, t in self.techniques.items() if isinstance(t, seat)]

    def view_shape(self, shape: Shape) -> Shape:
        """The shape that D is built for, without the batch axis."""
        for _, technique in self.of(View):
            if hasattr(technique, "view_shape"):
                shape = tuple(technique.view_shape(shape))
        return shape

    def transform_d(self, D: Discriminator) -> Discriminator:
        for _, technique in sorted(self.of(DTransform), key=lambda t: not getattr(t[1], "rescales_weights", False)):
            D = technique.transform_d(D)
        return D

    def transform_g(self, G: nn.Module) -> nn.Module:
        for _, technique in self.of(GTransform):
            G = technique.transform_g(G)
        return G

    def join(self, gan: Any) -> None:
        """Show the complete game, before it begins, to the techniques with a method ``join``.

        There they make buffers after its parameters, or raise ValueError where they do not fit it.
        """
        for technique in self.techniques.values():
            if hasattr(technique, "join"):
                technique.join(gan)

    def modules(self) -> dict[str, nn.Module]:
        """The techniques that carry state."""
        return {name: t for name, t in self.techniques.items() if isinstance(t, nn.Module)}

    def adversarial_weight(self) -> float:
        weight = 1.0
        for _, technique in self.of(GTerm):
            weight *= getattr(technique, "adversarial_weight", 1.0)
        return weight


def need_real_in_g(parts: Iterable[Any]) -> bool:
    """Does any loss or term ask for D(real) in G's half?"""
    return any(getattr(part, "needs_real_in_g", False) for part in parts)


def batch_norm(D: nn.Module) -> str | None:
    """Name of a BatchNorm of D, if there is one."""
    return next((type(m).__name__ for m in D.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)), None)


def mixing_layer(D: nn.Module) -> str | None:
    """Name of a layer of D through which the samples of a batch see one another, if there is one."""
    if norm := batch_norm(D):
        return norm
    for layer in D.modules():
        if getattr(layer, "mixes_samples", False):
            return type(getattr(layer, "batch_features", layer)).__name__ + " over the batch"
    return None


def check_logits(name: str, logits: Tensor) -> None:
    """Logits are ``[N]``: ``[N, 1]`` against ``[N]`` would broadcast to ``[N, N]`` without a word."""
    if logits.ndim != 1:
        raise ValueError(f"{name} must have shape [N], got {list(logits.shape)}. Flatten the discriminator's output.")
