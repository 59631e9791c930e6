"""The numbers of the curves, by hand: D's verdicts, the terms of both losses, and what a critic's score is called."""

import json
import math
from types import SimpleNamespace

import pytest
import torch
from conftest import TINY

from gan_lightning.callbacks.diagnostics import Diagnostics
from gan_lightning.callbacks.progress import numbers_line
from gan_lightning.config.build import make
from gan_lightning.config.compose import compose
from gan_lightning.config.where import CONF
from gan_lightning.core.play import Loss
from gan_lightning.losses.hinge import Hinge
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.losses.wgan import WGAN
from gan_lightning.training.setup import train

REAL, FAKE = torch.tensor([2.0, 0.0, 1.0]), torch.tensor([-1.0, -3.0])


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def measured(loss, terms=None, techniques=None, diagnostics=None, step=1):
    """What Diagnostics says of a step whose logits were REAL and FAKE."""
    player = torch.nn.Linear(1, 1)
    module = SimpleNamespace(
        loss=loss, adversarial_weight=1.0, D=player, G=player, d_steps_done=step,
        seats=SimpleNamespace(techniques=techniques or {}),
        g_steps_done=step, images_seen=3 * step, terms=terms or {"D": {}, "G": {}},
        latest={"loss/d": torch.tensor(0.7), "loss/g": torch.tensor(0.3), "real": REAL, "fake": FAKE},
    )  # fmt: skip
    trainer = SimpleNamespace(world_size=1, datamodule=SimpleNamespace(arrays=range(10)))
    diagnostics = diagnostics or Diagnostics(1)
    diagnostics.remember(SimpleNamespace(**{**vars(module), "d_steps_done": step - 1}))  # D has not moved yet
    return diagnostics.measure(trainer, module)


def test_log_odds_are_shown_as_probabilities_real_as_real_and_fake_as_fake():
    values = measured(NSGAN())
    assert values["d/real_prob"] == pytest.approx((sigmoid(2) + sigmoid(0) + sigmoid(1)) / 3, rel=1e-6)
    assert values["d/fake_prob"] == pytest.approx((sigmoid(-1) + sigmoid(-3)) / 2, rel=1e-6)
    assert not {"d/real_score", "d/fake_score", "d/wasserstein"} & set(values)
    assert "D(x) 0.704" in numbers_line(values)
    assert "D(G(z)) 0.158" in numbers_line(values)


class SaysNothing(Loss):
    def discriminator(self, real_logits, fake_logits):
        return real_logits.mean()

    def generator(self, real_logits, fake_logits):
        return fake_logits.mean()


@pytest.mark.parametrize("loss", [Hinge(), WGAN(), SaysNothing()], ids=["hinge", "wgan", "says nothing"])
def test_a_critic_has_scores_and_no_probability(loss):
    """A loss of somebody's own that does not say what its logits are gets what is true of any: their means."""
    values = measured(loss)
    assert values["d/real_score"] == pytest.approx(1.0)
    assert values["d/fake_score"] == pytest.approx(-2.0)
    assert not {"d/real_prob", "d/fake_prob"} & set(values)
    assert values.get("d/wasserstein") == (pytest.approx(3.0) if isinstance(loss, WGAN) else None)
    assert "D(x) 1.000  D(G(z)) -2.000" in numbers_line(values)


@pytest.mark.parametrize("file", sorted((CONF / "loss").glob("*.yaml")), ids=lambda f: f.stem)
def test_each_loss_says_what_its_logits_are(file):
    """Those whose D descends a cross-entropy of each sample have log-odds, the others scores."""
    loss = make(compose("train", [f"loss={file.stem}"]).loss)
    assert loss.logits == ("log_odds" if file.stem in ("nsgan", "mmgan") else "score")


def test_each_term_has_a_curve_of_its_own():
    terms = {
        "D": {"adversarial": torch.tensor(0.5), "r1": torch.tensor(0.2)},
        "G": {"feature_matching": torch.tensor(0.3)},
    }
    values = measured(NSGAN(), terms)
    found = {k: v for k, v in values.items() if k.startswith("loss/")}
    assert found == pytest.approx(
        {"loss/d": 0.7, "loss/g": 0.3, "loss/d_adversarial": 0.5, "loss/d_r1": 0.2, "loss/g_feature_matching": 0.3}
    )


def test_a_lazy_penalty_shows_its_last_computation_and_not_the_steps_between():
    diagnostics, techniques = Diagnostics(1), {"r1": SimpleNamespace(interval=2)}
    course = []
    for step, value in ((1, 0.2), (2, 0.0), (3, 0.4), (4, 0.0)):  # computed at D steps 0 and 2, counted from 0
        terms = {"D": {"r1": torch.tensor(value)}, "G": {}}
        course.append(measured(NSGAN(), terms, techniques, diagnostics, step)["loss/d_r1"])
    assert course == pytest.approx([0.2, 0.2, 0.4, 0.4])
    resumed = Diagnostics(1)
    resumed.load_state_dict(diagnostics.state_dict())
    terms = {"D": {"r1": torch.tensor(0.0)}, "G": {}}
    assert measured(NSGAN(), terms, techniques, resumed, 4)["loss/d_r1"] == pytest.approx(0.4)


def test_the_curves_of_a_run_with_a_critic_and_a_penalty(tmp_path):
    game = ["loss=wgan", "technique=[gradient_penalty]", "log_every=2"]
    train(compose("train", [*TINY, *game]), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6]
    for line in lines:
        assert line["loss/d"] == pytest.approx(line["loss/d_adversarial"] + line["loss/d_gradient_penalty"], rel=1e-4)
        assert line["loss/d_adversarial"] == pytest.approx(-line["d/wasserstein"], rel=1e-4)
        assert line["d/wasserstein"] == pytest.approx(line["d/real_score"] - line["d/fake_score"], abs=1e-6)
        assert "d/real_prob" not in line
