"""A small image enlarged by G: the z whose sample, shrunk, is the image (Bora et al. 2017; Menon et al. 2020)."""

from typing import Any

from torch import Tensor

from gan_lightning.latent.answering import answers, encoder_for, report, score_card
from gan_lightning.latent.bench import Bench, check_images
from gan_lightning.latent.given import given_images
from gan_lightning.latent.glimpses import Shrunk
from gan_lightning.latent.search import Effort


def run(
    bench: Bench,
    images: str = "report",
    factor: int = 4,
    encoder_steps: int = 600,
    restarts: int = 8,
    steps: int = 200,
    lr: float = 0.1,
    prior: float = 0.1,
    likeliest: int = 1,
    realism: float = 1.0,
) -> dict[str, Any]:
    """Writes figure.png, worst.png and card.md.

    Args:
        images: as in ``given.given_images``; each is shrunk first, and then enlarged.
        factor: by how much.
        encoder_steps: batches of shrunk samples that the encoder sees; 0: no encoder.
        restarts, likeliest, steps, lr, prior, realism: of the search (``search.Effort``).

    Returns:
        Scores of G and of the floors.
    """
    G = bench.G
    check_images(G, "upscale")
    glimpse = Shrunk(tuple(G.shape), factor)
    given = given_images(bench, images)
    effort = Effort(restarts, steps, lr, prior, realism, likeliest)
    encoder = encoder_for(bench, glimpse, encoder_steps)
    answered = answers(bench, glimpse, given.images, encoder, effort)
    card, rows = score_card(bench, glimpse, given.images, answered)
    shown: dict[str, Tensor] = {"image": given.images, "what is known": glimpse.shown(answered.known)}
    shown |= {"G(z)": answered.images} | {k: v for k, v in rows.items() if k != "G"}
    side = G.shape[1] // factor
    words = f"{bench.run}: {side} x {side} pixels enlarged to {G.shape[1]} x {G.shape[1]}"
    return report(bench, given, shown, answered, card, words)
