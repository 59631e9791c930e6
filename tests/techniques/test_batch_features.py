"""Features of a batch and means of features: in half precision, and with heads of every shape."""

import pytest
import torch
from conftest import EachStep
from torch import nn

from gan_lightning.core.play import Discriminator, Play
from gan_lightning.core.rng import Stream
from gan_lightning.networks.mlp import Discriminator as MLPDiscriminator
from gan_lightning.techniques.feature_matching import FeatureMatching
from gan_lightning.techniques.minibatch_discrimination import MinibatchDiscrimination
from gan_lightning.techniques.minibatch_stddev import Deviation, MinibatchStddev

SHAPE = (1, 8, 8)


def matched(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """The gradient that feature matching gives to the fake features."""
    fake = fake.clone().requires_grad_()
    play = Play("G", nn.Identity(), real, fake, None, None, fake.sum(1), real, fake, 0.0, 0, lambda x: (x, x))
    FeatureMatching().g_term(play, Stream(0)).backward()
    return fake.grad.double()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_feature_matching_keeps_a_small_difference_in_half_precision(dtype):
    """Means of 5.01 and 5: in bfloat16 the next number after 5 is 5.03, in float16 5.004."""
    exact = 5 + torch.tensor([0.0, 0.03125]).repeat(128)  # each value is one of both types
    real, fake = exact[:192:, None], torch.full((192, 1), 5.0)
    real = torch.where(torch.arange(192)[:, None] % 3 == 0, 5.03125, 5.0)
    expected = -2 * 0.03125 / 3 / 192
    got = matched(real.to(dtype), fake.to(dtype))
    assert got.mean().item() == pytest.approx(expected, rel=0.01)


def test_the_deviation_of_a_batch_without_any_has_a_slope_in_float16():
    f = torch.full((4, 3), 2.0, dtype=torch.float16, requires_grad=True)
    out = Deviation()(f)
    out.sum().backward()
    assert out.float().flatten().tolist() == pytest.approx([1e-4] * 4, rel=1e-3)
    assert f.grad.tolist() == [[0.0] * 3] * 4


def test_float64_stays_float64():
    assert Deviation()(torch.rand(4, 3, dtype=torch.float64)).dtype == torch.float64


class Flat(nn.Module):
    """A head that gives [N]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)

    def forward(self, f):
        return self.linear(f)[:, 0]


@pytest.mark.parametrize("technique", [MinibatchStddev(), MinibatchDiscrimination(4, 3)], ids=["stddev", "closeness"])
def test_a_head_that_gives_n_logits_keeps_n(technique):
    torch.manual_seed(0)
    D = MLPDiscriminator(SHAPE, hidden=(12, 6))
    flat = Flat(6)
    flat.linear.load_state_dict(D.head.state_dict())
    x = torch.randn(8, *SHAPE)
    torch.manual_seed(1)
    expected = technique.transform_d(D)(x)
    D.head = flat
    torch.manual_seed(1)
    got = technique.transform_d(D)(x)
    assert got.shape == (8,)
    torch.testing.assert_close(got, expected, rtol=0, atol=0)


def test_a_head_of_another_shape_is_refused_and_both_shapes_are_named():
    D = Discriminator()
    D.features, D.head = nn.Flatten(), nn.Linear(64, 11)
    words = r"logits of shape \[N\] or \[N, 1\], got \[8, 11\] for features of shape \[8, 64\].*nn.Linear\(64, 1\)"
    with pytest.raises(ValueError, match=words):
        D(torch.randn(8, *SHAPE))
    with pytest.raises(ValueError, match=words):
        MinibatchStddev().transform_d(D)(torch.randn(8, *SHAPE))


def test_feature_matching_of_a_named_layer_in_a_simultaneous_step(play):
    """There D sees fake before real: the layer's outputs come in the other order."""

    def losses(*more):
        seen = EachStep(lambda gan: [gan.latest["loss/d"].item(), gan.latest["loss/g"].item()])
        play("technique=[feature_matching]", "update=simultaneous", *more, callbacks=(seen,))
        return seen.seen

    assert losses("technique.feature_matching.layer=features") == losses()
