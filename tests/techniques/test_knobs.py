"""Every knob of a technique: its default, its bounds, and the whole text that a wrong value gets."""

import inspect
from types import SimpleNamespace

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf
from torch import nn

from gan_lightning.config.where import CONF
from gan_lightning.core.play import Discriminator
from gan_lightning.core.prior import Normal
from gan_lightning.techniques.diff_augment import DiffAugment
from gan_lightning.techniques.dragan import DRAGAN
from gan_lightning.techniques.ema import EMA
from gan_lightning.techniques.feature_matching import FeatureMatching
from gan_lightning.techniques.gradient_clipping import GradientClipping
from gan_lightning.techniques.gradient_penalty import GradientPenalty
from gan_lightning.techniques.historical_averaging import HistoricalAveraging
from gan_lightning.techniques.instance_noise import InstanceNoise
from gan_lightning.techniques.minibatch_discrimination import MinibatchDiscrimination
from gan_lightning.techniques.minibatch_stddev import MinibatchStddev
from gan_lightning.techniques.packing import Packing
from gan_lightning.techniques.r1 import R1
from gan_lightning.techniques.r2 import R2
from gan_lightning.techniques.spectral_norm import SpectralNorm
from gan_lightning.techniques.virtual_batch_norm import VirtualBatchNorm
from gan_lightning.techniques.weight_clipping import WeightClipping
from gan_lightning.techniques.weight_norm import WeightNorm

NUMBER, COUNT, ABOVE = "a number, 0 or more", "a whole number, 1 or more", "a number above 0"
SHARE = "It is a share of the image's side; 0 switches it off."
DEVIATION = "It is a standard deviation; 0 switches the noise off."
LONGEST = "It is the longest gradient allowed; null for no limit."
EVERY = "1 computes it at every D step, 16 at every 16th."
OFF, TERM_OFF = "0 switches the penalty off.", "0 switches the term off."
AROUND = "It says how far around the data D's slope is looked at."
BELOW_1 = "a number from 0 up to, not including, 1"

# a class, its knob, the rule, values just inside it, values just outside it, the remedy
KNOBS = [
    (DiffAugment, "translation", NUMBER, [0, 1], [-0.01], SHARE),
    (DiffAugment, "cutout", NUMBER, [0, 1], [-0.01], SHARE),
    (DiffAugment, "translation", "at most 1", [1], [1.01], "It is a share."),
    (DiffAugment, "cutout", "at most 1", [1], [1.01], "It is a share."),
    (DRAGAN, "weight", NUMBER, [0], [-0.01], OFF),
    (DRAGAN, "spread", ABOVE, [0.01], [0], AROUND),
    (DRAGAN, "interval", COUNT, [1], [0, 1.0], EVERY),
    (EMA, "decay", BELOW_1, [0, 0.999], [-0.01, 1, True, "0.9"], "Try 0.999."),
    (EMA, "warmup", NUMBER, [0], [-1], "It counts G steps; 0 switches the warm-up off."),
    (FeatureMatching, "weight", NUMBER, [0], [-0.01], TERM_OFF),
    (FeatureMatching, "adversarial_weight", NUMBER, [0], [-0.01], "0 replaces the adversarial loss."),
    (GradientClipping, "d", ABOVE, [0.01, None], [0], LONGEST),
    (GradientClipping, "g", ABOVE, [0.01, None], [0], LONGEST),
    (GradientPenalty, "weight", NUMBER, [0], [-0.01, True, "10", None, float("nan")], OFF),
    (GradientPenalty, "interval", COUNT, [1], [0, True, 1.5, "1", None], EVERY),
    (HistoricalAveraging, "weight", NUMBER, [0], [-0.01], TERM_OFF),
    (InstanceNoise, "sigma", NUMBER, [0], [-0.01, None], DEVIATION),
    (InstanceNoise, "final_sigma", NUMBER, [0, None], [-0.01], DEVIATION),
    (MinibatchDiscrimination, "kernels", COUNT, [1], [0], "The authors' code uses 100."),
    (MinibatchDiscrimination, "dims", COUNT, [1], [0], "The authors' code uses 5."),
    (Packing, "m", COUNT, [1], [0], "It counts the samples of one input of D; the paper uses 2 to 4."),
    (R1, "weight", NUMBER, [0], [-0.01], OFF),
    (R1, "interval", COUNT, [1], [0], EVERY),
    (R1, "final_weight", ABOVE, [0.01, None], [0, True, "1", float("nan")], "null keeps the weight as it is."),
    (R2, "weight", NUMBER, [0], [-0.01], OFF),
    (R2, "interval", COUNT, [1], [0], EVERY),
    (R2, "final_weight", ABOVE, [0.01, None], [0], "null keeps the weight as it is."),
    (SpectralNorm, "iterations", COUNT, [1], [0], "The paper uses 1 per pass."),
    (VirtualBatchNorm, "size", "a whole number, 2 or more", [2], [1], "It is the size of the reference batch."),
    (WeightClipping, "limit", ABOVE, [0.001], [0], "The paper uses 0.01."),
]


