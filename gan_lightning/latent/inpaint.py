"""A hole in an image filled by G (Yeh et al. 2017): weighted context, D's verdict, then blending."""

from typing import Any

import torch
from torch import Tensor

from gan_lightning.latent.answering import answers, encoder_for, report, score_card
from gan_lightning.latent.bench import Bench, check_images
from gan_lightning.latent.given import given_images, mask_of
from gan_lightning.latent.glimpses import Hole
from gan_lightning.latent.search import Effort


def run(
    bench: Bench,
    images: str = "report",
    mask: str = "centre",
    window: int = 0,
    encoder_steps: int = 1200,
    restarts: int = 8,
    steps: int = 200,
    lr: float = 0.1,
    prior: float = 0.3,
    likeliest: int = 1,
    realism: float = 1.0,
) -> dict[str, Any]:
    """Writes figure.png, worst.png and card.md. Known pixels of an answer are those of the image, to the last bit.

    Args:
        images: as in ``given.given_images``.
        mask: as in ``given.mask_of``.
        window: side of the window by which known pixels near the hole count more; 0: all count 1.
        encoder_steps: batches of samples that the encoder sees, with the hole; 0: no encoder.
        restarts, likeliest, steps, lr, prior, realism: of the search (``search.Effort``).

    Returns:
        Scores of G and of the floors, inside and outside of the hole.
    """
    G = bench.G
    check_images(G, "inpaint")
    given = given_images(bench, images)
    hole = mask_of(mask, G.shape[1], bench)
    glimpse = Hole(hole, G.shape[0], window)
    effort = Effort(restarts, steps, lr, prior, realism, likeliest)
    encoder = encoder_for(bench, glimpse, encoder_steps)
    answered = answers(bench, glimpse, given.images, encoder, effort)
    known = glimpse.known(answered.images)
    assert torch.equal(known, answered.known), "known pixels stay"
    card, rows = score_card(bench, glimpse, given.images, answered, hole)
    shown: dict[str, Tensor] = {"image": given.images, "what is known": glimpse.shown(answered.known)}
    shown |= {"G(z)": answered.found.samples, "G(z), blended": answered.images}
    shown |= {k: v for k, v in rows.items() if k != "G"}
    words = f"{bench.run}: a hole (mask={mask}, {int(hole.sum())} of {hole.numel()} pixels) filled"
    numbers = report(bench, given, shown, answered, card, words)
    return {"pixels in the hole": int(hole.sum()), **numbers}
