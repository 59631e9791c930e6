"""Why minimax saturates: both losses of G as functions of the logit, and the gradient that G gets early in a run.

Goodfellow et al. 2014, section 3; Arjovsky & Bottou 2017, section 2.2.
"""

from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.play import Loss, Player
from gan_lightning.core.prior import Normal
from gan_lightning.core.seats import Seats, Technique
from gan_lightning.data.arrays import GANData, Source
from gan_lightning.game.loop import Loop
from gan_lightning.game.module import GAN
from gan_lightning.losses.mmgan import MMGAN
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.networks.mlp import Discriminator, Generator
from gan_lightning.report.drawing import figure, headed, legend_below, logarithmic, save_figure
from gan_lightning.report.style import PAGE

NAMES = {"mmgan": "minimax, log(1 - D)", "nsgan": "non-saturating, -log D"}


def early_run(
    source: Source, loss: Loss, bar: Any, g_steps: int, d_steps: int, batch_size: int, seed: int
) -> dict[str, list[float]]:
    """G's gradient norm and D(G(z)) at each G step, from the start."""
    norms, verdicts = [], []

    class Look(Technique):
        def before_update(self, mover: nn.Module, player: Player) -> None:
            if player == "G":
                norms.append(nn.utils.get_total_norm([p.grad for p in mover.parameters() if p.grad is not None]).item())
                verdicts.append(gan.latest["fake"].sigmoid().mean().item())

    adam = partial(torch.optim.Adam, lr=2e-4, betas=(0.5, 0.999))
    torch.manual_seed(seed)
    data = GANData(source, batch_size, seed)
    data.prepare_data()
    data.setup()
    gan = GAN(
        Generator(100, source.shape),
        Discriminator(source.shape),
        Normal(100),
        loss,
        adam,
        adam,
        steps=g_steps,
        d_steps=d_steps,
        seed=seed,
        seats=Seats({"look": Look()}),
    )
    loop = Loop(gan)
    for images, labels in islice(iter(data.batches()), g_steps * d_steps):
        loop.step(to_signed_range(images), labels)
        bar.update()
    return {"gradient_norm_of_G": norms, "D_of_G": verdicts}


def run(
    out: Path, bar: Any, data: Source, steps: int = 150, d_steps: int = 5, batch_size: int = 64, seed: int = 0
) -> dict[str, Any]:
    """Writes figure.png.

    Args:
        out: folder for the file.
        bar: shows the progress.
        data: images.
        steps: G steps of each run.
        d_steps: k, D steps per G step.
        batch_size: images of each batch.
        seed: of the initial weights and the noise.

    Returns:
        ``early_run`` for each loss, and the median over the second half of (non-saturating over minimax gradient norm).
    """
    losses: dict[str, Loss] = {"mmgan": MMGAN(), "nsgan": NSGAN()}
    bar.reset(total=len(losses) * steps * d_steps)
    numbers: dict[str, Any] = {"dataset": data.name}
    for name, loss in losses.items():
        numbers[name] = early_run(data, loss, bar, steps, d_steps, batch_size, seed)
    half = steps // 2
    ratio = [a / b for a, b in zip(*(numbers[n]["gradient_norm_of_G"][half:] for n in ("nsgan", "mmgan")), strict=True)]
    numbers["ns_over_mm_median"] = torch.tensor(ratio).median().item()
    draw_losses(losses, numbers, d_steps, out / "figure.png")
    return numbers


def draw_losses(losses: Mapping[str, Loss], numbers: Mapping[str, Any], d_steps: int, path: Path) -> None:
    """Both losses and their slopes over D's logit; G's gradient and D(G(z)) in the runs of ``numbers``."""
    fig, axes = figure(2, 2, width=PAGE / 2, height=2.7)
    logits = torch.linspace(-8, 8, 401, dtype=torch.float64)
    for name, loss in losses.items():
        l = logits.clone().requires_grad_()  # noqa: E741
        values = torch.stack([loss.generator(None, x[None]) for x in l])
        (slope,) = torch.autograd.grad(values.sum(), l)
        lines = (values.detach(), slope, *(numbers[name][key] for key in ("gradient_norm_of_G", "D_of_G")))
        for axis, line, x in zip(axes, lines, (logits, logits, None, None), strict=True):
            axis.plot(*([line] if x is None else [x, line]), label=NAMES.get(name, name), linewidth=1.4)
    played = f"on {numbers['dataset']}, k = {d_steps}"
    words = (
        ("G's loss", "loss, nats", "D's logit of a sample"),
        ("Its slope", "nats per unit of the logit", "D's logit of a sample"),
        (f"G's gradient, {played}", "norm", "G steps"),
        (f"What D says of samples, {played}", "mean D(G(z))", "G steps"),
    )
    for axis, (heading, unit, over) in zip(axes, words, strict=True):
        headed(axis, heading, over, unit)
    for axis in axes[2:]:
        logarithmic(axis)
    legend_below(fig)
    save_figure(fig, path)
