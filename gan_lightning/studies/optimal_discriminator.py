"""D trained to its optimum on known densities, for plain, one-sided and two-sided targets, beside the closed forms.

Goodfellow et al. 2014, proposition 1; Salimans et al. 2016, section 3.4.
"""

from pathlib import Path
from typing import Any

import numpy as np

from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.report.drawing import figure, headed, legend_below, save_figure
from gan_lightning.report.style import PAGE, PALE, PALETTE
from gan_lightning.studies.line import LineMixture, best_discriminator, probability
from gan_lightning.theory.densities import Gaussian
from gan_lightning.theory.value_function import optimal_discriminator

SEEN = 0.05
TARGETS = {"plain": (1.0, 0.0), "one-sided": (0.9, 0.0), "two-sided": (0.9, 0.1)}


def run(out: Path, bar: Any, steps: int = 3000, batch_size: int = 2048, seed: int = 0) -> dict[str, Any]:
    """Writes figure.png; returns, per target, the largest error where p_r + p_g >= SEEN."""
    data = LineMixture((-2.0, 1.0), (0.5, 0.7), (0.4, 0.6))
    fake = LineMixture((2.5,), (0.8,), (1.0,))
    x = np.linspace(-5, 6, 1101)
    p_r, p_g = data.pdf(x), fake.pdf(x)
    seen = p_r + p_g >= SEEN
    bar.reset(total=steps * len(TARGETS))
    numbers: dict[str, Any] = {}
    fig, axes = figure(1, len(TARGETS), width=PAGE / len(TARGETS), height=3.1)
    for (name, (alpha, beta)), axis in zip(TARGETS.items(), axes, strict=True):
        D = best_discriminator(data, Gaussian(2.5, 0.8), NSGAN(alpha, beta), bar, steps, batch_size, seed)
        d, best = probability(D, x), optimal_discriminator(p_r, p_g, alpha, beta)
        error = np.abs(d - best)[seen]
        numbers[name] = {
            "alpha": alpha,
            "beta": beta,
            "largest_error": float(error.max()),
            "mean_error": float(error.mean()),
        }
        axis.plot(x, p_r, ":", color=PALETTE["black"], label="p_r, density of the data")
        axis.plot(x, p_g, color=PALETTE["vermilion"], label="p_g, density of the samples")
        axis.plot(x, np.where(seen, best, np.nan), color=PALE, linewidth=5, label="D*, closed form")
        axis.plot(x, np.where(seen, d, np.nan), "--", color=PALETTE["blue"], label="D, trained")
        heading = f"{name}: targets {alpha:g} and {beta:g}\n|D - D*| at most {error.max():.3f}"
        headed(axis, heading, "x", "density; D(x)" if axis is axes[0] else "")
        axis.set_ylim(-0.02, 1.05)
    legend_below(fig, 4, f"D and D* are drawn where p_r + p_g is {SEEN} or more, and compared there")
    save_figure(fig, out / "figure.png")
    return numbers
