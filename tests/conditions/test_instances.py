"""Features of training samples: found and told by hand, what each player sees of them, and whole runs."""

import re

import pytest
import torch
import torch.nn.functional as F
from conditional import batches, game
from conftest import TINY
from stopping import checkpoint, lines, same, straight_and_stopped
from torch import nn

import gan_lightning
from gan_lightning.config.build import build_data
from gan_lightning.config.compose import compose
from gan_lightning.core.instances import InstanceGenerator, Instances, kept, unkept
from gan_lightning.core.rng import Stream
from gan_lightning.game.loop import Loop
from gan_lightning.latent.interpolate import between_classes
from gan_lightning.training.setup import train

SMALL = [*TINY, "condition=instance", "condition.features=2"]
WORDS = [*SMALL, "technique=[ema]"]
TURN = torch.tensor([[0.6, 0.8], [-0.8, 0.6]])  # the directions along which points vary


def points():
    """Points around (1, 2) with deviations of 3 and 0.5 along the rows of TURN, and two classes."""
    x = torch.randn(400, 2, generator=torch.Generator().manual_seed(1))
    x = (x - x.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov(correction=0))).T  # exactly N(0, I)'s moments
    return (x * torch.tensor([3.0, 0.5])) @ TURN + torch.tensor([1.0, 2.0]), torch.arange(400) % 3 % 2


def found(features=2, noise=0.3):
    instances = Instances((2,), features, noise)
    instances.find(*points())
    return instances


def test_features_are_principal_components_the_largest_first_of_variance_1():
    x, _ = points()
    h = found().features(x)
    assert h.mean(0).tolist() == pytest.approx([0, 0], abs=1e-5)
    torch.testing.assert_close(h.T @ h / len(h), torch.eye(2), rtol=0, atol=0.01)
    along = (x - torch.tensor([1.0, 2.0])) @ TURN.T / torch.tensor([3.0, 0.5])
    assert (h * along).mean(0).abs().tolist() == pytest.approx([1, 1], abs=0.01)


def test_one_component_holds_its_share_of_the_variance():
    instances = found(features=1)
    assert float(instances.explained) == pytest.approx(9 / 9.25, rel=1e-4)
    assert instances.found() == "each sample is told by its class and 1 features, 97% of the data's variance"
    assert torch.equal(instances.components, found(features=1).components)


def test_what_is_told_is_the_class_and_the_features_with_noise_of_the_stream():
    x, y = points()
    told = found(noise=0.3).of(x, y, Stream(5, 2, "told"))
    assert told.shape == (400, 3)
    assert torch.equal(told[:, 0], y.float())
    torch.testing.assert_close(told[:, 1:], found().features(x) + 0.3 * Stream(5, 2, "told").normal(400, 2))
    assert torch.equal(found(noise=0).of(x, y, Stream(5))[:, 1:], found().features(x))


def test_features_of_the_training_samples_are_kept_class_after_class():
    x, y = points()
    instances = found()
    expected = torch.cat([instances.features(x[y == 0]), instances.features(x[y == 1])])
    assert instances.of_samples.dtype == torch.uint8
    assert 2 < expected.abs().max() < 7.9
    torch.testing.assert_close(unkept(instances.of_samples, x), expected, rtol=0, atol=1.001 / 32)


def test_a_sample_far_away_is_kept_at_the_end_of_the_scale():
    x = torch.zeros(5000, 2)
    x[0, 0], x[1, 0] = 1e4, -1e4
    instances = Instances((2,), 1, 0.0)
    instances.find(x, torch.zeros(5000).long())
    assert instances.features(x)[:2].abs().min() > 49
    assert sorted(instances.of_samples[:2].flatten().tolist()) == [0, 255]


def test_images_are_compared_by_means_of_two_by_two_pixels():
    assert Instances((1, 16, 16), 2, 0.0).components.shape == (64, 2)
    assert Instances((1, 8, 8), 2, 0.0).components.shape == (64, 2)


class Copies(nn.Module):
    def forward(self, inputs):
        return inputs


@pytest.fixture
def G():
    """Three training samples of class 0 and two of class 1, with two features; z = [u, e, z'] of five values."""
    G = InstanceGenerator(Copies(), nn.Embedding(2, 1), torch.tensor([3, 2]), 2, 0.5)
    G.code.weight.data.copy_(torch.tensor([[70.0], [80.0]]))
    G.of_samples.copy_(kept(torch.tensor([[1, -1], [2, -2], [3, -3], [4, -4], [5, -5]]) + 0.5))
    return G


