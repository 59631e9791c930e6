"""Given images moved along a direction of z."""

import re
from typing import Any

import torch
from torch import Tensor

from gan_lightning.latent.answering import answers, encoder_for
from gan_lightning.latent.bench import Bench, check_images
from gan_lightning.latent.directions import found_directions
from gan_lightning.latent.given import given_images
from gan_lightning.latent.glimpses import Whole
from gan_lightning.latent.search import Effort
from gan_lightning.latent.sheets import sheet_of_rows

MOST = 32  # images of a sheet


def direction_of(asked: str, found: dict[str, Tensor]) -> Tensor:
    """The direction called ``sefa:0``, ``ganspace:2`` or ``class:7``. Raises ValueError where there is none."""
    match = re.fullmatch(r"(\w+):(\d{1,4})", asked)
    if not match or match[1] not in found or int(match[2]) >= len(found[match[1]]):
        there = ", ".join(f"{name}:0 to {name}:{len(rows) - 1}" for name, rows in found.items())
        raise ValueError(f"direction={asked} is none of this generator, which has {there}. Write one of these.")
    return found[match[1]][int(match[2])]


def run(
    bench: Bench,
    images: str = "test:0-11",
    direction: str = "sefa:0",
    amount: float = 2.0,
    stages: int = 4,
    count: int = 6,
    n: int = 5000,
    encoder_steps: int = 600,
    restarts: int = 4,
    steps: int = 200,
) -> dict[str, Any]:
    """Writes figure.png: the images, what G makes of their z, and of z moved by a share of ``amount`` after the other.

    Args:
        images: as in ``given.given_images``, at most MOST.
        direction: ``sefa:0``, ``ganspace:0`` or ``class:0`` (``directions.found_directions``).
        amount: how far, in standard deviations of the prior; below 0 the other way.
        stages: rows of the sheet on the way.
        count, n: of ``found_directions``.
        encoder_steps, restarts, steps: of the inversion.

    Returns:
        The labels that the judge sees in each row.
    """
    G = bench.G
    check_images(G, "edit")
    along = direction_of(direction, found_directions(bench, count, n))
    given = given_images(bench, images)
    if len(given) > MOST:
        raise ValueError(f"images={images} must be at most {MOST} for task=edit, got {len(given)}. Take fewer.")
    glimpse = Whole(tuple(G.shape))
    found = answers(
        bench, glimpse, given.images, encoder_for(bench, glimpse, encoder_steps), Effort(restarts, steps, likeliest=3)
    ).found
    rows = {"image": given.images, "G(z)": found.samples}
    with torch.no_grad():
        for stage in range(1, stages + 1):
            here = amount * stage / stages
            rows[f"{direction} {here:+.2f}"] = G(found.z + here * along, found.y)
    sheet_of_rows(rows, bench.file("figure.png"), f"{bench.run}: images moved along {direction}", given.names)
    judge = bench.judge
    labels = {} if judge is None else {name: judge(x)[1].argmax(1).tolist() for name, x in rows.items()}
    return {"rows": given.names, "labels": labels}
