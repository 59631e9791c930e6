"""D trained to its optimum on known densities, for plain, one-sided and two-sided targets, beside the closed forms.

Goodfellow et al. 2014, proposition 1; Salimans et al. 2016, section 3.4.
"""

from pathlib import Path
from typing import Any

import numpy as np

from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.report.drawing import figure, save_figure
from gan_lightning.studies.line import LineMixture, best_discriminator, probability
from gan_lightning.theory.densities import Gaussian
from gan_lightning.theory.value_function import optimal_discriminator

TARGETS = {"plain": (1.0, 0.0), "one-sided": (0.9, 0.0), "two-sided": (0.9, 0.1)}


def run(out: Path, bar: Any, steps: int = 3000, batch_size: int = 2048, seed: int = 0) -> dict[str, Any]:
    """Writes figure.png; returns, per target, the largest error where p_r + p_g >= 0.05."""
    data = LineMixture((-2.0, 1.0), (0.5, 0.7), (0.4, 0.6))
    fake = LineMixture((2.5,), (0.8,), (1.0,))
    x = np.linspace(-5, 6, 1101)
    p_r, p_g = data.pdf(x), fake.pdf(x)
    seen = p_r + p_g >= 0.05
    bar.reset(total=steps * len(TARGETS))
    numbers: dict[str, Any] = {}
    fig, axes = figure(1, len(TARGETS))
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
        axis.plot(x, p_r, "k:", label="p_r, the data")
        axis.plot(x, p_g, "g-", label="p_g, the samples")
        axis.plot(x, np.where(seen, best, np.nan), color="0.6", linewidth=4, label="D*, closed form")
        axis.plot(x, np.where(seen, d, np.nan), "b--", label="D, trained")
        axis.set_title(f"{name}: targets {alpha:g} and {beta:g}, error at most {error.max():.3f}")
        axis.set_ylim(-0.02, 1.05)
    axes[0].legend(fontsize=8)
    save_figure(fig, out / "figure.png")
    return numbers
