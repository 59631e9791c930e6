"""A head of D that gets features of the whole batch beside those of the sample."""

from torch import Tensor, nn

from gan_lightning.core.play import MixesSamples, logits_of


class HeadWithBatchFeatures(MixesSamples):
    """head(f) + w . o(f): where D's head is linear, a linear head on the concatenation [f, o(f)].

    Args:
        head: D's own head.
        batch_features: o, from features ``[N, F]`` of this process's batch to ``[N, B]``.
        count: B. The weights w are drawn from N(0, 0.001^2), so that D begins nearly as it would without o(f).
    """

    def __init__(self, head: nn.Module, batch_features: nn.Module, count: int) -> None:
        super().__init__()
        self.head, self.batch_features = head, batch_features
        self.weight = nn.Linear(count, 1, bias=False)
        nn.init.normal_(self.weight.weight, 0.0, 1e-3)

    @property
    def mixed_by(self) -> str:
        return f"{type(self.batch_features).__name__} over the batch"

    def forward(self, features: Tensor) -> Tensor:
        return logits_of(self.head, features) + logits_of(self.weight, self.batch_features(features))


def feature_count(head: nn.Module) -> int:
    """F, from the first linear layer of a head."""
    return next(m.in_features for m in head.modules() if isinstance(m, nn.Linear))
