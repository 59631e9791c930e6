"""A small encoder, trained on G's own samples: from what is known of an image to a z, and a class, to begin with.

E(what is known of G(z, y)) ~ z, by the square error of z and of the image, as in "map regression" of earlier inversions
(Zhu et al. 2016, section 3.2); for a G that takes labels it also learns the law of y given what is known, by the cross
entropy. So a class is chosen by all z that fit, and not by the best of them. Nothing real is needed.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from gan_lightning.core.rng import seed_layers
from gan_lightning.latent.bench import Bench
from gan_lightning.latent.glimpses import Glimpse

WIDTH, HIDDEN = 32, 256
NOISE = 0.5  # how much of a z of the prior is added to the encoder's


class Encoder(nn.Module):
    """``[N, C, S, S]`` in [-1, 1] -> z ``[N, dim]`` and logits of the classes ``[N, classes]``.

    Two strided convolutions, a dense layer, and a linear one.
    """

    def __init__(self, channels: int, side: int, dim: int, classes: int) -> None:
        super().__init__()
        self.dim = dim
        small = (side + 3) // 4  # halved twice, rounded up
        self.layers = nn.Sequential(
            nn.Conv2d(channels, WIDTH, 3, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(WIDTH, 2 * WIDTH, 3, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(2 * WIDTH * small * small, HIDDEN),
            nn.LeakyReLU(0.2),
            nn.Linear(HIDDEN, dim + classes),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        found: Tensor = self.layers(x)
        return found[:, : self.dim], found[:, self.dim :]


def trained_encoder(bench: Bench, glimpse: Glimpse, steps: int, batch_size: int = 64, lr: float = 2e-3) -> Encoder:
    """An encoder that has seen ``steps`` batches of G's samples, each as ``glimpse`` shows it.

    Adam, whose rate falls to 0 along a line. The same for the same seed.
    """
    G = bench.G
    seed_layers(torch.device("cpu"), bench.seed)
    encoder = Encoder(G.shape[0], G.shape[1], G.prior.dim, G.classes)
    parameters = list(encoder.parameters())
    optimizer = torch.optim.Adam(parameters, lr)
    noise = bench.stream("encoder")
    for step in range(steps):
        if step % 20 == 0:
            bench.bar.set_postfix_str(f"training the encoder, {step} of {steps} steps")
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        z = G.prior(batch_size, noise)
        labels = (torch.arange(batch_size) + step * batch_size) % G.classes if G.classes else None
        with torch.no_grad():
            x = G(z, labels)
        guess, logits = encoder(glimpse.shown(glimpse.known(x)))
        loss = mse_loss(guess, z) + mse_loss(G(guess, labels), x)
        if labels is not None:
            loss = loss + cross_entropy(logits, labels)
        for parameter, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = slope
        optimizer.step()
    return encoder.eval().requires_grad_(False)


def starts(
    bench: Bench, encoder: Encoder | None, shown: Tensor, restarts: int, likeliest: int
) -> tuple[Tensor, Tensor | None]:
    """z to begin with ``[N, restarts, dim]``, and labels ``[N, restarts]`` for a G that takes them.

    The encoder's z, the same with noise, one of the prior, noise again, ...; for a G that takes labels each of these
    for all of the ``likeliest`` classes before the next. Without an encoder all z are the prior's, and each class in
    turn.
    """
    n, G = len(shown), bench.G
    z = G.prior(n * restarts, bench.stream("starts")).view(n, restarts, -1)
    if encoder is None:
        y = bench.classes_of(restarts)
        return z, None if y is None else y.expand(n, -1)
    guess, logits = encoder(shown)
    if bench.bounds:
        guess = guess.clamp(*bench.bounds)
    classes = min(likeliest, G.classes)
    turn = torch.arange(restarts) // max(1, classes)
    z[:, turn % 2 == 1] = (guess[:, None] + NOISE * z)[:, turn % 2 == 1]
    z[:, turn == 0] = guess[:, None]
    if bench.bounds:
        z = z.clamp(*bench.bounds)
    if not classes:
        return z, None
    return z, logits.topk(classes).indices[:, torch.arange(restarts) % classes]
