"""A game on the line: the data's density, G's density, and D beside D* = p_r / (p_r + p_g), while it is played.

Goodfellow et al. 2014, figure 1, proposition 1 and theorem 1. First G stands still as an affine map, so that p_g is
exact and D can be compared with the formula; then both play, with the minimax and with the non-saturating loss.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan_lightning.core.play import Loss
from gan_lightning.core.prior import Normal
from gan_lightning.core.rng import Stream
from gan_lightning.game.module import GAN
from gan_lightning.losses.mmgan import MMGAN
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.networks.points import Discriminator, Generator
from gan_lightning.report.drawing import figure, frame, headed, legend_below, level, save_animation, save_figure
from gan_lightning.report.style import PAGE, PALE, PALETTE, QUIET
from gan_lightning.studies.line import (
    Array,
    LineMixture,
    best_discriminator,
    jsd_on_grid,
    play_on_the_line,
    probability,
    value_on_grid,
)
from gan_lightning.theory.densities import Gaussian
from gan_lightning.theory.value_function import optimal_discriminator

X = np.linspace(-6, 6, 1201)
LIMIT = -2 * np.log(2)  # V(D, G) where p_g = p_r
TOP = 1.1  # of a panel; a young p_g is higher
NAMES = {"mmgan": "minimax loss", "nsgan": "non-saturating loss"}


def frozen(bar: Any, steps: int, batch_size: int, seed: int) -> dict[str, float]:
    """D alone, against G(z) = 1.5 + 0.8 z: its distance from D*, and V beside 2 JSD - 2 log 2."""
    data, fake = LineMixture((-0.5,), (1.0,), (1.0,)), LineMixture((1.5,), (0.8,), (1.0,))
    D = best_discriminator(data, Gaussian(1.5, 0.8), MMGAN(), bar, steps, batch_size, seed)
    p_r, p_g = data.pdf(X), fake.pdf(X)
    d = probability(D, X)
    seen = p_r + p_g >= 0.05
    return {
        "largest_error_of_D": float(np.abs(d - optimal_discriminator(p_r, p_g))[seen].max()),
        "V": value_on_grid(p_r, p_g, d, X),
        "2_JSD_minus_2_log_2": 2 * jsd_on_grid(p_r, p_g, X) + LIMIT,
    }


def density_of(gan: GAN, n: int = 40_000, bandwidth: float = 0.08) -> Array:
    """p_g on X: samples from one fixed z, in a histogram smoothed by a normal kernel."""
    with torch.no_grad():
        samples = gan.G(gan.prior(n, Stream(1, name="density"))).flatten().double().numpy()
    step = X[1] - X[0]
    counts, _ = np.histogram(samples, np.append(X - step / 2, X[-1] + step / 2))
    kernel = np.exp(-((np.arange(-60, 61) * step / bandwidth) ** 2) / 2)
    return np.convolve(counts / (n * step), kernel / kernel.sum(), mode="same")


def plot_game(axis: Any, gan: GAN, data: LineMixture, title: str) -> None:
    """Draw p_r, p_g, D and D* over X, and lines from z to G(z) below them (figure 1 of the paper)."""
    p_r, p_g, d = data.pdf(X), density_of(gan), probability(gan.D, X)
    seen = p_r + p_g >= 0.01
    with np.errstate(invalid="ignore"):
        best = np.where(seen, optimal_discriminator(p_r, p_g), np.nan)
    axis.plot(X, best, color=PALE, linewidth=4, label="D*, the best for these densities")
    axis.plot(X, p_r, ":", color=PALETTE["black"], label="p_r, density of the data")
    axis.plot(X, p_g, color=PALETTE["vermilion"], label="p_g, density of samples")
    axis.plot(X, d, "--", color=PALETTE["blue"], label="D")
    if p_g.max() > TOP:
        axis.text(0.01, 0.06, f"p_g reaches {p_g.max():.1f}", transform=axis.transAxes, va="bottom", fontsize=7,
                  color=PALETTE["vermilion"])  # fmt: skip
    z = torch.linspace(-2, 2, 17)
    with torch.no_grad():
        landed = gan.G(z[:, None]).flatten().numpy()
    for start, end in zip((1.5 * z).tolist(), landed.tolist(), strict=True):  # as in the paper: how G maps z to x
        axis.plot([start, end], [-0.45, -0.12], color=QUIET, linewidth=0.6, clip_on=True)
    axis.plot([], [], color=QUIET, linewidth=0.6, label="G, from 1.5 z (below) to x (above)")
    axis.set_xlim(-5, 5)
    axis.set_ylim(-0.5, TOP)
    axis.set_yticks([0, 0.5, 1])
    headed(axis, title, "x", "density; D(x)")


def plot_course(axis: Any, course: list[dict[str, float]], title: str) -> None:
    """V(D, G) over G steps, beside what it would be with the best D, and where both end."""
    at = [c["g_steps"] for c in course]
    best = [c["2_JSD_minus_2_log_2"] for c in course]
    axis.plot(at, best, color=PALE, linewidth=4, label="2 JSD - 2 log 2, V of the best D")
    axis.plot(at, [c["V"] for c in course], color=PALETTE["blue"], label="V(D, G)")
    level(axis, LIMIT, "-2 log 2, where p_g = p_r", below=True)
    axis.set_ylim(bottom=LIMIT - 0.25)
    headed(axis, title, "G steps", "value, nats")


def run(
    out: Path, bar: Any, steps: int = 1200, d_steps: int = 5, batch_size: int = 512, frames: int = 60, seed: int = 0
) -> dict[str, Any]:
    """Writes figure.png and animation.gif.

    Args:
        out: folder for the files.
        bar: shows the progress.
        steps: G steps of each game.
        d_steps: k, D steps, a batch each, per G step.
        batch_size: points of a batch.
        frames: pictures of the animation per game.
        seed: of the initial weights and the noise.

    Returns:
        The numbers of the game with a fixed G (``frozen``), and for each loss its course: G steps, V, 2 JSD - 2 log 2.
    """
    batches = steps * d_steps
    if not 1 <= frames <= batches:
        raise ValueError(f"study.frames must lie between 1 and the {batches} D steps of a game, got {frames}.")
    bar.reset(total=3 * batches)
    numbers: dict[str, Any] = {"frozen": frozen(bar, batches, 2048, seed)}
    data = LineMixture((1.0,), (0.7,), (1.0,))
    losses: dict[str, Loss] = {"mmgan": MMGAN(), "nsgan": NSGAN()}
    shown = [0, batches // 20, batches // 4, batches]
    fig, axes = figure(len(shown) + 1, len(losses), width=PAGE / len(losses), height=2.1)  # a column for each loss
    films: dict[str, list[np.ndarray]] = {}
    for column, (name, loss) in enumerate(losses.items()):
        panels = axes[column :: len(losses)]
        course: list[dict[str, float]] = []
        films[name] = []

        def watch(
            gan: GAN, i: int, name: str = name, panels: Any = panels, course: list[dict[str, float]] = course
        ) -> None:
            bar.update()
            if i in shown:
                plot_game(panels[shown.index(i)], gan, data, f"{NAMES[name]}, after {i // d_steps:,} G steps")
            if i % (batches // frames) == 0:
                p_r, p_g = data.pdf(X), density_of(gan)
                v = value_on_grid(p_r, p_g, probability(gan.D, X), X)
                limit = 2 * jsd_on_grid(p_r, p_g, X) + LIMIT
                course.append({"g_steps": i // d_steps, "V": v, "2_JSD_minus_2_log_2": limit})
                small, one = figure(1, 1)
                plot_game(one[0], gan, data, f"{NAMES[name]}, after {i // d_steps:,} G steps")
                legend_below(small, 2)
                films[name].append(frame(small))

        torch.manual_seed(seed)
        G, D = Generator(1, (1,), (32, 32)), Discriminator((1,))
        play_on_the_line(
            data,
            G,
            D,
            Normal(1),
            loss,
            steps=batches,
            d_steps=d_steps,
            batch_size=batch_size,
            lr=1e-3,
            seed=seed,
            after=watch,
        )
        torch.manual_seed(seed)  # the players before their first step once more
        start = GAN(
            Generator(1, (1,), (32, 32)),
            Discriminator((1,)),
            Normal(1),
            loss,
            torch.optim.Adam,
            torch.optim.Adam,
            steps=1,
        )
        plot_game(panels[0], start, data, f"{NAMES[name]}, at the start")
        plot_course(panels[len(shown)], course, f"{NAMES[name]}: the value of the game")
        numbers[name] = {"course": course, "end": course[-1]}
    legend_below(fig, 3)
    save_figure(fig, out / "figure.png")
    save_animation([np.concatenate(pair, axis=1) for pair in zip(*films.values(), strict=True)], out / "animation.gif")
    return numbers