def test_the_first_value_of_z_says_which_sample_of_the_class(G):
    """Thirds and halves of the normal law: Phi(-0.43) = 0.333, Phi(0.43) = 0.667, Phi(0) = 0.5."""
    u = torch.tensor([-9.0, -0.44, -0.42, 0.42, 0.44, 9.0])
    assert G.instances(u, torch.zeros(6).long()).tolist() == [0, 0, 1, 1, 2, 2]
    assert G.instances(u, torch.ones(6).long()).tolist() == [3, 3, 3, 4, 4, 4]
    z = torch.randn(20_000, 5, generator=torch.Generator().manual_seed(0))
    shares = torch.bincount(G.instances(z[:, 0], torch.zeros(20_000).long()), minlength=5) / 20_000
    assert shares.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 0], abs=0.011)


def test_g_sees_the_end_of_z_the_class_and_the_features_with_noise_of_the_next_values(G):
    z = torch.tensor([[-1.0, 0.2, 0.4, 7.0, 8.0], [1.0, 0.0, -2.0, 7.0, 8.0]])
    expected = torch.tensor([[7, 8, 70, 1.6, -0.3], [7, 8, 80, 5.5, -5.5]])
    torch.testing.assert_close(G(z, torch.tensor([0, 1])), expected)
    told = torch.tensor([[1.0, 0.1, 0.2], [0.0, 0.3, 0.4]])
    torch.testing.assert_close(G.of_told(z, told), torch.tensor([[7, 8, 80, 0.1, 0.2], [7, 8, 70, 0.3, 0.4]]))


def test_a_class_without_samples_is_drawn_like_a_neighbour():
    G = InstanceGenerator(Copies(), nn.Embedding(3, 1), torch.tensor([0, 2, 0]), 1, 0.0)
    assert G.instances(torch.zeros(3), torch.arange(3)).tolist() == [0, 1, 1]


def test_a_file_that_counts_more_samples_than_it_has_leads_to_none_beyond_them(G):
    G.class_counts.copy_(torch.tensor([10**9, 2**62]))
    assert G.instances(torch.tensor([5.0, 5.0]), torch.tensor([0, 1])).tolist() == [4, 4]


def of_the_data(*words):
    """A tiny game, and a batch."""
    return game("condition=instance", "condition.features=3", *words), *batches(1)[0]


def test_d_adds_the_product_of_its_features_with_those_of_the_sample():
    gan, real, y = of_the_data()
    gan.begin_step(torch.device("cpu"))
    told = gan.told(real, y)
    features, logits = gan.D.observe(real, told)
    by_hand = gan.D.head(features).flatten() + torch.einsum("nf,fw,nw->n", told[:, 1:], gan.D.match.weight.T, features)
    torch.testing.assert_close(logits, by_hand)
    assert not torch.allclose(logits, gan.D.head(features).flatten(), atol=1e-3)


def test_d_given_classes_alone_takes_the_features_of_x_itself():
    gan, real, y = of_the_data("condition.noise=0")
    gan.begin_step(torch.device("cpu"))
    torch.testing.assert_close(gan.D(real, y), gan.D(real, gan.told(real, y)))


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_both_players_are_told_the_features_of_the_real_sample(update):
    gan, real, y = of_the_data(f"update={update}")
    given, plays = [], []
    gan.G.G.register_forward_hook(lambda module, inputs, output: given.append(inputs[0][:, -3:].clone()))
    for seat in ("d_term", "g_term"):
        own = getattr(gan.condition, seat)
        setattr(gan.condition, seat, lambda play, rng, own=own: plays.append(play) or own(play, rng))
    Loop(gan).step(real, y)
    h = gan.condition.within.features(real)
    if update == "simultaneous":
        plays.reverse()  # G's half is the first
        given = given * 2
    noise = [play.labels[:, 1:] - h for play in plays]
    for play, seen in zip(plays, given, strict=True):
        assert torch.equal(play.labels[:, 0].long(), y)
        assert torch.equal(play.labels, play.fake_labels)
        assert torch.equal(play.labels[:, 1:], seen)
    assert all(0.2 < float(each.std()) < 0.4 for each in noise)
    fresh = update == "alternating"  # each half has noise of its own; in a simultaneous step both have the same
    assert torch.equal(*noise) != fresh


def test_the_class_head_names_the_class():
    gan, real, y = of_the_data()
    gan.begin_step(torch.device("cpu"))
    told = gan.told(real, y)
    play = gan.play("D", real, gan.fakes(real, told, "z/D"), told)
    l_real, l_fake = (gan.condition.outputs(x) for x in (play.real_features, play.fake_features))
    expected = F.cross_entropy(l_real, y) + F.cross_entropy(l_fake, y + 10)
    torch.testing.assert_close(gan.condition.d_term(play, gan.rng["instance"]), expected)
    torch.testing.assert_close(
        gan.condition.g_term(play, gan.rng["instance"]),
        (l_fake.gather(1, y[:, None] + 10) - l_fake.gather(1, y[:, None])).mean(),
    )


