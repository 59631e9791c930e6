"""The seats of techniques: what a technique may do in the game, declared on one base class.

A technique derives from ``Technique`` and overrides the methods that its mathematics needs. Each of the methods in
SEATS is a seat, a place in the step: there the step calls, in the order of ``technique=[...]``, the techniques that
override this method, and no others.
"""

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from gan_lightning.core.play import BatchName, Discriminator, Loss, Play, Player, Shape
from gan_lightning.core.rng import Stream


class Technique:
    """Base of all techniques. One with state keeps it in buffers and derives from ``nn.Module`` too.

    Attributes:
        adversarial_weight: multiplies the adversarial loss of G; 0 where ``g_term`` replaces it.
        needs_real_in_g: ``g_term`` reads ``play.real_logits`` or ``play.real_features``.
        rescales_weights: ``transform_d`` is called before that of other techniques, whatever their order, so that
            layers which those add to D are not rescaled.
        lipschitz: the technique keeps D Lipschitz, as the Wasserstein loss needs.
        divides_batch: the batch of a process must be a multiple of this number.
        interval: the term is computed at every ``interval``-th D step and is 0 at the others.
        refuses_labels: why it cannot be played in a game with a condition, in words; empty where it can.
        refuses_classes: the same of a game with labelled data, whose D has an output for each class.
        needs_labelled: it learns from labelled data.
        recordable: a step with it may be recorded and played again (step=captured): whatever changes from step to step
            is in tensors on the game's device that are changed in place, and its methods read no value of one.
    """

    adversarial_weight: float = 1.0
    needs_real_in_g: bool = False
    rescales_weights: bool = False
    lipschitz: bool = False
    divides_batch: int = 1
    interval: int = 1
    refuses_labels: str = ""
    refuses_classes: str = ""
    needs_labelled: bool = False
    recordable: bool = False

    # The seats ------------------------------------------------------------------------------------------------

    def d_term(self, play: Play, rng: Stream) -> Tensor:
        """A scalar added to D's loss. ``play.discriminate`` is D with the views in front."""
        raise NotImplementedError

    def g_term(self, play: Play, rng: Stream) -> Tensor:
        """A scalar added to G's loss."""
        raise NotImplementedError

    def view(self, x: Tensor, progress: float, rng: Stream) -> Tensor:
        """What D sees in place of ``x`` ``[N, *shape]``: applied to real and fake, in D's half and in G's."""
        raise NotImplementedError

    def transform_d(self, D: Discriminator) -> Discriminator:
        """The D that is played in place of ``D``; called once, when the game is built."""
        raise NotImplementedError

    def transform_g(self, G: nn.Module) -> nn.Module:
        """The G that is played in place of ``G``; called once, when the game is built."""
        raise NotImplementedError

    def before_update(self, mover: nn.Module, player: Player) -> None:
        """Called just before ``player``, whose module is ``mover``, moves: gradients are complete and unscaled."""
        raise NotImplementedError

    def after_update(self, G: nn.Module, D: nn.Module, player: Player) -> None:
        """Called when ``player`` has just moved."""
        raise NotImplementedError

    # What else it may declare ---------------------------------------------------------------------------------

    def view_shape(self, shape: Shape) -> Shape:
        """The shape that ``view`` makes of ``shape``, both without the batch axis."""
        return shape

    def averaged(self) -> nn.Module | None:
        """An average of G that the technique keeps, to be sampled and measured beside G; None if it keeps none."""
        return None

    def averaged_d(self) -> nn.Module | None:
        """An average of D that the technique keeps, whose classes are measured beside D's; None if it keeps none."""
        return None

    def full_precision(self, step: int) -> Collection[BatchName]:
        """The batches of D's half whose logits its ``d_term`` needs in float32 in a run in half precision too.

        ``step`` is the number of D steps done. The game then makes D's pass over such a batch in float32, for the loss
        and for the term, where the term would have to make one more of its own.
        """
        return ()

    def join(self, game: Any) -> None:
        """Called once with the complete game, before the first step: a technique makes its buffers here.

        Raises:
            ValueError: the technique does not fit the game.
        """


