"""Each study in small: its numbers are right, its figure is there, its command works."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from tqdm import tqdm

from gan_lightning.config.build import judge_of
from gan_lightning.config.compose import compose
from gan_lightning.config.shipped import known_targets
from gan_lightning.config.where import CONF
from gan_lightning.data.arrays import GANData
from gan_lightning.data.digits import Digits
from gan_lightning.game.loop import Loop
from gan_lightning.studies import (
    density_game,
    dirac,
    line,
    mode_coverage,
    optimal_discriminator,
    perfect_discriminator,
    saturation,
)
from gan_lightning.studies.line import LineMixture


@pytest.fixture
def bar():
    with tqdm(disable=True) as bar:
        yield bar


def is_a_picture(path) -> bool:
    with Image.open(path) as picture:
        return len(np.unique(np.asarray(picture.convert("L")))) > 20


def test_dirac_tells_which_games_end_at_the_equilibrium(tmp_path, bar):
    games = dirac.run(tmp_path, bar)["games"]
    assert games["wgan"]["simultaneous"] == pytest.approx(1.04**250)
    assert games["mmgan"]["eigenvalues"] == "0 ± 0.5i"
    assert games["wgan + gradient penalty (0.7)"]["eigenvalues"] == "none: no derivative at 0"
    converge = {name for name, g in games.items() if max(g["simultaneous"], g["alternating"]) < 1e-3}
    assert converge == {
        "mmgan + R1 (0.3)",
        "nsgan + R1 (0.3)",
        "mmgan + instance noise (0.7)",
        "mmgan + consensus (1)",
    }
    assert is_a_picture(tmp_path / "figure.png")


def test_a_short_training_of_d_comes_near_the_closed_forms(tmp_path, bar):
    numbers = optimal_discriminator.run(tmp_path, bar, steps=250, batch_size=512)
    assert {name: n["largest_error"] < 0.05 for name, n in numbers.items()} == dict.fromkeys(numbers, True)
    x = np.linspace(-5, 6, 1101)
    plain = optimal_discriminator.optimal_discriminator(np.ones_like(x), np.ones_like(x))
    smoothed = optimal_discriminator.optimal_discriminator(np.ones_like(x), np.ones_like(x), 0.9, 0.0)
    assert np.abs(plain - smoothed).max() > 0.04, "the tolerance tells the targets apart"
    assert is_a_picture(tmp_path / "figure.png")


def test_the_frozen_game_reaches_the_value_of_theorem_1(bar):
    numbers = density_game.frozen(bar, steps=400, batch_size=1024, seed=0)
    assert numbers["largest_error_of_D"] < 0.05
    assert numbers["V"] == pytest.approx(numbers["2_JSD_minus_2_log_2"], abs=0.01)
    assert numbers["2_JSD_minus_2_log_2"] > 2 * -np.log(2) + 0.3, "the two densities are not alike"


def test_the_density_game_in_small(tmp_path, bar):
    numbers = density_game.run(tmp_path, bar, steps=20, d_steps=2, batch_size=64, frames=4)
    for name in ("mmgan", "nsgan"):
        course = numbers[name]["course"]
        assert [c["g_steps"] for c in course] == [5, 10, 15, 20]
        assert all(-2 * np.log(2) - 1e-3 <= c["2_JSD_minus_2_log_2"] <= 0 for c in course)
    with Image.open(tmp_path / "animation.gif") as film:
        assert film.n_frames == 4
    assert is_a_picture(tmp_path / "figure.png")


def test_density_estimate_and_mixture_agree():
    data = LineMixture((-1.0, 1.5), (0.5, 0.4), (0.5, 0.5))
    x = density_game.X
    assert np.trapezoid(data.pdf(x), x) == pytest.approx(1, abs=1e-6)
    samples = data.sample(40_000, torch.Generator().manual_seed(0)).flatten().double()
    counts, edges = np.histogram(samples, 60, (-4, 4), density=True)
    middle = (edges[1:] + edges[:-1]) / 2
    assert np.abs(counts - data.pdf(middle)).max() < 0.03
    assert line.jsd_on_grid(data.pdf(x), data.pdf(x), x) == pytest.approx(0, abs=1e-12)


def test_saturation_in_a_real_early_run(tmp_path, bar):
    numbers = saturation.run(tmp_path, bar, Digits(16), steps=30, d_steps=5)
    assert len(numbers["mmgan"]["gradient_norm_of_G"]) == 30
    assert np.median(numbers["mmgan"]["D_of_G"][15:]) < 0.3, "D is ahead early"
    assert numbers["ns_over_mm_median"] > 2
    assert is_a_picture(tmp_path / "figure.png")


def test_a_d_that_becomes_perfect_tells_g_ever_less(tmp_path, bar):
    numbers = perfect_discriminator.run(
        tmp_path, bar, Digits(16), at=(2, 4), iterations=80, every=20, width=8, noise_at=4, sigmas=(4.0,), batch_size=32
    )
    sharp, noisy = numbers["noise"]["0.0"], numbers["noise"]["4.0"]
    assert sharp["final_accuracy_of_D"] > 0.95
    assert sharp["error_of_D_end_over_start"] < 0.5
    falls = [sharp[f"{loss}_norm_end_over_highest"] for loss in ("mmgan", "nsgan")]
    assert falls[0] < 0.5 * falls[1], "the minimax gradient falls with D's error"
    assert len(noisy["course"]) == 4
    assert [c["iteration"] for c in sharp["course"]] == [0, 20, 40, 60]
    assert all(c["wgan_norm"] > 0 for c in numbers["wasserstein"]["course"])
    kept = json.loads((tmp_path / "courses.json").read_text())
    assert list(kept) == ["2 G steps", "4 G steps", "noise 4", "wasserstein"]
    assert kept["noise 4"] == noisy["course"]
    # the two gradients of G point along the same changes of the logits, each weighted: -D and -(1 - D)
    first = sharp["course"][0]
    assert first["mmgan_norm"] == pytest.approx(first["nsgan_norm"], rel=0.3), (
        "D knows nothing yet: both weights are 1/2"
    )
    assert is_a_picture(tmp_path / "figure.png")


def test_the_summary_of_a_course_by_hand():
    # geometric means of two: the end is sqrt(0.02 * 0.08) = 0.04, the start 4, the highest sqrt(8 * 18) = 12
    errors = [2.0, 8.0, 18.0, *15 * [1.0], 0.02, 0.08]
    right = [0.5, 0.9, 0.98, *17 * [1.0]]  # the mean of five is 1 from the eighth on
    course = [
        {"iteration": 20 * i, "error_of_D": error, "accuracy_of_D": accuracy}
        for i, (error, accuracy) in enumerate(zip(errors, right, strict=True))
    ]
    found = perfect_discriminator.course_summary(course)
    assert found.pop("iterations_to_accuracy_0.999") == 140
    assert found == pytest.approx(
        {
            "error_of_D_end_over_highest": 0.04 / 12,
            "error_of_D_end_over_first": 0.04 / 2,
            "error_of_D_end_over_start": 0.04 / 4,
            "final_accuracy_of_D": 1.0,
        }
    )
    assert perfect_discriminator.course_summary(course[:5])["iterations_to_accuracy_0.999"] is None


def test_a_study_that_is_interrupted_keeps_the_games_it_played(tmp_path, bar, monkeypatch):
    whole = perfect_discriminator.perfect

    def stops(*args, **kwargs):
        if (tmp_path / "courses.json").exists():
            raise KeyboardInterrupt
        return whole(*args, **kwargs)

    monkeypatch.setattr(perfect_discriminator, "perfect", stops)
    with pytest.raises(KeyboardInterrupt):
        perfect_discriminator.run(tmp_path, bar, Digits(), at=(1, 2), iterations=3, every=1, width=8, noise_at=1)
    kept = json.loads((tmp_path / "courses.json").read_text())
    assert {name: [c["iteration"] for c in course] for name, course in kept.items()} == {"1 G steps": [0, 1, 2]}


def test_the_new_d_may_be_the_dcgans_own(bar):
    """With batch norm D's logits of a batch depend on the other samples in it; without, they do not."""
    data = GANData(Digits(), 32, 0)
    data.prepare_data()
    data.setup()
    G = perfect_discriminator.trained_generators(data, (1,), 8, 0, bar)[1]
    courses = {
        norm: perfect_discriminator.perfect(G, data, 41, 40, 8, 0, bar, 2e-4, norm) for norm in ("batch", "none")
    }
    starts = {norm: course[0]["error_of_D"] for norm, course in courses.items()}
    assert starts["none"] == pytest.approx(2 * np.log(2), abs=0.02), "weights of sd 0.02: D knows nothing"
    assert abs(starts["batch"] - 2 * np.log(2)) > 0.05, "normed maps are as large as any"
    assert courses["batch"][1]["error_of_D"] < courses["none"][1]["error_of_D"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"noise_at": 3}, r"study\.noise_at must be one of study\.at=\[2, 4\], got 3"),
        ({"d_norm": "bacth"}, r"study\.d_norm must be batch or none, got 'bacth'"),
    ],
)
def test_perfect_discriminator_refuses_before_it_trains(tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        perfect_discriminator.run(tmp_path, None, Digits(), **{"at": (2, 4), "noise_at": 4, **options})
    assert not list(tmp_path.iterdir())


def test_the_density_game_refuses_frames_it_has_no_steps_for(tmp_path):
    for frames in (0, 41):
        with pytest.raises(ValueError, match=rf"must lie between 1 and the 40 D steps of a game, got {frames}"):
            density_game.run(tmp_path, None, steps=8, frames=frames)


def test_the_command(call, tmp_path):
    code, text = call("study", "study=dirac", "study.steps=20", f"out={tmp_path}/out")
    assert code == 0, text
    record = json.loads((tmp_path / "out" / "numbers.json").read_text())
    assert record["study"] == "dirac"
    assert record["settings"]["steps"] == 20
    assert record["numbers"]["steps"] == 20
    code, text = call("study", "study=durac")
    assert code == 1
    assert "dirac" in text
    assert "Traceback" not in text


def test_a_study_is_no_part_of_a_run():
    assert not any("studies" in target for target in known_targets())
    assert len(list((CONF / "study").glob("*.yaml"))) == 9


def test_mode_coverage_in_small(tmp_path, bar):
    arms = {"recipe": [], "nsgan": ["loss=nsgan", "technique=[ema]"]}
    numbers = mode_coverage.run(tmp_path, bar, "ring8", arms, seeds=[3, 4], steps=12, frames=3)
    recipe, nsgan = numbers["games"].values()
    assert [r["seed"] for r in recipe] == [r["seed"] for r in nsgan] == [3, 4]
    assert json.dumps(numbers["games"], indent=2) == (tmp_path / "games.json").read_text().strip()
    assert recipe[0]["high_quality"] != recipe[1]["high_quality"], "another seed"
    assert numbers["real"]["modes"] == 8
    assert is_a_picture(tmp_path / "figure.png")
    with Image.open(tmp_path / "animation.gif") as film:
        assert film.n_frames == 3
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:5]] == ["| recipe", "| nsgan", "| real data"]
    assert "| *PacGAN2 (Lin et al. 2018)* | 7.9 |  | 95.6 | 0.07 |  |  |  |" in lines


