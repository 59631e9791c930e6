"""Feature matching (Salimans et al. 2016, section 3.1): G matches the mean of D's features over the data."""

from collections import deque

from torch import Tensor, nn

from gan_lightning.core.play import Discriminator, Play
from gan_lightning.core.rng import Stream
from gan_lightning.core.seats import Technique
from gan_lightning.techniques.global_batch import global_mean
from gan_lightning.techniques.half_precision import at_least_float32
from gan_lightning.techniques.knobs import at_least


class FeatureMatching(Technique):
    """weight * |E f(x) - E f(G(z))|^2, in place of G's adversarial loss unless ``adversarial_weight`` is above 0.

    The means are over the global batch: processes exchange them.

    Args:
        weight: factor of the term.
        adversarial_weight: factor of G's adversarial loss beside it (the paper: 0).
        layer: name of the module of D whose output is f, such as ``features.2``; null: what D's head sees.
    """

    recordable = True

    def __init__(self, weight: float = 1.0, adversarial_weight: float = 0.0, layer: str | None = None) -> None:
        at_least("feature_matching", "weight", weight, 0, "0 switches the term off.")
        at_least("feature_matching", "adversarial_weight", adversarial_weight, 0, "0 replaces the adversarial loss.")
        self.weight, self.adversarial_weight, self.layer = weight, adversarial_weight, layer
        self.needs_real_in_g = weight > 0
        self.seen: deque[Tensor] = deque(maxlen=2)  # the chosen layer's last two outputs: of real and of fake

    def transform_d(self, D: Discriminator) -> Discriminator:
        if self.layer is not None:
            modules = dict(D.named_modules())
            if self.layer not in modules:
                names = ", ".join(name for name in modules if name.startswith("features"))
                raise ValueError(
                    f"technique.feature_matching.layer must name a module of D, got {self.layer!r}. It has {names}."
                )
            modules[self.layer].register_forward_hook(self.watch)
        return D

    def watch(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.seen.append(output)

    def g_term(self, play: Play, rng: Stream) -> Tensor:
        # D is frozen in G's half, so of the layer's two outputs only that of the fakes requires a gradient
        seen = sorted(self.seen, key=lambda f: f.requires_grad)
        self.seen.clear()
        if self.weight == 0:
            return play.fake_logits.new_zeros(())
        real, fake = (play.real_features, play.fake_features) if self.layer is None else seen
        assert real is not None
        # in float32: half precision has no digits left for a difference of means
        one, other = (at_least_float32(f).flatten(1).mean(0) for f in (real.detach(), fake))
        difference = one - other
        total = global_mean(difference.detach())
        # With one process total = difference, and this is |difference|^2. With several, the mean of this over the
        # processes is |total|^2, and the mean of its gradients, which DDP takes, is the gradient of |total|^2.
        return self.weight * (2 * total * difference - total * total).sum()
