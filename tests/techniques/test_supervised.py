"""The supervised term in the game: what D learns from the labelled batch, and that no other label reaches anybody."""

import pytest
import torch
from conditional import cfg_of, game
from conftest import TINY
from stopping import checkpoint, lines, same, straight_and_stopped
from torch import nn

import gan_lightning
from gan_lightning.config.build import build_data
from gan_lightning.config.compose import compose
from gan_lightning.core.classes import ClassDiscriminator
from gan_lightning.data.arrays import Arrays
from gan_lightning.data.labelled import balanced
from gan_lightning.data.synthetic import Synthetic
from gan_lightning.game.loop import Loop
from gan_lightning.training.setup import train

WORDS = ["technique=[supervised,ema]", "data.labelled=20"]
CPU = torch.device("cpu")


def batch():
    data = build_data(cfg_of(*WORDS))
    data.setup()
    real, y = data.arrays[torch.arange(16)]
    return real.float() / 127.5 - 1, y


def test_the_term_is_the_cross_entropy_of_the_labelled_batch_times_its_weight():
    gan = game(*WORDS, "technique.supervised.weight=0.7")
    gan.begin_step(CPU)
    terms = gan.discriminator_terms(*batch())
    x, y = gan.labelled.batch(batch()[0], 0)
    assert (len(x), x.min() >= -1, x.max() <= 1) == (16, True, True)
    l = gan.D.class_logits(x)  # noqa: E741
    expected = (l.logsumexp(1) - l[torch.arange(16), y]).mean()
    assert terms["supervised"].item() == pytest.approx(0.7 * expected.item(), rel=1e-5)
    assert terms["supervised"].item() > 0.5


def test_the_views_stand_before_the_labelled_batch_too():
    plain, noisy = (game(f"technique=[supervised{view}]", WORDS[1]) for view in ("", ",instance_noise"))
    for gan in (plain, noisy):
        gan.begin_step(CPU)
    one, other = (gan.discriminator_terms(*batch())["supervised"] for gan in (plain, noisy))
    assert abs(one - other) > 1e-5


def test_d_comes_to_know_the_classes_of_the_labelled_and_of_others():
    gan = game(*WORDS, "optimizer.lr=0.01", "steps=60")
    loop, real = Loop(gan), batch()
    for _ in range(60):
        loop.step(*real)
    test = Synthetic(n=100, size=8).test()
    named = gan.D.class_logits(test.images.float() / 127.5 - 1).argmax(1)
    assert (named == test.labels).float().mean() > 0.9


def played(folder, labels=None, *words):
    class Garbled(Synthetic):
        def train(self):
            images = super().train().images
            return Arrays(images, super().train().labels if labels is None else labels)

    Garbled.__module__, Garbled.__qualname__ = __name__, "Garbled"
    globals()["Garbled"] = Garbled
    cfg = compose("train", [*TINY, *WORDS, "log_every=1", *words])
    cfg.data._target_ = f"{__name__}.Garbled"
    folder.mkdir()
    train(cfg, folder)
    return checkpoint(folder), lines(folder)


def test_labels_of_all_others_reach_nobody(tmp_path, monkeypatch):
    """With garbage in their place, the run is the same to the last bit; with one labelled sample's wrong, it is not."""
    true = Synthetic(n=96, size=8).train().labels
    rows = balanced(true, 20, 0, "synthetic")
    monkeypatch.setattr("gan_lightning.data.arrays.balanced", lambda *_: rows)
    garbage = torch.randint(1000, (96,), generator=torch.Generator().manual_seed(9))
    garbage[rows] = true[rows]
    wrong = true.clone()
    wrong[rows[0]] += 1
    (first, curves), (other, its_curves), (changed, _) = (
        played(tmp_path / name, labels) for name, labels in (("true", None), ("garbage", garbage), ("wrong", wrong))
    )
    assert (garbage != true).sum() > 70
    assert same(first["state_dict"], other["state_dict"])
    assert same(first["optimizer_states"], other["optimizer_states"])
    assert curves == its_curves
    assert not same(first["state_dict"], changed["state_dict"])


def test_the_same_seed_is_the_same_run_and_another_subset_is_not(tmp_path):
    one, again, other = (
        played(tmp_path / str(i), None, f"data.labelled_seed={seed}")[0]["state_dict"]
        for i, seed in enumerate((0, 0, 1))
    )
    assert same(one, again)
    assert not same(one, other)


