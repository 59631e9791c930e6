"""The z of given images: what G can draw of them, and what it cannot."""

from typing import Any

import torch

from gan_lightning.io.files import whole
from gan_lightning.io.tensors import to_bytes
from gan_lightning.latent.answering import answers, encoder_for, report, score_card, self_inversion
from gan_lightning.latent.bench import Bench, check_images
from gan_lightning.latent.given import given_images
from gan_lightning.latent.glimpses import Whole
from gan_lightning.latent.search import Effort


def run(
    bench: Bench,
    images: str = "report",
    own: int = 300,
    encoder_steps: int = 600,
    restarts: int = 4,
    steps: int = 200,
    lr: float = 0.1,
    prior: float = 0.1,
    likeliest: int = 3,
    realism: float = 0.0,
) -> dict[str, Any]:
    """Writes figure.png, worst.png, card.md and z.safetensors (z, and labels y of a G that takes them).

    Args:
        images: as in ``given.given_images``.
        own: how many of G's own samples are inverted too; 0: none.
        encoder_steps: batches of samples that the encoder sees; 0: no encoder.
        restarts, likeliest, steps, lr, prior, realism: of the search (``search.Effort``).

    Returns:
        Scores of G and of the floors; of G's own samples.
    """
    G = bench.G
    check_images(G, "invert")
    given = given_images(bench, images)
    glimpse = Whole(tuple(G.shape))
    effort = Effort(restarts, steps, lr, prior, realism, likeliest)
    encoder = encoder_for(bench, glimpse, encoder_steps)
    answered = answers(bench, glimpse, given.images, encoder, effort)
    card, rows = score_card(bench, glimpse, given.images, answered)
    shown = {"image": given.images, "G(z)": answered.images} | {k: v for k, v in rows.items() if k != "G"}
    numbers = report(bench, given, shown, answered, card, f"{bench.run}: the z of images")
    tensors = {"z": answered.found.z}
    if answered.found.y is not None:
        tensors["y"] = answered.found.y.to(torch.int64)
    with whole(bench.file("z.safetensors")) as file:
        file.write(to_bytes(tensors, {"task": "invert", "images": images}))
    if own:
        numbers["own samples"] = {"n": own, **self_inversion(bench, glimpse, encoder, effort, own)}
    return numbers
