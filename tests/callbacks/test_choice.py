"""Which checkpoint is the best: a G that draws one picture over and over must not win by its Frechet distance."""

import json

import pytest
import torch
from conftest import TINY, EachStep

import gan_lightning
from gan_lightning.callbacks.evaluation import Evaluation
from gan_lightning.config.build import judge_of
from gan_lightning.config.compose import compose
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.data.digits import Digits
from gan_lightning.metrics.frechet import frechet_distance
from gan_lightning.metrics.judge import Judge
from gan_lightning.metrics.neighbours import coverage, precision_recall_density_coverage
from gan_lightning.training.setup import train

DIGITS = [o for o in TINY if not o.startswith(("data", "network.", "prior", "batch_size"))] + ["data=digits"]


def curves(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line for line in lines if "metric/fd_judge" in line}


def counters(run, name):
    return torch.load(run / "checkpoints" / name, weights_only=True)["counters"]["g_steps_done"]


def collapse_after(step):
    """G draws one tile of noise, whatever z, from G step ``step`` on."""

    def look(gan):
        if gan.g_steps_done == step:
            last = [m for m in gan.G.modules() if isinstance(m, torch.nn.Linear)][-1]
            tile = torch.rand(28 * 28, generator=torch.Generator().manual_seed(0)) * 1.9 - 0.95
            with torch.no_grad():
                last.weight.zero_()
                last.bias.copy_(tile.atanh())

    return EachStep(look)


def test_a_collapsed_generator_does_not_win_over_a_healthy_start(tmp_path):
    """The Frechet distance of the tile, 9, is below that of the game after 20 steps, 11; it covers next to nothing."""
    status = train(
        compose("train", [*DIGITS, "steps=40", "evaluate_every=20"]), tmp_path, extra_callbacks=[collapse_after(39)]
    )
    curve = curves(tmp_path)
    assert list(curve) == [20, 40]
    healthy, collapsed = curve.values()
    assert collapsed["metric/fd_judge"] < 0.95 * healthy["metric/fd_judge"], "the distance alone would choose it"
    assert collapsed["metric/coverage_judge"] < 0.02 < 0.05 < healthy["metric/coverage_judge"]
    assert counters(tmp_path, "best.ckpt") == 20
    assert status["best_g_steps"] == 20
    assert status["best_fd_judge"] == healthy["metric/fd_judge"]
    assert status["best_coverage_judge"] == healthy["metric/coverage_judge"]
    ratio = healthy["metric/fd_judge"] / healthy["metric/coverage_judge"]
    assert status["best_fd_over_coverage"] == healthy["metric/fd_over_coverage"] == pytest.approx(ratio)


def test_what_covers_nothing_counts_as_covering_half_an_image():
    """So that two that cover nothing are still told apart, and no number is infinite."""
    evaluation = Evaluation()
    evaluation.judge = judge_of("digits")
    evaluation.see(to_signed_range(Digits().validation().images))
    black = torch.full((1000, 1, 28, 28), -1.0)
    values = evaluation.numbers_of(*evaluation.judge(black))
    assert values["metric/coverage_judge"] == 0
    assert values["metric/fd_over_coverage"] == pytest.approx(values["metric/fd_judge"] * 2 * 300)


def test_the_cheap_evaluation_compares_with_validation_images_and_nothing_else():
    """Distance: all of them; coverage: as many as there are samples, drawn once and for all."""
    validation = to_signed_range(Digits().validation().images)
    looked_at = []

    class Looks(Judge):
        def __call__(self, images):
            looked_at.append(images)
            return images.flatten(1)[:, 300:400:9].double(), torch.full((len(images), 10), 0.1).double()

    judge = Looks()
    evaluation = Evaluation(n=100)
    evaluation.judge = judge
    evaluation.see(validation)
    assert len(looked_at) == 1
    assert torch.equal(looked_at[0], validation)
    fake = validation.flip(2)[:100]
    values = evaluation.numbers_of(*judge(fake))
    real, own = judge(validation)[0], judge(fake)[0]
    assert values["metric/fd_judge"] == pytest.approx(frechet_distance(real, own))
    rows = torch.randperm(300, generator=torch.Generator().manual_seed(0))[:100]
    assert values["metric/coverage_judge"] == coverage(real[rows], own)
    assert coverage(real[rows], own) == precision_recall_density_coverage(real[rows], own)["coverage"]
    assert 0 < coverage(real[rows], own) < 1


