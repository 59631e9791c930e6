"""The Dirac-GAN under each loss and regulariser: paths of (theta, psi) by simultaneous and by alternating steps.

Mescheder et al. 2018, section 2 and figure 2.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_lightning.report.drawing import figure, legend_below, save_figure
from gan_lightning.report.style import PAGE, PALETTE
from gan_lightning.theory import toys

SIDE = 2.5  # of the picture, from the equilibrium
RULES = {toys.simultaneous: "vermilion", toys.alternating: "blue"}


def games(gamma: float, weight: float, sigma: float) -> dict[str, toys.Field]:
    """Name -> field, of each loss alone and of losses with a regulariser."""
    return {
        **toys.FIELDS,
        f"mmgan + R1 ({gamma:g})": toys.with_r1(toys.mmgan, gamma),
        f"nsgan + R1 ({gamma:g})": toys.with_r1(toys.nsgan, gamma),
        f"wgan + gradient penalty ({weight:g})": toys.with_gradient_penalty(toys.wgan, weight),
        f"mmgan + instance noise ({sigma:g})": toys.with_instance_noise(sigma),
        "mmgan + consensus (1)": toys.with_consensus(toys.mmgan, 1.0),
    }


def describe(values: NDArray[np.complex128] | None) -> str:
    """Two eigenvalues as text; None where the field has no derivative at the equilibrium."""
    if values is None:
        return "none: no derivative at 0"
    real, imaginary = values.real.round(3) + 0.0, np.abs(values.imag).max()
    return f"{real[0]:g} ± {imaginary:.3g}i" if imaginary > 1e-9 else f"{real[0]:g} and {real[1]:g}"


def run(
    out: Path,
    bar: Any,
    steps: int = 500,
    lr: float = 0.2,
    gamma: float = 0.3,
    weight: float = 0.7,
    sigma: float = 0.7,
    seed: int = 0,
) -> dict[str, Any]:
    """Writes figure.png.

    Args:
        out: folder for the file.
        bar: shows the progress.
        steps, lr: number and size of the steps, as the paper's h.
        gamma: weight of R1.
        weight: of the gradient penalty.
        sigma: standard deviation of the instance noise.
        seed: unused, since nothing is drawn; every study has it.

    Returns:
        For each game the eigenvalues at the equilibrium, and the radius at the end over that at the start.
    """
    found = games(gamma, weight, sigma)
    columns = 4
    bar.reset(total=len(found))
    fig, axes = figure(-(-len(found) // columns), columns, width=PAGE / columns, height=3.0)
    numbers: dict[str, Any] = {"steps": steps, "lr": lr, "games": {}}
    for (name, field), axis in zip(found.items(), axes, strict=False):
        smooth = np.allclose(toys.jacobian(field, eps=1e-6), toys.jacobian(field, eps=1e-3), atol=1e-2)
        values = toys.eigenvalues(field) if smooth else None
        entry: dict[str, Any] = {"eigenvalues": describe(values)}
        for rule, colour in RULES.items():
            path = rule(field, lr, steps)
            r = toys.radius(path)
            entry[rule.__name__] = float(r[-1] / r[0])
            axis.plot(path[:, 0], path[:, 1], color=PALETTE[colour], linewidth=0.7, label=f"{rule.__name__} steps")
            if np.abs(path).max() > SIDE:
                words, box = f"{rule.__name__}: goes on outside", {"facecolor": "white", "edgecolor": "none", "pad": 1}
                axis.text(SIDE, -SIDE, words, color=PALETTE[colour], fontsize=7, ha="right", va="bottom", bbox=box)
        axis.plot(1, 1, "o", color=PALETTE["black"], markersize=4, label="the start", linestyle="")
        axis.plot(0, 0, "+", color=PALETTE["black"], markersize=9, label="the equilibrium", linestyle="")
        axis.set_xlim(-SIDE, SIDE)
        axis.set_ylim(-SIDE, SIDE)
        radius = f"radius x {entry['simultaneous']:.2g}, x {entry['alternating']:.2g}"
        axis.set_title(f"{name}\neigenvalues {describe(values)}\n{radius}", fontsize=8)
        axis.set_xlabel("theta, G's point" if axis in axes[len(found) - columns :] else "")
        axis.set_ylabel("psi, D's slope" if axis in axes[::columns] else "")
        numbers["games"][name] = entry
        bar.update()
    for axis in axes[len(found) :]:
        axis.remove()
    words = f"radius: distance from the equilibrium after {steps} steps of {lr:g} over that at the start"
    legend_below(fig, 4, f"{words},\nby simultaneous and by alternating steps")
    save_figure(fig, out / "figure.png")
    assert np.isfinite([e["alternating"] for e in numbers["games"].values()]).all()
    return numbers
