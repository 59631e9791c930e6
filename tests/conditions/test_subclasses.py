"""Subclasses: how they are found and told apart by hand, what each player is told of them, and whole runs."""

import re

import pytest
import torch
from conditional import batches, game
from conftest import TINY
from stopping import checkpoint, lines, same, straight_and_stopped
from torch import nn

import gan_lightning
from gan_lightning.config.compose import compose
from gan_lightning.core.subclasses import Subclasses, SubclassGenerator
from gan_lightning.game.loop import Loop
from gan_lightning.latent.interpolate import between_classes
from gan_lightning.training.setup import train

SPOTS = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [0.5, 0.0], [4.5, 0.0], [0.5, 4.0]])  # three of each class
WORDS = [*TINY, "condition=discriminative", "condition.subclasses=2", "technique=[ema]"]


def points(each):
    """``each`` of the spots so many times, near it; the first three are of class 0."""
    x = torch.cat([spot.expand(n, 2) for spot, n in zip(SPOTS, each, strict=True)])
    y = torch.cat([torch.full((n,), i // 3) for i, n in enumerate(each)])
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    return (x + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(2)))[order], y[order]


def found(each=(10, 30, 20, 5, 6, 70)):
    subclasses = Subclasses(torch.tensor([sum(each[:3]), sum(each[3:])]), 3, (2,))
    subclasses.find(*points(each))
    return subclasses


def test_the_groups_of_each_class_are_found_the_largest_first():
    subclasses = found()
    assert subclasses.counts.tolist() == [[30, 20, 10], [70, 6, 5]]
    expected = SPOTS[[1, 2, 0, 5, 4, 3]].view(2, 3, 2)
    assert torch.allclose(subclasses.centres, expected, atol=0.1)
    again = found()
    assert torch.equal(again.centres, subclasses.centres)


def test_a_sample_belongs_to_the_nearest_centre_of_its_own_class():
    """Each spot of one class lies half a step from a spot of the other."""
    subclasses = found()
    y = torch.tensor([0, 0, 0, 1, 1, 1])
    assert subclasses.of(SPOTS, y).tolist() == [2, 0, 1, 5, 4, 3]
    assert subclasses.of(SPOTS, 1 - y).tolist() == [5, 4, 3, 2, 0, 1]


def test_images_are_compared_by_means_of_two_by_two_pixels():
    subclasses = Subclasses(torch.tensor([2]), 2, (1, 16, 16))
    assert subclasses.centres.shape == (1, 2, 64)
    assert Subclasses(torch.tensor([2]), 2, (1, 8, 8)).centres.shape == (1, 2, 64)
    subclasses.centres[0, 1] = 1.0
    checks = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0  # its means are all 1
    assert subclasses.of(checks.view(1, 1, 16, 16), torch.tensor([0])).tolist() == [1]


def test_more_groups_than_samples_of_a_class_are_refused():
    told = "condition.subclasses must not exceed the training samples of any class, got 3: class 1 has 2. Write "
    with pytest.raises(ValueError, match=re.escape(f"{told}condition.subclasses=2")):
        Subclasses(torch.tensor([30, 2]), 3, (2,))
    assert Subclasses(torch.tensor([30, 0, 3]), 3, (2,)).counts.shape == (3, 3), (
        "a class without samples is never drawn"
    )


class Copies(nn.Module):
    def forward(self, inputs):
        return inputs


@pytest.fixture
def G():
    G = SubclassGenerator(Copies(), nn.Embedding(6, 1), torch.tensor([60, 81]), 3)
    G.code.weight.data.copy_(torch.arange(6.0)[:, None])
    G.subclass_counts.copy_(torch.tensor([[20, 30, 10], [6, 70, 5]]))
    return G


def test_the_first_value_of_z_says_which_subclass_by_its_share_of_the_normal_law(G):
    """Class 0: a third, a half, a sixth; Phi(-0.43) = 0.333 and Phi(0.97) = 0.834."""
    z = torch.tensor([[-0.44, 7.0], [-0.42, 8.0], [0.96, 9.0], [0.98, 6.0]])
    assert G(z, torch.zeros(4).long()).tolist() == [[7, 0], [8, 1], [9, 1], [6, 2]]
    assert G(z, torch.ones(4).long())[:, 1].tolist() == [4, 4, 4, 4]
    z = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    for y in (0, 1):
        shares = torch.bincount(G(z, torch.full((20_000,), y))[:, 1].long() - 3 * y, minlength=3) / 20_000
        assert shares.tolist() == pytest.approx((G.subclass_counts[y] / G.subclass_counts[y].sum()).tolist(), abs=0.011)


def test_g_sees_the_rest_of_z_alone(G):
    z = torch.tensor([[0.0, 3.0], [0.1, 3.0]])
    one, other = G(z, torch.zeros(2).long())
    assert torch.equal(one, other)
    assert G.of_told(z, torch.tensor([5, 0])).tolist() == [[3, 5], [3, 0]]


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
@pytest.mark.parametrize("condition", ["auxiliary", "discriminative"])
def test_both_players_are_told_the_subclass_of_the_real_sample(condition, update):
    gan = game(f"condition={condition}", "condition.subclasses=3", f"update={update}")
    real, y = batches(1)[0]
    subclasses = gan.condition.within
    near = [real + 0.3 * torch.randn(real.shape, generator=torch.Generator().manual_seed(i)) for i in range(4)]
    subclasses.find(torch.cat([real, *near]), y.repeat(5))
    codes, plays = [], []
    gan.G.code.register_forward_hook(lambda module, inputs, output: codes.append(inputs[0].clone()))
    for seat in ("d_term", "g_term"):
        own = getattr(gan.condition, seat)
        setattr(gan.condition, seat, lambda play, rng, own=own: plays.append(play) or own(play, rng))
    Loop(gan).step(real, y)
    expected = subclasses.of(real, y)
    assert len(expected.unique()) > len(y.unique()), "several in a class"
    assert torch.equal(expected // 3, y)
    assert len(codes) == (2 if update == "alternating" else 1)
    assert all(torch.equal(told, expected) for told in [*codes, *(play.labels for play in plays)])
    assert all(torch.equal(play.fake_labels, expected) for play in plays)
    assert len(plays) == 2
    outputs = 3 * gan.condition.classes * (1 if condition == "auxiliary" else 2)
    assert gan.condition.class_head.out_features == outputs


def test_by_default_nothing_is_added():
    plain, one = (game("condition=auxiliary", *words).state_dict() for words in ([], ["condition.subclasses=1"]))
    assert plain.keys() == one.keys()
    assert not [key for key in plain if "subclass" in key or "centres" in key]


def test_a_run_goes_on_with_the_groups_it_began_with(tmp_path):
    runs = straight_and_stopped(tmp_path, compose("train", [*WORDS, "steps=6", "log_every=1"]), 4)
    one, other = (checkpoint(run)["state_dict"] for run in runs)
    assert same(one, other)
    assert lines(runs[0]) == lines(runs[1])
    counts = one["D.subclasses.counts"]
    assert counts.sum(1).tolist() == torch.bincount(torch.arange(96) % 10).tolist(), "the labels of data=synthetic"
    assert counts.min() > 0
    for name in ("G.subclass_counts", "techniques.ema.average.subclass_counts"):
        assert torch.equal(one[name], counts)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("subclasses") / "run"
    folder.mkdir()
    train(compose("train", WORDS), folder, WORDS)
    return folder


def test_a_game_that_begins_with_its_weights_has_the_groups_of_its_own_data(run, tmp_path):
    for folder, n in (("same", 96), ("others", 60)):
        (tmp_path / folder).mkdir()
        train(compose("train", [*WORDS, f"init={run}", f"data.n={n}"]), tmp_path / folder)
    theirs, same_data, others = (
        checkpoint(path)["state_dict"] for path in (run, tmp_path / "same", tmp_path / "others")
    )
    for key in ("D.subclasses.centres", "G.subclass_counts", "techniques.ema.average.subclass_counts"):
        assert torch.equal(theirs[key], same_data[key])
    assert others["G.subclass_counts"].sum() == 60


@pytest.mark.parametrize("generator", ["G", "ema"])
def test_loaded_it_takes_classes(run, generator):
    G = gan_lightning.load(run, generator)
    assert G.classes == 10
    assert G.labels(500).max() == 9
    z, y = G.z(40, 1), torch.full((40,), 7)
    named = G.G.subclasses(z, y)
    assert set(named.tolist()) == {14, 15}
    assert torch.equal(G.sample(40, seed=1, label=7), G.G.of_told(z, named))


def test_truncation_leaves_the_value_that_names_the_subclass(run, call, tmp_path):
    code, text = call("sample", f"run={run}", "label=3", "n=6", "truncation=0.5", f"out={tmp_path}/s")
    assert code == 0, text
    G = gan_lightning.load(run)
    whole = G.z(50, 1)
    for factor in (0.5, 1.5):
        z = G.z(50, 1, factor)
        assert torch.equal(z[:, 0], whole[:, 0])
        assert torch.equal(z[:, 1:], factor * whole[:, 1:])
        assert torch.equal(G.sample(50, 1, label=3, truncation=factor), G(z, torch.full((50,), 3)))


def test_on_the_way_from_class_to_class_z_keeps_its_subclasses(run):
    G = gan_lightning.load(run)
    z = G.z(1, 3)[0]
    samples = between_classes(G, z, 2, 5, torch.linspace(0, 1, 3))
    ends = G(z.expand(2, -1), torch.tensor([2, 5]))
    assert torch.allclose(samples[[0, 2]], ends, atol=1e-6)
    assert not torch.allclose(samples[1], samples[0], atol=1e-4)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["prior=uniform"], "condition.subclasses needs a z whose first value is normal"),
        (
            ["condition.subclasses=1000000000"],
            "must not exceed the training samples of any class, got 1000000000: class",
        ),
        (["condition.subclasses=0"], "condition.subclasses must be a whole number, 1 or more, got 0"),
        (
            ["condition.subclasses=10"],
            "condition.subclasses must not exceed the training samples of any class, got 10: ",
        ),
    ],
)
def test_wrong_numbers_are_told_before_anything_is_written(words, told, tmp_path):
    with pytest.raises(ValueError, match=re.escape(told)):
        train(compose("train", [*WORDS, *words]), tmp_path)
    assert [p.name for p in tmp_path.iterdir() if p.name != ".lock"] == []


def test_the_share_of_a_value_is_that_of_the_normal_law(G):
    """0.5 (1 + erf(v / sqrt 2)) = Phi(v): the ends of the stretches of class 0, by the standard library."""
    from statistics import NormalDist

    ends = [NormalDist().inv_cdf(share) for share in (20 / 60, 50 / 60)]
    values = torch.tensor([end + step for end in ends for step in (-1e-3, 1e-3)])
    assert G.subclasses(values[:, None], torch.zeros(4).long()).tolist() == [0, 1, 1, 2]