def test_a_run_shows_its_evaluation_the_validation_images_when_it_first_evaluates(tmp_path, monkeypatch):
    """Once, and not before the first step, which need not wait until the judge has looked at 10,000 images."""
    seen, see, played = [], Evaluation.see, EachStep(lambda gan: gan.g_steps_done)

    def note(self: Evaluation, images: torch.Tensor) -> None:
        seen.append((len(played.seen), images.clone()))
        see(self, images)

    monkeypatch.setattr(Evaluation, "see", note)
    game = [*DIGITS, "steps=5", "evaluate_every=3"]
    status = train(compose("train", game), tmp_path, extra_callbacks=[played])
    ((steps, validation),) = seen
    assert steps == 2, "the third was being evaluated"
    assert torch.equal(validation, to_signed_range(Digits().validation().images))
    assert sum("metric/fd_judge" in values for values in curves(tmp_path).values()) == 2
    assert status["best_g_steps"] in (3, 5)
    judge = judge_of("digits")
    real, fake = judge(validation)[0], judge(to_signed_range(Digits().train().images[:1000]))[0]
    assert status["floor_fd_judge"] == pytest.approx(frechet_distance(real, fake), rel=1e-6), "of training images"
    assert status["floor_coverage_judge"] == coverage(real, fake)


def test_the_average_has_a_best_of_its_own(tmp_path):
    """G collapses at the end of its run, its average does not: each keeps the checkpoint where it was best."""
    game = [*DIGITS, "technique=[ema]", "technique.ema.decay=0.99", "steps=40", "evaluate_every=20"]
    status = train(compose("train", game), tmp_path, extra_callbacks=[collapse_after(39)])
    curve = curves(tmp_path)
    by = {suffix: {s: v[f"metric/fd_over_coverage{suffix}"] for s, v in curve.items()} for suffix in ("", "_ema")}
    assert min(by[""], key=by[""].get) == 20
    assert min(by["_ema"], key=by["_ema"].get) == 40, "or this test shows nothing"
    assert counters(tmp_path, "best.ckpt") == 20
    assert counters(tmp_path, "best-ema.ckpt") == 40
    assert (status["best_g_steps"], status["best_g_steps_ema"]) == (20, 40)
    assert status["best_fd_judge_ema"] == curve[40]["metric/fd_judge_ema"]
    average = gan_lightning.load(tmp_path / "checkpoints/best-ema.ckpt", "ema")
    assert average.g_steps == 40


def test_one_file_where_both_are_best_at_once(tmp_path):
    game = [*DIGITS, "technique=[ema]", "steps=2", "evaluate_every=2"]
    train(compose("train", game), tmp_path)
    best, average = (tmp_path / "checkpoints" / name for name in ("best.ckpt", "best-ema.ckpt"))
    assert best.samefile(average)


def test_the_choice_goes_on_after_a_resumption():
    """Also that of a run whose checkpoints are of before: it chose by another number, and begins its choice anew."""
    evaluation = Evaluation()
    first = {"metric/fd_judge": 8.0, "metric/coverage_judge": 0.5, "metric/fd_over_coverage": 16.0}
    assert evaluation.improved(first, 10) == [""]
    resumed = Evaluation()
    resumed.load_state_dict(evaluation.state_dict())
    assert resumed.improved({**first, "metric/fd_over_coverage": 17.0}, 20) == []
    assert resumed.improved({**first, "metric/fd_over_coverage": 15.0}, 30) == [""]
    assert resumed.best_numbers()["best_g_steps"] == 30
    old = Evaluation()
    old.load_state_dict({"best": 3.0, "best_step": 5})
    assert old.improved(first, 10) == [""]


def test_a_sample_too_small_for_a_coverage_is_refused():
    with pytest.raises(ValueError, match=r"callbacks.evaluation.n must be 6 or more, .*got 5"):
        Evaluation(n=5)
