"""The slope of D's logit at chosen points: what every gradient penalty penalises."""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_lightning.core.play import BatchName, Play, batch_norm, mixing_layer
from gan_lightning.core.rng import Stream
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.knobs import above, at_least, count


def slopes(play: Play, points: Tensor) -> Tensor:
    """``[M]``: the 2-norm of the gradient of each logit with respect to its own input, never of the whole batch.

    D looks at the points ``[N, *shape]`` through the views; M is N, or N / m where a view packs m samples into one
    input, whose gradient then counts as one vector. In float32 whatever the precision of the run: the inner gradient
    is not loss-scaled, and half precision would lose it.
    """
    with torch.enable_grad(), torch.autocast(points.device.type, enabled=False):
        x = points.detach().float().requires_grad_()
        _, logits = play.discriminate(x)
        (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    norms: Tensor = torch.linalg.vector_norm(gradient.reshape(len(logits), -1), dim=1)
    return norms


def squared_differences(play: Play, points: Tensor, logits: Tensor | None, sigma: float, rng: Stream) -> Tensor:
    """``[M]``: ((D(x + sigma e) - D(x)) / sigma)^2 with e ~ N(0, I), whose mean tends to |grad D(x)|^2 as sigma -> 0.

    A squared slope whose own gradient needs no second derivative (approximated R1: Lin et al. 2025). It takes one more
    pass of D, or two where two passes of D differ. On D(x) = w'x the mean over e is |w|^2 whatever sigma, on
    D(x) = |x|^2 / 2 with x in R^d it is |x|^2 + sigma^2 d (d + 2) / 4. In float32 whatever the precision of the run.

    Args:
        points: x ``[N, *shape]``.
        logits: D(x) ``[M]`` in float32, from the pass that the step has made; None: it is made here.
        sigma: standard deviation of the noise, in the unit of x: images span [-1, 1].
        rng: draws e.
    """
    with torch.autocast(points.device.type, enabled=False), parametrize.cached():  # both passes have one spectral norm
        x = points.detach().float()
        moved = x + sigma * rng.normal(*x.shape)
        if play.passes_differ:
            logits, other = play.discriminate(x)[1], play.discriminate(moved, again=True)[1]
        else:
            logits = play.discriminate(x)[1] if logits is None else logits
            other = play.discriminate(moved)[1]
        return ((other - logits) / sigma).square()


def refuse_batch_norm(name: str, D: nn.Module) -> None:
    """Raises ValueError where D has a BatchNorm.

    ``slopes`` differentiates the sum of a batch's logits. The outputs of a BatchNorm sum to a constant over the batch,
    so most of this gradient cancels (all of it where only a linear layer follows) and the penalty restrains nothing.
    """
    if layer := batch_norm(D):
        raise ValueError(
            f"technique={name} needs a D without BatchNorm, got one with {layer}: its outputs sum to a constant over "
            "the batch, which hides D's slope from the penalty. Write experiment=dcgan or 'technique=[ema]', which "
            "leave it out, or network.D.d_norm=none."
        )


class Penalty(Technique):
    """A penalty on D that is computed at every ``interval``-th D step, its weight multiplied by the interval.

    (Lazy regularisation: Karras et al. 2020, appendix B.)

    Args:
        weight: factor of the penalty, at the start of the run.
        interval: D steps from one computation to the next.
        final_weight: its value at the end: after a share p of the G steps it is weight^(1 - p) final_weight^p. A weight
            that falls makes D smooth first, so that G meets the whole of the data, and sharp later. None: it stays.
    """

    recordable = True
    name: str

    def __init__(self, weight: float, interval: int, final_weight: float | None = None) -> None:
        self.weight, self.interval, self.final_weight = weight, interval, final_weight
        at_least(self.name, "weight", weight, 0, "0 switches the penalty off.")
        count(self.name, "interval", interval, 1, "1 computes it at every D step, 16 at every 16th.")
        if final_weight is not None:
            above(self.name, "final_weight", final_weight, 0, "null keeps the weight as it is.")
            above(self.name, "weight", weight, 0, "No ratio leads from 0 to final_weight.")

    def penalty(self, play: Play, rng: Stream) -> Tensor:
        """The unweighted penalty, a scalar."""
        raise NotImplementedError

    def d_term(self, play: Play, rng: Stream) -> Tensor:
        if self.weight == 0 or play.step % self.interval:
            return play.fake_logits.new_zeros(())
        weight = self.weight
        if self.final_weight is not None:
            weight *= (self.final_weight / self.weight) ** play.progress
        penalty = self.penalty(play, rng)
        if isinstance(weight, Tensor):  # of a recorded step, in float64 as a number of Python's is
            weight = weight.to(penalty)
        return self.interval * weight * penalty


class SquaredSlope(Penalty):
    """weight / 2 * E |grad D|^2 at the batch that a subclass names, ``real`` or ``fake``.

    Args:
        weight: gamma of the paper.
        interval: D steps from one computation to the next; the weight is multiplied by it.
        final_weight: gamma at the end of the run, reached in equal ratios (Huang et al. 2024 let it fall too); null:
            the same throughout.
        sigma: null for the exact slope, whose gradient needs a second derivative; a number for a slope by differences
            between points and the same points with noise of this standard deviation (``squared_differences``).
    """

    batch: BatchName

    def __init__(
        self,
        weight: float = 10.0,
        interval: int = 1,
        final_weight: float | None = None,
        sigma: float | None = None,
    ) -> None:
        super().__init__(weight, interval, final_weight)
        self.sigma = sigma
        if sigma is not None:
            above(self.name, "sigma", sigma, 0, "null takes the exact slope; images span [-1, 1], so try 0.1.")

    def join(self, gan: Any) -> None:
        refuse_batch_norm(self.name, gan.D)
        if self.sigma is not None and (layer := mixing_layer(gan.D)):
            raise ValueError(
                f"technique.{self.name}.sigma needs a D that looks at each sample by itself, got one with {layer}: all "
                "samples of the batch move at once. Set it to null, or leave the other technique out."
            )

    def points(self, play: Play) -> tuple[Tensor, Tensor]:
        """The points ``[N, *shape]`` at which the slope is taken, and D's logits there ``[M]``."""
        raise NotImplementedError

    def full_precision(self, step: int) -> Collection[BatchName]:
        """Half precision has no digits left for a difference of logits."""
        return () if self.sigma is None or self.weight == 0 or step % self.interval else (self.batch,)

    def penalty(self, play: Play, rng: Stream) -> Tensor:
        x, logits = self.points(play)
        if self.sigma is None:
            return slopes(play, x).square().mean() / 2
        rounded = torch.is_autocast_enabled(x.device.type) and self.batch not in play.full_precision
        return squared_differences(play, x, None if rounded else logits, self.sigma, rng).mean() / 2