def test_a_run_goes_on_with_the_features_it_began_with(tmp_path):
    runs = straight_and_stopped(tmp_path, compose("train", [*WORDS, "steps=6", "log_every=1"]), 4)
    one, other = (checkpoint(run)["state_dict"] for run in runs)
    assert same(one, other)
    assert lines(runs[0]) == lines(runs[1])
    of_samples = one["G.of_samples"]
    assert of_samples.shape == (96, 2)
    assert unkept(of_samples, torch.zeros(())).std(0).tolist() == pytest.approx([1, 1], rel=0.02)
    assert torch.equal(one["techniques.ema.average.of_samples"], of_samples)
    assert not [name for name in one if name.startswith("D.") and "samples" in name], "a D does without"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("instances") / "run"
    folder.mkdir()
    train(compose("train", WORDS), folder, WORDS)
    return folder


def test_a_game_that_begins_with_its_weights_has_the_samples_of_its_own_data(run, tmp_path):
    for folder, n in (("same", 96), ("others", 60)):
        (tmp_path / folder).mkdir()
        train(compose("train", [*WORDS, f"init={run}", f"data.n={n}", "steps=1"]), tmp_path / folder)
    theirs, same_data, others = (
        checkpoint(path)["state_dict"] for path in (run, tmp_path / "same", tmp_path / "others")
    )
    assert torch.equal(theirs["G.of_samples"], same_data["G.of_samples"])
    for name in ("D.instances.components", "D.instances.mean", "D.instances.explained"):
        assert torch.equal(theirs[name], others[name]), "its weights know these axes"
    assert others["G.of_samples"].shape == (60, 2)
    data = build_data(compose("train", [*WORDS, "data.n=60"]))
    data.setup()
    instances = Instances((1, 8, 8), 2, 0.3)
    instances.load_state_dict({name[len("D.instances.") :]: v for name, v in theirs.items() if "D.instances." in name})
    instances.find(data.arrays.images, data.arrays.labels)
    assert torch.equal(others["G.of_samples"], instances.of_samples)


@pytest.mark.parametrize("generator", ["G", "ema"])
def test_loaded_it_takes_classes(run, generator):
    G = gan_lightning.load(run, generator)
    z, y = G.z(40, 1), torch.full((40,), 7)
    assert G.classes == 10
    assert set(G.G.instances(z[:, 0], y).tolist()) <= set(range(69, 78)), "six classes of ten samples, then of nine"
    h = G.G.parts(z, y)[1][:, -2:]
    assert torch.equal(G.sample(40, seed=1, label=7), G.G.of_told(z, torch.cat([y[:, None].float(), h], 1)))


def test_truncation_leaves_the_value_that_names_the_sample(run):
    G = gan_lightning.load(run)
    whole, narrow = G.z(50, 1), G.z(50, 1, 0.5)
    assert torch.equal(narrow[:, 0], whole[:, 0])
    assert torch.equal(narrow[:, 1:], 0.5 * whole[:, 1:])


def test_on_the_way_from_class_to_class_ends_are_samples(run):
    G = gan_lightning.load(run)
    z = G.z(1, 3)[0]
    samples = between_classes(G, z, 2, 5, torch.linspace(0, 1, 3))
    assert torch.allclose(samples[[0, 2]], G(z.expand(2, -1), torch.tensor([2, 5])), atol=1e-6)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["prior=uniform"],
            "condition=instance needs a z whose first 3 values are normal, since those say which training sample and "
            "how far from it, got z ~ U(-1.0, 1.0). Write prior=normal.",
        ),
        (
            ["prior=categorical", "prior.classes=3"],
            "normal, since those say which training sample and how far from it, g",
        ),
        (
            ["condition.features=4"],
            "condition.features must be at most prior.dim - 2, since the first values of z say which training sample "
            "and how far from it, got 4 with prior.dim=5. Write prior.dim=68.",
        ),
        (
            ["condition.features=8"],
            "condition.features must be at most prior.dim - 2, since the first values of z say wh",
        ),
        (
            ["condition.features=65", "prior.dim=80"],
            "condition.features must not exceed the values of a sample, got 65 of 64. Write condition.features=64",
        ),
        (
            ["condition.features=20", "prior.dim=80", "data.n=12", "batch_size=4"],
            "condition.features must not exceed the directions in which training samples differ, got 20 of 12 samples.",
        ),
        (["condition.features=0"], "condition.features must be a whole number, 1 or more, got 0"),
        (["condition.noise=-1"], "condition.noise must be a number, 0 or more, got -1"),
    ],
)
def test_wrong_numbers_are_told_before_anything_is_written(words, told, tmp_path):
    with pytest.raises(ValueError, match=re.escape(told)):
        train(compose("train", [*SMALL, *words]), tmp_path)
    assert [p.name for p in tmp_path.iterdir() if p.name != ".lock"] == []
