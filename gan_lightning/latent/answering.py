"""What invert, inpaint and upscale share: an encoder, the search, the scores beside the floors, a sheet."""

import logging
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gan_lightning.io.files import write_text
from gan_lightning.latent.bench import Bench
from gan_lightning.latent.encoder import Encoder, starts, trained_encoder
from gan_lightning.latent.floors import floors
from gan_lightning.latent.given import Given
from gan_lightning.latent.glimpses import Glimpse
from gan_lightning.latent.scores import Scores, psnr, scores, scores_table
from gan_lightning.latent.search import Effort, Found, search
from gan_lightning.latent.sheets import sheet_of_rows

log = logging.getLogger(__name__)

SHOWN = 12  # columns of a sheet


@dataclass
class Answers:
    """Attributes:
    known: ``[N, K]``, what was known; found: the search's; images: ``[N, C, S, S]``, the answers.
    """

    known: Tensor
    found: Found
    images: Tensor


@torch.no_grad()
def seen_by(glimpse: Glimpse, images: Tensor) -> Tensor:
    """What is known of images, ``[N, K]``."""
    return glimpse.known(images)


def encoder_for(bench: Bench, glimpse: Glimpse, steps: int) -> Encoder | None:
    return trained_encoder(bench, glimpse, steps) if steps else None


def answers(bench: Bench, glimpse: Glimpse, images: Tensor, encoder: Encoder | None, effort: Effort) -> Answers:
    """The search's answers for what is known of ``images``."""
    known = seen_by(glimpse, images)
    z, labels = starts(bench, encoder, glimpse.shown(known), effort.restarts, effort.likeliest)
    found = search(bench, glimpse, known, z, labels, effort)
    return Answers(known, found, glimpse.completed(found.samples, known))


def score_card(
    bench: Bench, glimpse: Glimpse, images: Tensor, answered: Answers, hole: Tensor | None = None
) -> tuple[dict[str, Scores], dict[str, Tensor]]:
    """(name -> scores, name -> images) of the answers and of the floors."""
    bench.bar.set_postfix_str("the floors")
    made = {"G": answered.found.samples} | floors(bench.train[0], glimpse, answered.known, bench.G.prior.dim)
    rows = {name: glimpse.completed(x, answered.known) for name, x in made.items()}
    return {name: scores(rows[name], images, bench.judge, hole, made[name]) for name in rows}, rows


def self_inversion(bench: Bench, glimpse: Glimpse, encoder: Encoder | None, effort: Effort, n: int) -> dict[str, float]:
    """Of ``n`` of G's own samples: how near the search comes to them, and to the z that they were made from."""
    z = bench.G.prior(n, bench.stream("own"))
    with torch.no_grad():
        own = bench.G(z, bench.classes_of(n))
    answered = answers(bench, glimpse, own, encoder, effort)
    return {
        "psnr": float(psnr(answered.images, own).mean()),
        "distance_of_z": float((answered.found.z - z).norm(dim=1).mean()),
        "norm_of_z": float(z.norm(dim=1).mean()),
    }


def report(
    bench: Bench,
    given: Given,
    shown: dict[str, Tensor],
    answered: Answers,
    card: dict[str, Scores],
    caption: str,
) -> dict[str, Any]:
    """Write card.md, a sheet of images spread over all that were given, and the sheet of the least good answers."""
    write_text(bench.file("card.md"), scores_table(card) + "\n")
    log.info("%s", scores_table(card))
    spread = torch.linspace(0, len(given) - 1, min(SHOWN, len(given))).round().long()
    rows = {name: images[spread] for name, images in shown.items()}
    sheet_of_rows(rows, bench.file("figure.png"), caption, [column_name(given.names[i]) for i in spread.tolist()])
    each = psnr(answered.images, given.images)
    worst = each.argsort()[:SHOWN]
    rows = {name: images[worst] for name, images in shown.items()}
    words = [f"{column_name(given.names[i])}\n{float(each[i]):.1f} dB" for i in worst.tolist()]
    sheet_of_rows(rows, bench.file("worst.png"), f"{caption}: the answers farthest from the image", words)
    return {"images": len(given), "rows": given.names, "scores": card}


def column_name(name: str) -> str:
    """What stands above a column: a test image's number, or the beginning of a file's name."""
    return name.removeprefix("test:")[:10]
