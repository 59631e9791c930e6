"""Faults that are planted in small games: each raises its alarm and no other; a game without one raises none."""

import json

import pytest
import torch
from conftest import EachStep
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan_lightning.callbacks.finite import NotFinite
from gan_lightning.config.compose import compose
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.data.arrays import Arrays
from gan_lightning.data.digits import Digits
from gan_lightning.training.setup import train

DIGITS = ["experiment=mlp", "data=digits", "data.size=28", "network.G.hidden=[32,64]", "network.D.hidden=[64,32]",
          "trainer=cpu", "~logger.tensorboard", "sample_every=0", "checkpoint_every=0", "checkpoint_seconds=0",
          "log_every=1", "steps=40", "evaluate_every=20", "callbacks.evaluation.n=200", "callbacks.watch.n=300",
          "callbacks.watch.limits.begin=1"]  # fmt: skip


def drawing(images, since=1):
    """From G step ``since`` on, G draws one of ``images`` ``[n, C, H, W]`` for each z, whatever it learns."""

    def look(gan):
        if gan.g_steps_done == since:
            learned = gan.G.forward

            def forward(z):
                rows = (z[:, 0].abs() * 1e4).long() % len(images)
                return images[rows] + 0 * learned(z)

            gan.G.forward = forward

    return EachStep(look)


def pixels(arrays, rows=slice(None)):
    return to_signed_range(arrays.images[rows])


def alarms(folder, words, *extra):
    """What alarms.json has of a run, whose status names the same."""
    status = train(compose("train", words), folder, extra_callbacks=extra)
    file = folder / "alarms.json"
    found = json.loads(file.read_text())["alarms"] if file.is_file() else []
    assert status["alarms"] == [one["alarm"] for one in found]
    assert json.loads((folder / "status.json").read_text())["alarms"] == status["alarms"]
    return found


def test_a_g_that_draws_one_picture(tmp_path, caplog):
    (alarm,) = alarms(tmp_path, DIGITS, drawing(pixels(Digits().train(), slice(1))))
    assert (alarm["alarm"], alarm["g_steps"], alarm["number"]) == ("alike", 40, "samples/diversity")
    assert alarm["value"] == pytest.approx(0, abs=1e-6)
    assert alarm["limit"] == 0.25
    assert "ALARM after 40 G steps: all samples look alike: two of them are 0% as far apart" in caplog.text
    assert "'technique=[packing]'" in alarm["words"]


def test_a_g_that_draws_one_digit_of_ten(tmp_path):
    test = Digits().test()
    (alarm,) = alarms(tmp_path, DIGITS, drawing(pixels(test, test.labels == 3)))
    assert (alarm["alarm"], alarm["value"]) == ("modes_missing", 9)
    assert "shows the digits 0, 1, 2, 4, 5, 6, 7, 8, 9 (each less than 10%" in alarm["words"]


def test_a_g_that_still_comes_nearer_is_given_time(tmp_path):
    """Noise until step 25, then one digit. At steps 40 and 60 the look at half of them saw noise; two more count."""
    test = Digits().test()
    (alarm,) = alarms(tmp_path, [*DIGITS, "steps=110"], drawing(pixels(test, test.labels == 3), since=25))
    assert (alarm["alarm"], alarm["g_steps"]) == ("modes_missing", 100)


def test_a_g_that_copies_training_images(tmp_path):
    (alarm,) = alarms(tmp_path, DIGITS, drawing(pixels(Digits().train())))
    assert (alarm["alarm"], alarm["number"]) == ("copied", "samples/copied")
    assert alarm["value"] > 0.95
    assert "samples copy the training set" in alarm["words"]


def test_a_g_that_draws_what_nobody_has_seen_raises_none(tmp_path):
    assert alarms(tmp_path, DIGITS, drawing(pixels(Digits().test()))) == []


def test_a_d_that_sees_500_images_only(tmp_path, monkeypatch):
    """G draws digits that D has not seen, so D can tell its training images by heart only."""
    everything = Digits().train()
    monkeypatch.setattr(Digits, "train", lambda self: Arrays(*everything[torch.arange(500)]))
    words = [*DIGITS, "network.D.hidden=[512,256]", "network.G.hidden=[8]", "optimizer.d.lr=1e-3", "steps=240",
             "evaluate_every=120"]  # fmt: skip
    (alarm,) = alarms(tmp_path, words, drawing(pixels(everything, slice(500, None))))
    assert (alarm["alarm"], alarm["number"]) == ("by_heart", "d/accuracy_held_out")
    assert alarm["value"] < alarm["limit"] < 0.9
    assert "D learns the data by heart" in alarm["words"]
    assert "'technique=[diff_augment]', 'technique=[r1]'" in alarm["words"]


@pytest.mark.parametrize("loss", ["mmgan", "nsgan"])
def test_a_d_that_is_far_ahead_leaves_nothing_of_g_with_mmgan(tmp_path, loss):
    words = [*DIGITS, f"loss={loss}", "d_steps=4", "optimizer.d.lr=2e-3", "optimizer.g.lr=1e-6", "steps=25",
             "evaluate_every=0"]  # fmt: skip
    found = alarms(tmp_path, words)
    if loss == "nsgan":
        assert found == []
        return
    (alarm,) = found
    assert (alarm["alarm"], alarm["number"]) == ("gradient_vanishes", "grad/g_slope")
    assert 0 < alarm["value"] < 0.01 == alarm["limit"]
    for words in ("With loss=mmgan G descends log(1 - D(G(z)))", "loss=nsgan", "instance_noise", "d_steps=1"):
        assert words in alarm["words"]


def test_a_learning_rate_of_10(tmp_path):
    with pytest.raises(NotFinite):
        alarms(tmp_path, [*DIGITS, "optimizer.lr=10"])
    (alarm,) = json.loads((tmp_path / "alarms.json").read_text())["alarms"]
    status = json.loads((tmp_path / "status.json").read_text())
    assert (alarm["alarm"], status["alarms"], status["status"]) == ("diverged", ["diverged"], "failed")
    assert alarm["words"] == f"the game has diverged. {status['error'].removeprefix('error: ')}"
    assert "Try a smaller learning rate" in alarm["words"]


def test_a_d_that_does_not_move_loses(tmp_path):
    """G, which alone learns, ranks its samples above D's training images."""
    words = [*DIGITS, "optimizer.d.lr=1e-9", "optimizer.g.lr=5e-3", "steps=60", "callbacks.watch.limits.diversity=1e-3"]
    (alarm,) = alarms(tmp_path, words)
    assert (alarm["alarm"], alarm["number"], alarm["limit"]) == ("d_lost", "d/accuracy_train", 0.45)
    assert alarm["value"] < 0.45


def test_a_healthy_game_raises_none(tmp_path):
    assert alarms(tmp_path, [*DIGITS[:-1], "evaluate_every=5"]) == []


def test_alarms_are_said_in_tensorboard_too(tmp_path):
    words = [w for w in DIGITS if w != "~logger.tensorboard"]
    (alarm,) = alarms(tmp_path, words, drawing(torch.zeros(1, 1, 28, 28)))
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    (said,) = events.Tensors("alarms/alike/text_summary")
    assert (said.step, said.tensor_proto.string_val[0].decode()) == (alarm["g_steps"], alarm["words"])
