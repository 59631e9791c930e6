"""D as a feature extractor: a linear classifier on its features of test images, beside one on pixels."""

import re

import pytest
import torch
from conftest import TINY
from torch import nn

import gan_lightning
from gan_lightning.config.compose import compose
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.play import Discriminator
from gan_lightning.core.rng import fixed_rows
from gan_lightning.data.digits import Digits
from gan_lightning.metrics.linear_probe import linear_probe
from gan_lightning.report.knowing import known_of
from gan_lightning.report.measuring import evaluate_runs
from gan_lightning.report.observed import features_of, known_of_real
from gan_lightning.training.setup import train

DIGITS = [o for o in TINY if not o.startswith("data")] + ["data=digits"]


def images(part):
    return to_signed_range(getattr(Digits(), part)().images)


def gauss(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


# By hand -----------------------------------------------------------------------------------------------------


def test_a_probe_finds_what_is_linear_in_the_features():
    """The class is where |x| lies: no line in x, one in |x|."""
    x, unseen = gauss(400, 1), gauss(300, 1, 1)
    y, right = ((part.abs() > 0.7).long().flatten() for part in (x, unseen))
    assert linear_probe(x, y, unseen, right, lambda x: x, penalty=1e-3)["probe_error"] > 0.3
    assert linear_probe(x, y, unseen, right, torch.abs, penalty=1e-3)["probe_error"] < 0.03
    swapped = linear_probe(x, y, unseen, 1 - right, torch.abs, penalty=1e-3)
    assert swapped["probe_error"] > 0.97


def test_two_points_and_their_middle():
    """Fitted to 0 at -1 and 1 at 1 the boundary is 0: of five test points two are wrong."""
    x, y = torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1])
    unseen, right = torch.tensor([[-3.0], [-0.1], [0.1], [2.0], [9.0]]), torch.tensor([0, 1, 1, 0, 1])
    assert linear_probe(x, y, unseen, right, lambda x: x) == {"probe_error": 0.4, "probe_images": 2}


def test_features_are_standardised_by_the_training_samples_alone():
    """A feature of any size and place counts the same, and one that never changes counts nothing."""
    x, unseen = gauss(200, 3), gauss(100, 3, 1)
    y, right = ((part[:, 0] + 0.3 * part[:, 1] > 0).long() for part in (x, unseen))
    plain = linear_probe(x, y, unseen, right, lambda x: x)
    scale, shift = torch.tensor([1e-3, 1.0, 1e3]), torch.tensor([5.0, -2.0, 7.0])
    assert linear_probe(x, y, unseen, right, lambda x: x * scale + shift) == plain
    assert linear_probe(x, y, unseen, right, lambda x: torch.cat([x, torch.ones(len(x), 1)], 1)) == plain
    order = unseen[:, 0].argsort()  # halves that are far from one another: what is asked does not move the scale
    halves = [linear_probe(x, y, unseen[rows], right[rows], lambda x: x) for rows in (order[:50], order[50:])]
    assert sum(half["probe_error"] for half in halves) / 2 == pytest.approx(plain["probe_error"], abs=1e-12)
    assert linear_probe(x, y, unseen + 3, right, lambda x: x)["probe_error"] > plain["probe_error"] + 0.2


def test_it_is_fitted_to_n_training_samples_of_a_fixed_permutation():
    x, y = gauss(50, 2), torch.arange(50) % 2
    seen = []
    got = linear_probe(x, y, x[:5], y[:5], lambda x: (seen.append(x), x)[1], n=20)
    assert got["probe_images"] == 20
    assert torch.equal(seen[0], x[fixed_rows(50, 20)])
    assert torch.equal(seen[1], x[:5])
    assert linear_probe(x, y, x, y, lambda x: x)["probe_images"] == 50


# D of a run --------------------------------------------------------------------------------------------------


class Noisy(Discriminator):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Dropout(0.5))
        self.head = nn.Linear(8, 1)


def test_features_are_of_d_in_eval_mode_flat_and_in_batches():
    D, x = Noisy().eval(), gauss(7, 4).view(7, 1, 2, 2)
    got = features_of(D, x, batch_size=3)
    assert got.shape == (7, 8)
    assert not got.requires_grad
    torch.testing.assert_close(got, D.features[0](x).flatten(1).detach())


def game(folder, *words):
    folder.mkdir()
    train(compose("train", [*DIGITS, *words]), folder)
    return folder


def test_evaluate_probes_the_discriminator_of_the_checkpoint_beside_the_pixels(tmp_path):
    run = game(tmp_path / "run", "condition=projection", "technique=[spectral_norm]", "network.D.dropout=0.5")
    words = [f"run={run}", "metrics=linear_probe", "metrics.linear_probe.metric.n=600"]
    (column,) = evaluate_runs(compose("evaluate", words))[run]["measured"]
    (values,) = column["values"].values()
    labels = Digits().train().labels, Digits().test().labels
    D = gan_lightning.load(run).D
    assert not D.training
    assert not any(p.requires_grad for p in D.parameters())
    of_d, of_pixels = (
        linear_probe(images("train"), labels[0], images("test"), labels[1], f, n=600)
        for f in (lambda x: features_of(D, x), lambda x: x.flatten(1))
    )
    assert values == of_d
    assert column["floor"] == of_pixels, "of the same training images, though the floor's samples are among them"
    assert of_pixels["probe_error"] < 0.1 < of_d["probe_error"], "six features after six steps"
    assert column["parameters"] == {"n": 600, "penalty": 100.0, "iterations": 1000, "n_train": 1500}


def test_the_discriminator_is_that_of_the_checkpoint(tmp_path):
    run = game(tmp_path / "run", "technique=[ema]")
    state = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    for generator in ("G", "ema"):
        D = gan_lightning.load(run, generator).D
        assert all(torch.equal(state[f"D.{name}"], value) for name, value in D.state_dict().items())
        assert known_of(gan_lightning.load(run, generator), 2, 0).discriminator(torch.zeros(2, 1, 28, 28)).shape == (
            2,
            6,
        )
    real = known_of_real(torch.zeros(3, 1, 2, 2), torch.zeros(3), 2)
    assert real.discriminator(torch.zeros(3, 1, 2, 2)).shape == (3, 4)


@pytest.mark.parametrize("words", [["condition=concat"], ["technique=[packing]"]])
def test_a_d_that_does_not_look_at_one_sample_alone_is_refused(words, tmp_path):
    run = game(tmp_path / "run", *words)
    told = (
        f"the metric linear_probe needs a D that looks at one sample alone, and that of "
        f"{run / 'checkpoints' / 'last.ckpt'} also sees its class, or other samples. Use metrics=default or "
        "metrics=fast."
    )
    assert gan_lightning.load(run).D is None
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        evaluate_runs(compose("evaluate", [f"run={run}", "metrics=linear_probe"]))
    assert not (run / "metrics.json").exists()