def of(kind: type, **knobs):
    return kind(Normal(5), **knobs) if kind is VirtualBatchNorm else kind(**knobs)


@pytest.mark.parametrize(("kind", "knob", "rule", "inside", "outside", "remedy"), KNOBS)
def test_a_knob_out_of_its_bounds_gets_one_whole_sentence(kind, knob, rule, inside, outside, remedy):
    name = kind.__module__.rpartition(".")[2]
    for value in inside:
        of(kind, **{knob: value})
    for value in outside:
        with pytest.raises(ValueError) as refused:
            of(kind, **{knob: value})
        assert str(refused.value) == f"technique.{name}.{knob} must be {rule}, got {value!r}. {remedy}"


@pytest.mark.parametrize("kind", [R1, R2])
def test_no_ratio_leads_from_a_weight_of_0(kind):
    with pytest.raises(ValueError) as refused:
        kind(weight=0, final_weight=1.0)
    assert str(refused.value) == (
        f"technique.{kind.name}.weight must be a number above 0, got 0. No ratio leads from 0 to final_weight."
    )


def without_norm() -> Discriminator:
    D = Discriminator()
    D.features, D.head = nn.Flatten(), nn.Linear(4, 1)
    return D


def with_norm() -> Discriminator:
    D = without_norm()
    D.features = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4))
    return D


SINGLE = (
    "needs a D that looks at each sample by itself, got one with {}: the penalty is on the slope at single samples, "
    "which a layer over the batch mixes (Gulrajani et al. 2017, section 4). Use network.D.d_norm=none, or leave the "
    "other technique out."
)
NO_NORM = (
    "needs a D without BatchNorm, got one with BatchNorm1d: its outputs sum to a constant over the batch, which hides "
    "D's slope from the penalty. Write experiment=dcgan or 'technique=[ema]', which leave it out, or "
    "network.D.d_norm=none."
)
TWICE = (
    "rescales D's weights, which another technique or the network rescales already. Choose one of spectral_norm and "
    "weight_norm, and neither with network=salimans2016."
)


@pytest.mark.parametrize(
    ("name", "refusal", "words"),
    [
        (
            "gradient_penalty",
            lambda: GradientPenalty().join(SimpleNamespace(D=with_norm())),
            SINGLE.format("BatchNorm1d"),
        ),
        (
            "dragan",
            lambda: DRAGAN().join(SimpleNamespace(D=MinibatchStddev().transform_d(without_norm()))),
            SINGLE.format("Deviation over the batch"),
        ),
        ("r1", lambda: R1().join(SimpleNamespace(D=with_norm())), NO_NORM),
        ("r2", lambda: R2().join(SimpleNamespace(D=with_norm())), NO_NORM),
        ("weight_norm", lambda: WeightNorm().transform_d(SpectralNorm().transform_d(without_norm())), TWICE),
        ("spectral_norm", lambda: SpectralNorm().transform_d(WeightNorm().transform_d(without_norm())), TWICE),
        (
            "diff_augment",
            lambda: DiffAugment().view_shape((2,)),
            "needs images (C, H, W), got samples of shape (2,). Leave it out for points.",
        ),
        (
            "virtual_batch_norm",
            lambda: VirtualBatchNorm(Normal(5)).transform_g(nn.Linear(5, 4)),
            "replaces the BatchNorm of G, got a G without any. "
            "Use network=mlp or network=dcgan, or leave the technique out.",
        ),
    ],
)
def test_what_does_not_fit_a_technique_gets_one_whole_sentence(name, refusal, words):
    with pytest.raises(ValueError) as refused:
        refusal()
    assert str(refused.value) == f"technique={name} {words}"


def test_a_layer_that_d_has_not_gets_the_names_of_those_it_has():
    with pytest.raises(ValueError) as refused:
        FeatureMatching(layer="hidden").transform_d(with_norm())
    assert str(refused.value) == (
        "technique.feature_matching.layer must name a module of D, got 'hidden'. "
        "It has features, features.0, features.1."
    )


def plain(technique) -> dict[str, object]:
    kinds = int | float | str | dict | None
    return {k: v for k, v in vars(technique).items() if isinstance(v, kinds) and not k.startswith("_")}


@pytest.mark.parametrize("name", sorted(p.stem for p in (CONF / "technique").glob("*.yaml")))
def test_a_default_is_the_one_of_its_yaml(name):
    typed = OmegaConf.to_container(OmegaConf.load(CONF / "technique" / f"{name}.yaml"), resolve=False)[name]
    kind = get_object(typed.pop("_target_"))
    known = {} if kind.__init__ is object.__init__ else inspect.signature(kind.__init__).parameters
    assert set(typed) == set(known) - {"self"}
    of_yaml = {knob: value for knob, value in typed.items() if not str(value).startswith("${")}
    assert plain(of(kind)) == plain(of(kind, **of_yaml))