def test_the_row_of_ten_seeds_by_hand():
    runs = [
        {
            "modes": 8,
            "high_quality": 0.98,
            "reverse_kl": 0.01,
            "spread": 0.9,
            "narrowest": 0.8,
            "widest": 1.0,
            "seconds": 60,
        },
        {
            "modes": 6,
            "high_quality": 0.96,
            "reverse_kl": 0.03,
            "spread": 1.1,
            "narrowest": 0.9,
            "widest": 1.2,
            "seconds": 62,
        },
    ]
    lost = {"modes": 0, "high_quality": 0.0, "reverse_kl": math.inf, "seconds": 60}
    lost |= dict.fromkeys(("spread", "narrowest", "widest"), math.nan)
    assert mode_coverage.cells_of("b", [lost], 8) == ("b", "0.0", "0 of 1", "0.0", "inf", "", "", "60")
    told = " | ".join(mode_coverage.cells_of("a", runs, 8))
    assert told == "a | 7.0 ± 1.0 | 1 of 2 | 97.0 ± 1.0 | 0.0200 ± 0.0100 | 1.00 ± 0.10 | 0.80 to 1.20 | 61 ± 1"


@pytest.mark.parametrize(
    ("experiment", "arms", "words"),
    [
        ("notes_mlp", {"a": []}, "study.experiment must have modes to count: ring8 or grid25, got notes_mlp"),
        ("ring8", {}, r"needs an arm, and a seed of each, got study.arms=\[\]"),
        ("ring8", {"a": [], "b": []}, r"and study.plain_seeds=\[\]. For the recipe alone"),
    ],
)
def test_mode_coverage_refuses(tmp_path, bar, experiment, arms, words):
    with pytest.raises(ValueError, match=words):
        mode_coverage.run(tmp_path, bar, experiment, arms, plain_seeds=[])
    assert not list(tmp_path.iterdir())


