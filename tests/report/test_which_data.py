"""Which data a number came from: train, validation and test are all images, and nobody would see them mixed up."""

import json
import tomllib
from pathlib import Path

import pytest
import torch
from conftest import TINY
from framed import below_heading

import gan_lightning
import gan_lightning.report.measuring
from gan_lightning.callbacks.evaluation import Evaluation
from gan_lightning.config.build import judge_of
from gan_lightning.config.compose import compose
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.rng import fixed_rows
from gan_lightning.data.digits import Digits
from gan_lightning.data.fashion_mnist import FashionMNIST
from gan_lightning.data.mixtures import grid25, ring8
from gan_lightning.data.mnist import MNIST
from gan_lightning.metrics.parzen import SIGMAS, log_likelihoods, parzen_log_likelihood
from gan_lightning.report.measuring import evaluate_runs
from gan_lightning.report.observed import Observed, as_pixels
from gan_lightning.report.pictures import grid
from gan_lightning.report.yardstick import Metric, Yardstick, build_metrics
from gan_lightning.training.setup import train

ROOT = Path(__file__).parent.parent.parent
DIGITS = [o for o in TINY if not o.startswith("data")] + ["data=digits"]
EVERYTHING = ("train_images", "validation_images", "test_images", "fake_images")


def rows(arrays):
    return {row.numpy().tobytes() for row in arrays.images}


# The datasets ----------------------------------------------------------------------------------------------


