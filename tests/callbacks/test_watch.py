"""The watch's numbers by hand, that it changes nothing of the game, and that it judges with what the game has."""

import json
import math
from types import SimpleNamespace

import pytest
import torch
from conftest import CONV, TINY, EachStep
from stopping import checkpoint, lines, played, same, straight_and_stopped

from gan_lightning.callbacks import watch as watch_module
from gan_lightning.callbacks.diagnostics import Diagnostics, slope_of_g
from gan_lightning.callbacks.judging import judged, judging
from gan_lightning.config.compose import compose
from gan_lightning.losses.lsgan import LSGAN
from gan_lightning.losses.mmgan import MMGAN
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.losses.rpgan import RpGAN
from gan_lightning.metrics.discrimination import jensen_shannon_bound, pairs_in_order
from gan_lightning.metrics.diversity import mean_distance

WATCHED = ["evaluate_every=2", "log_every=1", "callbacks.watch.n=32"]
BARE = [o for o in TINY if not o.startswith(("network.", "data", "prior"))]
GAMES = {
    "dropout, spectral norm and an average": ["technique=[ema,spectral_norm]", "network.D.dropout=0.5", "d_steps=2"],
    "views that draw, packs and batch features": ["technique=[instance_noise,diff_augment,packing,minibatch_stddev]"],
    "a condition": ["condition=projection"],
    "labels": ["technique=[supervised]", "data.labelled=20"],
    "simultaneous": ["update=simultaneous", "loss=mmgan"],
}


# By hand ----------------------------------------------------------------------------------------------------


def test_pairs_in_order_by_hand():
    """Of six pairs (2, 0, 1) x (-1, 1): 2 over both, 0 over -1, 1 over -1 and as much as 1."""
    assert pairs_in_order(torch.tensor([2.0, 0.0, 1.0]), torch.tensor([-1.0, 1.0])) == pytest.approx(4.5 / 6)
    assert pairs_in_order(torch.ones(4), torch.ones(3)) == 0.5
    assert pairs_in_order(torch.tensor([3.0]), torch.tensor([-3.0])) == 1


def test_the_bound_is_the_divergence_for_the_best_d_and_below_it_for_others():
    """P = (3/4, 1/4) and Q = (1/4, 3/4): JSD = log 2 - H(1/4), with H the entropy, and D = P / (P + Q)."""
    real, fake = torch.tensor([1.0, 1.0, 1.0, -1.0]), torch.tensor([1.0, -1.0, -1.0, -1.0])
    jsd = math.log(2) + 0.75 * math.log(0.75) + 0.25 * math.log(0.25)
    assert jensen_shannon_bound(math.log(3) * real, math.log(3) * fake) == pytest.approx(jsd)
    assert jensen_shannon_bound(0.5 * real, 0.5 * fake) < jsd
    assert jensen_shannon_bound(2.0 * real, 2.0 * fake) < jsd
    assert jensen_shannon_bound(0 * real, 0 * fake) == pytest.approx(0, abs=1e-12)
    assert jensen_shannon_bound(real + 50, fake - 50) == pytest.approx(math.log(2))


def test_the_mean_distance_by_hand():
    """Of 0, 3 and 4 on a line: 3, 4 and 1; with labels only the pair of one label counts."""
    x = torch.tensor([[0.0], [3.0], [4.0]])
    assert mean_distance(x) == pytest.approx(8 / 3)
    assert mean_distance(x, torch.tensor([1, 1, 0])) == pytest.approx(3)
    assert mean_distance(torch.ones(5, 1, 2, 2)) == pytest.approx(0, abs=1e-6)
    assert math.isnan(mean_distance(x, torch.tensor([0, 1, 2])))


def test_the_slope_of_g_by_hand():
    """At logits 0 and log 3, D = 1/2 and 3/4: nsgan has the mean of 1 - D, mmgan that of D, lsgan that of |l - 1|."""
    real, fake = torch.zeros(2), torch.tensor([0.0, math.log(3)])
    assert slope_of_g(NSGAN(), real, fake).item() == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert slope_of_g(MMGAN(), real, fake).item() == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert slope_of_g(LSGAN(), real, fake).item() == pytest.approx((1 + math.log(3) - 1) / 2)
    assert slope_of_g(RpGAN(), real, fake).item() == pytest.approx((1 / 2 + 1 / 4) / 2)


def test_a_step_is_measured_against_the_weights_before_it():
    moved = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    moved.grad = torch.ones(2)
    module = SimpleNamespace(own_parameters={"D": [moved, torch.nn.Parameter(torch.ones(9))]})
    diagnostics = Diagnostics(1)
    diagnostics.before = {"D": [torch.tensor([3.0, 4.5])]}
    assert diagnostics.update_to_weight(module, "D").item() == pytest.approx(0.5 / math.hypot(3, 4.5))


# In the game ------------------------------------------------------------------------------------------------


def watched(folder, *words, name="with"):
    run = played(folder, compose("train", [*words, *WATCHED]), name)
    return run, {line["step"]: line for line in lines(run) if "d/accuracy_train" in line}


@pytest.mark.parametrize("kind", GAMES)
def test_with_and_without_the_watch_a_run_is_the_same_to_the_last_bit(tmp_path, kind):
    words = [*TINY, "~logger.tensorboard", *GAMES[kind]]
    run, looks = watched(tmp_path, *words)
    assert list(looks) == [2, 4, 6]
    plain = [o for o in WATCHED if not o.startswith("callbacks.watch")]
    other = played(tmp_path, compose("train", [*words, *plain, "~callbacks.watch"]), "without")
    one, two = checkpoint(run), checkpoint(other)
    assert same(one["state_dict"], two["state_dict"])
    assert same(one["optimizer_states"], two["optimizer_states"])
    assert [line for line in lines(run) if "d/accuracy_train" not in line] == lines(other)
    for line in looks.values():
        assert 0 <= line["d/accuracy_train"] <= 1
        assert 0 <= line["d/accuracy_held_out"] <= 1
        assert line["samples/diversity"] > 0
        assert line["samples/copied"] == 0
        assert ("d/jsd_lower_bound" in line) == ("packs" not in kind)