def test_an_arm_is_the_game_that_train_plays(tmp_path):
    """The same weights after three steps: what the table shows can be typed."""
    from gan_lightning.training.setup import train

    run = tmp_path / "run"
    run.mkdir()
    overrides = ["loss=nsgan", "technique=[packing,ema]", "steps=3"]
    train(compose("train", ["experiment=ring8", *overrides, "seed=5", "trainer=cpu", "evaluate_every=0"]), run)
    trained = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    gan, batches = mode_coverage.game_of_arm("ring8", overrides, 5)
    loop = Loop(gan)
    for _ in range(3):
        loop.step(*next(batches))
    mine = gan.state_dict()
    assert mine.keys() == trained.keys()
    assert all(torch.equal(mine[k], trained[k]) for k in mine)


@pytest.mark.parametrize("data", ["ring8", "grid25"])
def test_the_page_shows_the_table_that_the_command_wrote(data):
    folder = CONF.parent / "docs" / "studies"
    table = (folder / "mode_coverage" / data / "table.md").read_text().strip()
    assert table in (folder / "mode_coverage.md").read_text()
    games = json.loads((folder / "mode_coverage" / data / "games.json").read_text())
    modes = len(judge_of(data).means)
    for name, runs in games.items():
        assert " | ".join(mode_coverage.cells_of(name, runs, modes)) in table
    assert len(games["recipe"]) == 10