SEATS = ("d_term", "g_term", "view", "transform_d", "transform_g", "before_update", "after_update")
CALLED_WITH = {  # method -> what it is called with, by position
    "d_term": ("play", "rng"),
    "g_term": ("play", "rng"),
    "view": ("x", "progress", "rng"),
    "transform_d": ("D",),
    "transform_g": ("G",),
    "before_update": ("mover", "player"),
    "after_update": ("G", "D", "player"),
    "view_shape": ("shape",),
    "join": ("game",),
}


def sits(technique: Technique, method: str) -> bool:
    """Does the technique override this method?"""
    return getattr(type(technique), method) is not getattr(Technique, method)


def check_technique(name: str, technique: Any) -> None:
    """Check that a technique derives from ``Technique``, has a seat, and takes the arguments of CALLED_WITH.

    Raises:
        ValueError: it does not; the text names the technique, and the method with its arguments.
    """
    kind = type(technique).__name__
    if not isinstance(technique, Technique):
        raise ValueError(
            f"technique {name!r} must derive from gan_lightning.core.seats.Technique, got {kind}. "
            f"Write class {kind}(Technique)."
        )
    if not any(sits(technique, seat) for seat in SEATS):
        raise ValueError(
            f"technique {name!r} fits no seat: a technique has at least one of the methods {', '.join(SEATS)}, "
            f"{kind} has none. Give it one (docs/extending/technique.md)."
        )
    for method, arguments in CALLED_WITH.items():
        try:
            inspect.signature(getattr(technique, method)).bind(*arguments)
        except TypeError as error:
            raise ValueError(
                f"technique {name!r} must have a method {method}({', '.join(arguments)}), which the step calls, got "
                f"another signature in {kind}: {error}. Write def {method}(self, {', '.join(arguments)})."
            ) from error


@dataclass(frozen=True)
class Seats:
    """The techniques of a run, each in the seats whose methods it has, in the order they were named."""

    techniques: Mapping[str, Technique] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, technique in self.techniques.items():
            check_technique(name, technique)

    def of(self, seat: str) -> list[tuple[str, Technique]]:
        """(name, technique) of those that override ``seat``, such as ``d_term``."""
        return [(name, technique) for name, technique in self.techniques.items() if sits(technique, seat)]

    def view_shape(self, shape: Shape) -> Shape:
        """The shape that D is built for, without the batch axis: what all views together make of ``shape``."""
        for _, technique in self.of("view"):
            shape = tuple(technique.view_shape(shape))
        return shape

    def transform_d(self, D: Discriminator) -> Discriminator:
        for _, technique in sorted(self.of("transform_d"), key=lambda named: not named[1].rescales_weights):
            D = technique.transform_d(D)
        return D

    def transform_g(self, G: nn.Module) -> nn.Module:
        for _, technique in self.of("transform_g"):
            G = technique.transform_g(G)
        return G

    def join(self, game: Any) -> None:
        """Give the complete game to all techniques, before it begins. Raises ValueError where one does not fit it."""
        for technique in self.techniques.values():
            technique.join(game)

    def modules(self) -> dict[str, nn.Module]:
        """The techniques that carry state."""
        return {name: t for name, t in self.techniques.items() if isinstance(t, nn.Module)}

    def adversarial_weight(self) -> float:
        """Factor of G's adversarial loss: the product over the techniques with a ``g_term``."""
        weight = 1.0
        for _, technique in self.of("g_term"):
            weight *= technique.adversarial_weight
        return weight

    def need_real_in_g(self, loss: Loss) -> bool:
        """Does the loss or any term ask for D(real) in G's half?"""
        return loss.needs_real_in_g or any(technique.needs_real_in_g for _, technique in self.of("g_term"))

    def full_precision(self, step: int) -> frozenset[BatchName]:
        """The batches whose logits some technique needs in float32 in D's half."""
        return frozenset(name for _, technique in self.of("d_term") for name in technique.full_precision(step))

    def averages(self) -> dict[str, nn.Module]:
        """Every average of G that a technique keeps, by the technique's name."""
        found = {name: technique.averaged() for name, technique in self.techniques.items()}
        return {name: average for name, average in found.items() if average is not None}

    def averages_d(self) -> dict[str, nn.Module]:
        """Every average of D, by the technique's name."""
        found = {name: technique.averaged_d() for name, technique in self.techniques.items()}
        return {name: average for name, average in found.items() if average is not None}
