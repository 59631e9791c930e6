"""Better samples from the same G: those that D prefers, and those of a narrower prior, as precision against recall."""

from typing import Any

from torch import Tensor

from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.rng import fixed_rows
from gan_lightning.io.files import write_text
from gan_lightning.io.tables import markdown_table
from gan_lightning.latent.bench import Bench
from gan_lightning.latent.sheets import sheet_of_rows
from gan_lightning.metrics.frechet import frechet_distance
from gan_lightning.metrics.neighbours import precision_recall_density_coverage
from gan_lightning.report.drawing import figure, headed, legend_below, save_figure
from gan_lightning.report.observed import as_pixels
from gan_lightning.report.rejection import calibrated, kept_samples
from gan_lightning.report.style import PAGE, look

SHOWN = 16  # columns of the sheet
MARKS = ("o", "s", "^", "D", "v", "X")
AXIS_NAMES = {
    "recall": "recall, share of real images",
    "precision": "precision, share of samples",
    "coverage": "coverage, share of real images",
    "frechet_distance": "Frechet distance to the test images",
}


def run(
    bench: Bench,
    n: int = 10_000,
    budgets: list[int] | None = None,
    truncations: list[float] | None = None,
    seeds: list[int] | None = None,
) -> dict[str, Any]:
    """Writes figure.png (the curve), samples.png and card.md.

    Args:
        n: samples, and test images, of each measurement.
        budgets: K of rejection: one of K is kept.
        truncations: factors of z.
        seeds: of the samples.

    Returns:
        Frechet distance, precision, recall, density and coverage for each: a list over the seeds.
    """
    budgets, truncations, seeds = budgets or [1, 2, 4], truncations or [], seeds or [0, 1, 2]
    if bench.judge is None:
        raise ValueError(f"task=reject needs a judge, and there is none for data={bench.source.name}. Leave it out.")
    test = to_signed_range(bench.source.test().images)
    real = bench.judge(test[fixed_rows(len(test), min(n, len(test)))])[0]
    found: dict[str, list[dict[str, float]]] = {}
    first: dict[str, Tensor] = {}
    for seed in seeds:
        ratio = calibrated(bench.G, bench.train[0], seed, labels=bench.train[1])
        for name, samples in drawn(bench, ratio, n, budgets, truncations, seed):
            bench.bar.set_postfix_str(f"seed {seed}, {name}")
            first.setdefault(name, samples[:SHOWN])
            features = bench.judge(as_pixels(samples))[0]
            numbers = {"frechet_distance": frechet_distance(real, features)}
            found.setdefault(name, []).append(numbers | precision_recall_density_coverage(real, features))
    draw_curve(found, bench)
    sheet_of_rows(first, bench.file("samples.png"), f"{bench.run}: the first {SHOWN} samples of seed {seeds[0]}")
    keys = list(next(iter(found.values()))[0])
    rows = [[name, *(mean_and_range([each[key] for each in values]) for key in keys)] for name, values in found.items()]
    write_text(bench.file("card.md"), markdown_table(["", *(f"`{key}`" for key in keys)], rows) + "\n")
    return {"n": n, "seeds": seeds, "measured": found}


def drawn(bench: Bench, ratio: Any, n: int, budgets: list[int], truncations: list[float], seed: int) -> Any:
    """(name, samples) of each way to draw them."""
    for budget in budgets:
        plain = budget == 1
        yield f"reject {budget}", bench.G.sample(n, seed) if plain else kept_samples(ratio, n, budget, seed)[0]
    for factor in truncations:
        yield f"truncation {factor:g}", bench.G.sample(n, seed, truncation=factor)


def draw_curve(found: dict[str, list[dict[str, float]]], bench: Bench) -> None:
    """Precision against recall, and the Frechet distance against coverage: a point for each seed."""
    fig, axes = figure(1, 2, width=PAGE / 2, height=3.4)
    panels = (("Up", "recall", "precision"), ("Down", "coverage", "frechet_distance"))
    for axis, (better, x, y) in zip(axes, panels, strict=True):
        for i, (name, values) in enumerate(found.items()):
            mark = {"color": look(i)["color"], "marker": MARKS[i % len(MARKS)], "linestyle": ""}
            axis.plot([v[x] for v in values], [v[y] for v in values], label=name, markersize=5, **mark)
        headed(axis, f"{better} and to the right is better", AXIS_NAMES[x], AXIS_NAMES[y])
    legend_below(fig, words=f"{bench.run}: {len(next(iter(found.values())))} seeds of each way to draw samples")
    bench.file("figure.svg")
    save_figure(fig, bench.file("figure.png"))


def mean_and_range(values: list[float]) -> str:
    middle = sum(values) / len(values)
    return f"{middle:.4f} ({min(values):.4f} to {max(values):.4f})"
