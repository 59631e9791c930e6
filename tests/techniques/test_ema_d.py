"""The average of D: its values by hand, that it leaves the game alone, and its errors in curves and in evaluate."""

import json

import pytest
import torch
from conditional import batches, game
from conftest import TINY
from stopping import checkpoint, same, straight_and_stopped

import gan_lightning
from gan_lightning.config.compose import compose
from gan_lightning.core.classes import share_wrong
from gan_lightning.data.synthetic import Synthetic
from gan_lightning.game.loop import Loop
from gan_lightning.training.setup import train

WORDS = ["technique=[supervised,ema_d]", "data.labelled=20"]


def weights(D) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in D.parameters()])


def test_it_averages_d_after_each_of_its_steps_from_a_copy_on():
    gan = game(*WORDS, "technique.ema_d.decay=0.6", "technique.ema_d.warmup=2", "d_steps=2", "optimizer.lr=0.05")
    loop, expected = Loop(gan), torch.zeros(())
    for t in range(5):
        loop.step(*batches(1)[0])
        d = min(0.6, t / (t + 2))
        expected = d * expected + (1 - d) * weights(gan.D)
        average = gan.seats.averages_d()["ema_d"]
        assert torch.allclose(weights(average), expected, atol=1e-6)
    assert not torch.allclose(weights(gan.D), expected, atol=1e-3)
    assert list(gan.classifiers) == ["D", "ema_d"]
    assert list(gan.generators) == ["G"], "it is no average of G"
    assert not any(m.training for m in average.modules())


@pytest.mark.parametrize("network", ["mlp", "salimans2016"])
def test_the_game_is_bit_equal_without_it(network):
    words = ["network=salimans2016", "network.D.hidden=[8,6]"] if network == "salimans2016" else []
    one, other = (game(*words, f"technique=[supervised{more}]", WORDS[1]) for more in ("", ",ema_d"))
    for gan in (one, other):
        loop = Loop(gan)
        for _ in range(3):
            loop.step(*batches(1)[0])
    assert torch.equal(weights(one.D), weights(other.D))
    assert torch.equal(weights(one.G), weights(other.G))


def test_wrong_names_are_counted():
    class Given(torch.nn.Module):
        weight = torch.nn.Parameter(torch.zeros(()))

        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def class_logits(self, x):
            assert x.abs().max() <= 1
            assert not self.training
            return torch.stack([-x[:, 0], x[:, 0], 0.5 + 0 * x[:, 0]], 1)

    x = torch.tensor([[0], [255], [127], [255], [0]], dtype=torch.uint8)  # named 0, 1, 2, 1, 0
    D = Given()
    assert share_wrong(D, x, torch.tensor([0, 1, 2, 0, 1]), batch_size=2) == 0.4
    assert D.training


CURVES = ["evaluate_every=2", "log_every=2", "steps=4"]


def test_the_run_tells_the_errors_of_both_on_validation_images(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    train(compose("train", [*TINY, *WORDS, *CURVES]), run)
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    names = {name: f"metric/validation_error{'' if name == 'D' else '_' + name}" for name in ("D", "ema_d")}
    assert [line["step"] for line in found if names["D"] in line] == [2, 4]
    G = gan_lightning.load(run)
    assert list(G.classifiers) == ["D", "ema_d"]
    images = Synthetic(n=96, size=8).validation()
    for name, key in names.items():
        error = share_wrong(G.classifiers[name], images.images, images.labels)
        assert [line[key] for line in found if line["step"] == 4 and key in line] == [error]
    assert json.loads((run / "status.json").read_text())[names["D"]] == share_wrong(
        G.classifiers["D"], images.images, images.labels
    )


def test_a_game_without_classes_has_no_such_curve(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    train(compose("train", [*TINY, "technique=[ema_d]", *CURVES]), run)
    assert "validation_error" not in (run / "metrics.jsonl").read_text()
    assert gan_lightning.load(run).classifiers == {}


def test_it_is_saved_and_goes_on(tmp_path):
    cfg = compose("train", [*TINY, *WORDS, "steps=8"])
    one, other = (checkpoint(run)["state_dict"] for run in straight_and_stopped(tmp_path, cfg, 5))
    assert same(one, other)
    assert not torch.equal(one["techniques.ema_d.average.head.weight"], one["D.head.weight"])