def test_going_on_is_bit_equal_to_never_having_been_stopped(tmp_path):
    cfg = compose("train", [*TINY, *WORDS, "steps=8", "d_steps=2", "log_every=1", "network.D.dropout=0.3"])
    runs = straight_and_stopped(tmp_path, cfg, 7)
    one, other = (checkpoint(run) for run in runs)
    assert one["counters"]["g_steps_done"] == 8
    assert same(one["state_dict"], other["state_dict"])
    assert same(one["optimizer_states"], other["optimizer_states"])
    assert lines(runs[0]) == lines(runs[1])
    assert torch.equal(one["state_dict"]["D.class_counts"], torch.full((10,), 2))
    assert not any("labelled" in name for name in one["state_dict"]), "the samples are not saved"
    G = gan_lightning.load(runs[0], "ema")
    assert G.sample(3).shape == (3, 1, 8, 8), "without the data"


NETWORKS = {"conv": ["network.G.width=4", "network.D.width=4", "network.G.hidden=8", "network.D.hidden=8"],
            "dcgan": ["network.G.width=4", "network.D.width=4"], "maxout": ["network.G.hidden=12"],
            "points": ["network.G.hidden=[8]", "network.D.hidden=[8]"]}  # fmt: skip


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("more", ["", ",feature_matching,weight_norm", ",r1,spectral_norm"])
def test_any_network_names_classes(network, more):
    gan = game(f"network={network}", *NETWORKS[network], f"technique=[supervised{more}]", "data.labelled=20")
    assert isinstance(gan.D, ClassDiscriminator)
    before = [p.detach().clone() for p in gan.D.head.parameters()]
    Loop(gan).step(*batch())
    assert any(not torch.equal(p, q) for p, q in zip(before, gan.D.head.parameters(), strict=True))
    if "spectral_norm" in more:
        last = [m for m in gan.D.head.modules() if isinstance(m, nn.Linear)][-1]
        assert nn.utils.parametrize.is_parametrized(last), "the new head is rescaled too"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["technique=[supervised]"], "technique=supervised learns the classes of labelled data"),
        (["data.labelled=20"], "data.labelled must be null in a game in which nothing learns labels, got 20"),
        ([*WORDS, "condition=projection"], "technique=supervised cannot be played with condition=projection: both pla"),
        (["technique=[supervised,packing]", WORDS[1]], "technique=packing cannot be played with data.labelled: its pa"),
        (["technique=[supervised]", "data.labelled=25"], "data.labelled must be a multiple of the 10 classes"),
        (["technique=[supervised]", "data.labelled=100"], "data.labelled must not exceed the 96 training samples of d"),
        (["technique=[supervised]", "data.labelled=0"], "data.labelled must be a whole number, 1 or more, got 0. Writ"),
        ([*WORDS, "data.labelled_seed=-1"], "data.labelled_seed must be a whole number from 0 to 4294967295, got -1"),
        ([*WORDS, "technique.supervised.weight=-1"], "technique.supervised.weight must be a number, 0 or more, got -1"),
    ],
)  # fmt: skip
def test_a_game_that_does_not_fit_is_refused_in_one_sentence(words, told, tmp_path):
    with pytest.raises(ValueError, match=f"^{told}") as refusal:
        train(compose("train", [*TINY, *words]), tmp_path)
    assert "\n" not in str(refusal.value)
    assert [p.name for p in tmp_path.iterdir() if p.name != ".lock"] == []


def test_the_mean_over_two_processes_is_the_term_of_one():
    """network=points without BatchNorm or dropout; the gradients' mean is what DDP takes."""
    words = ["network=points", "network.G.hidden=[8]", "network.D.hidden=[8]", "technique=[supervised]", WORDS[1]]
    gradients = []
    for rank, world in ((0, 1), (0, 2), (1, 2)):
        gan, (real, y) = game(*words), batch()
        part = slice(rank * 16 // world, (rank + 1) * 16 // world)
        gan.begin_step(CPU, rank, world)
        gan.discriminator_terms(real[part], y[part])["supervised"].backward()
        gradients.append(torch.cat([p.grad.flatten() for p in gan.D.parameters() if p.grad is not None]))
    one, first, second = gradients
    assert torch.allclose((first + second) / 2, one, rtol=0, atol=1e-6)
    assert (first - second).abs().max() > 1e-3