def test_batch_norm_of_d_sees_the_batch_and_keeps_its_averages(tmp_path):
    words = [o for o in CONV if "network" not in o and "channels" not in o]
    small = ["network=dcgan", "network.G.width=4", "network.D.width=4", "network.D.d_norm=batch", "data.size=28"]
    run, looks = watched(tmp_path, *BARE, "data=synthetic", "data.n=96", *small, *words)
    plain = compose("train", [*BARE, "data=synthetic", "data.n=96", *small, *words, *WATCHED[:2], "~callbacks.watch"])
    assert same(checkpoint(run)["state_dict"], checkpoint(played(tmp_path, plain, "without"))["state_dict"])
    assert all("d/jsd_lower_bound" not in line for line in looks.values()), "D does not judge each sample alone"


def test_judging_restores_modes_buffers_and_streams(play):
    seen = []

    def look(gan):
        before = {name: value.clone() for name, value in gan.D.state_dict().items()}
        modes, rng = [m.training for m in gan.D.modules()], gan.rng
        with judging(gan):
            norms = [m.training for m in gan.D.modules() if isinstance(m, torch.nn.BatchNorm1d)]
            seen.append((norms, [m.training for m in gan.D.modules() if isinstance(m, torch.nn.Dropout)]))
            judged(gan, torch.rand(32, 1, 8, 8), None, 16)
        assert gan.rng is rng
        assert [m.training for m in gan.D.modules()] == modes
        assert all(torch.equal(before[name], value) for name, value in gan.D.state_dict().items())

    each = EachStep(look)
    each.on_train_start = lambda trainer, module: module.D.features.append(torch.nn.BatchNorm1d(6))
    play("steps=2", "network.D.dropout=0.5", "technique=[]", callbacks=(each,))
    assert seen == [([True], [False, False])] * 2


def test_verdicts_are_of_whole_batches_of_the_games_size(play):
    sizes = []

    def look(gan):
        observe = gan.D.observe
        gan.D.observe = lambda x, y=None: (sizes.append(len(x)), observe(x, y))[1]
        with judging(gan):
            assert len(judged(gan, torch.rand(40, 1, 8, 8), None, 16)) == 32
        gan.D.observe = observe

    play("steps=1", callbacks=(EachStep(look),))
    assert sizes == [16, 16]


def test_the_samples_of_the_evaluation_are_used_again(tmp_path, monkeypatch):
    """Beside a judge nothing is drawn anew; each label's share is a curve, and those of a look sum to 1."""
    monkeypatch.setattr(watch_module, "draw", lambda *args: pytest.fail("drawn anew"))
    words = [*BARE, "network.G.hidden=[8,12]", "network.D.hidden=[12,6]", "data=digits", "~logger.tensorboard"]
    _, looks = watched(tmp_path, *words, "callbacks.evaluation.n=100")
    for line in looks.values():
        assert sum(line[f"labels/{k}"] for k in range(10)) == pytest.approx(1)
        assert line["labels/missing"] == sum(line[f"labels/{k}"] < 0.005 for k in range(10))


def test_points_have_no_copies_and_a_run_that_goes_on_has_the_same_curves(tmp_path):
    words = ["experiment=ring8", "trainer=cpu", "steps=8", "data.n=512", "data.n_test=100", "sample_every=0",
             "checkpoint_every=0", "callbacks.evaluation.n=50", "~logger.tensorboard", *WATCHED]  # fmt: skip
    straight, stopped = straight_and_stopped(tmp_path, compose("train", words), 5)
    assert lines(straight) == lines(stopped)
    looks = [line for line in lines(straight) if "d/accuracy_train" in line]
    assert [line["step"] for line in looks] == [2, 4, 6, 8]
    assert all("samples/copied" not in line and "d/jsd_lower_bound" not in line for line in looks), "points; rpgan"
    assert all(sum(line[f"labels/{k}"] for k in range(8)) == pytest.approx(1) for line in looks)


def test_without_held_out_images_what_needs_them_is_left_out(tmp_path, monkeypatch):
    def none(self):
        raise ValueError("no test images")

    monkeypatch.setattr("gan_lightning.data.synthetic.Synthetic.held_out", none)
    run, looks = watched(tmp_path, *TINY, "~logger.tensorboard")
    assert list(looks) == [2, 4, 6]
    need = {"d/accuracy_held_out", "d/jsd_lower_bound", "samples/copied"}
    assert all(not need & line.keys() for line in looks.values())
    assert json.loads((run / "status.json").read_text())["alarms"] == []
    assert not (run / "alarms.json").exists()


def test_the_distances_go_into_the_checkpoint_and_a_strangers_are_refused():
    watch = watch_module.Watch(1, 1, {})
    watch.distances = {20: 31.5, 40: 8.25}
    state = watch.state_dict()
    resumed = watch_module.Watch(1, 1, {})
    resumed.load_state_dict(state)
    assert resumed.distances == {20: 31.5, 40: 8.25}
    resumed.load_state_dict({"streaks": {}, "raised": []})
    assert resumed.distances == {}, "a checkpoint of before there were any"
    for odd in ([20], {"20": 31.5}, {20: "31.5"}, {20: True}):
        with pytest.raises(ValueError, match=r"its distances must be those of callbacks/watch.py, a number for each"):
            resumed.load_state_dict({**state, "distances": odd})