@pytest.fixture
def numbered(monkeypatch):
    """MNIST's files without MNIST: the picture of row i says i, and which of the two files it is of."""

    def read(self, train):
        n = 60_000 if train else 10_000
        i = torch.arange(n)
        which = torch.full((n,), 0 if train else 1)
        return torch.stack([i % 256, i // 256, which, which], 1).byte().view(n, 1, 2, 2), i

    monkeypatch.setattr(MNIST, "_read", read)


@pytest.mark.parametrize("source", [MNIST, FashionMNIST])
def test_the_parts_of_mnist(numbered, source):
    held_out, whole = source(split="train50k"), source()
    assert held_out.train().labels.tolist() == list(range(50_000))
    assert whole.train().labels.tolist() == list(range(60_000))
    for s in (held_out, whole):
        assert s.validation().labels.tolist() == list(range(50_000, 60_000))
        assert len(rows(s.test())) == 10_000
        assert not rows(s.test()) & rows(s.train())
        assert not rows(s.test()) & rows(s.validation())
    assert not rows(held_out.train()) & rows(held_out.validation())
    assert rows(whole.validation()) < rows(whole.train()), "train60k: they are training images, as its page says"


def test_the_parts_of_digits():
    source = Digits()
    train, validation, test = source.train(), source.validation(), source.test()
    assert (len(train), len(validation), len(test)) == (1500, 300, 297)
    assert not rows(test) & rows(train)
    assert not rows(test) & rows(validation)
    assert torch.equal(validation.images, train.images[-300:]), "the last 300 training images, as its page says"
    assert torch.equal(validation.labels, train.labels[-300:])
    means = torch.stack([train.images[train.labels == c].double().mean(0) for c in range(10)]).flatten(1)
    nearest = torch.cdist(test.images.double().flatten(1), means).argmin(1)
    assert (nearest == test.labels).double().mean() > 0.85, "each label is that of its image"


@pytest.mark.parametrize("source", [ring8(n=5000), grid25(n=5000)], ids=["ring8", "grid25"])
def test_the_parts_of_a_mixture(source):
    train, validation, test = rows(source.train()), rows(source.validation()), rows(source.test())
    assert (len(train), len(validation), len(test)) == (5000, 2500, 2500)
    assert not train & validation
    assert not train & test
    assert not validation & test


# evaluate --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose average differs from its G by far, with pictures."""
    folder = tmp_path_factory.mktemp("run")
    game = ["technique=[ema]", "technique.ema.warmup=1", "technique.ema.decay=0.9", "optimizer.lr=0.02", "steps=12"]
    train(compose("train", [*DIGITS, *game, "evaluate_every=6", "sample_every=12"]), folder)
    return folder


def images(part):
    return to_signed_range(getattr(Digits(), part)().images)


@pytest.mark.parametrize("n", [None, 50])
def test_evaluate_shows_each_metric_the_data_that_it_names(run, monkeypatch, n):
    """And the floor real training images, with the training set without them."""
    seen = []

    def stub(*looked_at):
        seen.append(dict(zip(EVERYTHING, looked_at, strict=True)))
        return 0.0

    monkeypatch.setattr(gan_lightning.report.measuring, "build_metrics", lambda cfg: [Metric("stub", EVERYTHING, stub)])
    evaluate_runs(compose("evaluate", [f"run={run}", *([f"n={n}"] if n else [])]))
    *drawn, floor = seen
    test = images("test") if n is None else images("test")[fixed_rows(297, n)]
    for looked_at in seen:
        assert torch.equal(looked_at["test_images"], test)
        assert torch.equal(looked_at["validation_images"], images("validation"))
    count = n or 297
    for looked_at in drawn:
        assert torch.equal(looked_at["train_images"], images("train"))
    assert torch.equal(floor["fake_images"], images("train")[:count])
    assert torch.equal(floor["train_images"], images("train")[count:])
    checkpoints = run / "checkpoints"
    generators = [(checkpoints / "last.ckpt", "G"), (checkpoints / "last.ckpt", "ema"),
                  (checkpoints / "best.ckpt", "G"), (checkpoints / "best-ema.ckpt", "ema")]  # fmt: skip
    expected = [as_pixels(gan_lightning.load(*g).sample(count, 1)) for g in generators]
    different = [x for i, x in enumerate(expected) if not any(torch.equal(x, y) for y in expected[:i])]
    assert len(different) >= 2, "or the average is not told from G"
    assert len(drawn) == len(different)
    assert all(torch.equal(a["fake_images"], b) for a, b in zip(drawn, different, strict=True))


def test_the_default_metrics_look_at_the_test_set():
    """Only memorisation looks at training images, only Parzen's windows at validation images, which choose sigma."""
    for choice in ("default", "fast", "points", "inception"):
        for name, node in compose("evaluate", [f"metrics={choice}"]).metrics.items():
            if node is None:
                continue
            real = [of for of in node.of if not of.startswith("fake_")]
            kinds = {of.split("_")[0] for of in real}
            assert kinds <= {"test"} | {"memorisation": {"train"}, "parzen": {"validation"}}.get(name, set()), name
            assert node.of[-1].startswith("fake_"), "real before fake"


def test_fewer_than_the_test_images_are_drawn_by_a_fixed_permutation():
    """The first n of a file need not be like the others: MNIST's two halves are 1.59 apart."""
    yardsticks = [Yardstick(Digits(), [], n=100) for _ in range(2)]
    test = images("test")
    for yardstick in yardsticks:
        shown = yardstick.real["test"].images
        assert torch.equal(shown, test[fixed_rows(297, 100)])
        assert not torch.equal(shown, test[:100])
        assert yardstick.protocol["rows"] == "100 of 297, by a fixed permutation"
    assert fixed_rows(297, 100).unique().numel() == 100
    assert torch.equal(fixed_rows(297, 50), fixed_rows(297, 100)[:50]), "fewer are some of the more"
    whole = Yardstick(Digits(), [], n=297)
    assert torch.equal(whole.real["test"].images, test)
    assert whole.protocol["rows"] == "all"


# Parzen's sigma --------------------------------------------------------------------------------------------


def test_sigma_is_chosen_on_validation_images_and_the_value_is_of_test_images():
    """Validation images are close to the windows, test images far: each alone would choose another width."""
    generator = torch.Generator().manual_seed(0)
    fake = torch.rand(40, 1, 2, 2, generator=generator) * 2 - 1
    near = fake[:30] + 0.02 * torch.randn(30, 1, 2, 2, generator=generator)
    far = fake[:30] + 0.8 * torch.randn(30, 1, 2, 2, generator=generator)

    def best(x):
        flat = ((t + 1) / 2 for t in (fake, x))
        samples, points = (t.flatten(1) for t in flat)
        return SIGMAS[int(log_likelihoods(samples, points, SIGMAS).mean(1).argmax())]

    assert best(near) < best(far), "or this test shows nothing"
    got = parzen_log_likelihood(near, far, fake)
    assert got["parzen_sigma"] == best(near)
    value = log_likelihoods(((fake + 1) / 2).flatten(1), ((far + 1) / 2).flatten(1), (best(near),)).mean().item()
    assert got["parzen_ll"] == pytest.approx(value)


def test_the_configured_parzen_is_given_validation_before_test():
    (parzen,) = (m for m in build_metrics(compose("evaluate").metrics) if m.name == "parzen")
    parts = {name: images(name)[:60] for name in ("train", "validation", "test")}
    fake = images("train")[100:200]
    observed = {name: Observed(x, None) for name, x in {**parts, "fake": fake}.items()}
    right = parzen_log_likelihood(parts["validation"], parts["test"], fake)
    assert parzen(observed) == right != parzen_log_likelihood(parts["test"], parts["validation"], fake)


# The average -----------------------------------------------------------------------------------------------


def test_load_gives_the_average_for_its_name_and_g_for_g(run):
    state = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    for name, prefix in (("G", "G."), ("ema", "techniques.ema.average.")):
        own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        loaded = gan_lightning.load(run, name).G.state_dict()
        assert own.keys() == loaded.keys()
        assert all(torch.equal(own[k], loaded[k]) for k in own), name
    live, average = (gan_lightning.load(run, name).sample(8) for name in ("G", "ema"))
    assert (live - average).abs().mean() > 0.01
    with pytest.raises(ValueError) as refused:
        gan_lightning.load(run, "mean")
    assert str(refused.value) == (
        f"generator=mean is not in {run / 'checkpoints' / 'last.ckpt'}, which has G and ema. Choose one of them; "
        "an average is kept by training with technique=[ema]."
    )


def test_the_pictures_of_the_average_are_of_the_average(run):
    for name, folder in (("G", run / "samples"), ("ema", run / "samples/ema")):
        drawn = torch.from_numpy(below_heading(folder / "0000012.png", 242, 242)).int()
        wanted = (grid(gan_lightning.load(run, name).sample(64, seed=0))[0] * 255).add(0.5).clamp(0, 255).int()
        assert (drawn - wanted).abs().max() <= 1, name
        other = grid(gan_lightning.load(run, "ema" if name == "G" else "G").sample(64, seed=0))[0] * 255
        assert (drawn - other).abs().max() > 20, "or this test shows nothing"


def test_the_curves_of_the_average_are_of_the_average(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    (last,) = (line for line in lines if line["step"] == 12 and "metric/fd_judge" in line)
    evaluation = Evaluation()
    evaluation.judge = judge_of("digits")
    evaluation.see(images("validation"))
    for name, suffix in (("G", ""), ("ema", "_ema")):
        samples = gan_lightning.load(run, name).sample(1000, seed=12345)
        numbers = evaluation.numbers_of(*evaluation.judge(samples))
        for key in ("metric/fd_judge", "metric/coverage_judge", "metric/classifier_score"):
            assert last[f"{key}{suffix}"] == pytest.approx(numbers[key], rel=1e-4), (name, key)
    assert last["metric/fd_judge"] != pytest.approx(last["metric/fd_judge_ema"], rel=1e-2)


# The package -----------------------------------------------------------------------------------------------


def test_each_verb_has_its_script():
    """gan-results was not among them. A command that is one file may do without."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    verbs = {p.stem for p in (ROOT / "conf").glob("*.yaml")}
    tops = {name: ROOT / "gan_lightning" / f"{name}.py" for name in verbs}
    one_file = {name for name, top in tops.items() if top.is_file() and f'verb("{name}", "' not in top.read_text()}
    assert verbs - one_file <= {name.removeprefix("gan-") for name in scripts} <= verbs
    for name, target in scripts.items():
        module = target.split(":")[0].removesuffix(".__main__")
        assert module == f"gan_lightning.{name.removeprefix('gan-')}"
