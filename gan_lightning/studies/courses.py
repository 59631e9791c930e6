"""Courses of a D against a fixed G: the figure and the summary of study=perfect_discriminator."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_lightning.report.drawing import figure, headed, legend_below, logarithmic, save_figure
from gan_lightning.report.style import PAGE, PALETTE, look

Course = Sequence[Mapping[str, float]]  # of each measurement: name -> value


def draw_courses(games: Mapping[str, Course], noisy: Mapping[float, Course], critic: Course, path: Path) -> None:
    """Eight panels over the iterations of the new D: ``games`` against each kept G, ``noisy`` by the noise's sd."""
    kept: dict[str, tuple[Course, Any]] = {f"G after {name}": (course, {}) for name, course in games.items()}
    noise: dict[str, tuple[Course, Any]] = {
        f"noise of sd {sigma:g}": (course, look(i)) for i, (sigma, course) in enumerate(noisy.items(), len(PALETTE))
    }
    panels: Sequence[tuple[str, str, str, Mapping[str, tuple[Course, Any]]]] = (
        ("error_of_D", "D's loss", "loss, nats", kept),
        ("accuracy_of_D", "D's accuracy", "share of a batch", kept),
        ("mmgan_norm", "Gradient of log(1 - D), minimax", "norm", kept),
        ("nsgan_norm", "Gradient of -log D, non-saturating", "norm", kept),
        ("nsgan_variance", "Gradient of -log D: its variance over z", "mean over coordinates", kept),
        (
            "wgan_norm",
            "Gradient of -D, Wasserstein, weights clipped",
            "norm",
            {"Wasserstein": (critic, {"color": PALETTE["black"]})},
        ),
        ("mmgan_norm", "Gradient of log(1 - D) under instance noise", "norm", noise),
        ("nsgan_norm", "Gradient of -log D under instance noise", "norm", noise),
    )
    fig, axes = figure(4, 2, width=PAGE / 2, height=2.4)
    for axis, (key, heading, unit, lines) in zip(axes, panels, strict=True):
        for name, (course, drawn) in lines.items():
            axis.plot([c["iteration"] for c in course], [c[key] for c in course], label=name, linewidth=1.4, **drawn)
        headed(axis, heading, "iterations of the new D", unit)
        if key != "accuracy_of_D":
            logarithmic(axis)
    legend_below(fig, 4)
    save_figure(fig, path)


def course_summary(course: Course) -> dict[str, Any]:
    """The end of each curve over its highest stretch, over its start, and over its first point.

    0.001 is a fall by three decades. End, start and stretches are geometric means over a tenth of the measurements, so
    that no single spike decides. Curves with values of 0 or below are left out.
    """
    tenth = max(1, len(course) // 10)
    found: dict[str, Any] = {}
    for key in course[0]:
        values = torch.tensor([c[key] for c in course]).double()
        if key in ("iteration", "accuracy_of_D") or (values <= 0).any():
            continue
        stretches = values.log().unfold(0, tenth, 1).mean(1).exp()
        found[f"{key}_end_over_highest"] = (stretches[-1] / stretches.max()).item()
        found[f"{key}_end_over_first"] = (stretches[-1] / values[0]).item()
        found[f"{key}_end_over_start"] = (stretches[-1] / stretches[0]).item()
    accuracy = torch.tensor([c["accuracy_of_D"] for c in course])
    found["final_accuracy_of_D"] = accuracy[-tenth:].mean().item()
    reached = [c["iteration"] for c, mean in zip(course, running(accuracy), strict=True) if mean >= 0.999]
    found["iterations_to_accuracy_0.999"] = reached[0] if reached else None
    return found


def running(values: Tensor, window: int = 5) -> list[float]:
    """Means over the last ``window`` measurements, as the paper's curves are."""
    return [values[max(0, i + 1 - window) : i + 1].mean().item() for i in range(len(values))]
