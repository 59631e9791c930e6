"""The gradient that G gets from a D trained to perfection: Arjovsky & Bottou 2017, figures 1 to 3, on small images.

A DCGAN is trained, and after some numbers of G steps a copy of G is kept. Against each kept G, which is fixed, a new D
is trained, and every few of its steps the gradient that G would get is measured: of log(1 - D(G(z))) (minimax) and of
-log D(G(z)) (non-saturating), its norm and, over fresh batches of z, the variance of its coordinates. Against one of
the G this is repeated with instance noise on all that D sees, and with the Wasserstein loss under weight clipping,
where the gradient is that of -D(G(z)).
"""

import copy
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.core.pixels import to_signed_range
from gan_lightning.core.play import Loss
from gan_lightning.core.prior import Normal
from gan_lightning.core.rng import Stream, Streams
from gan_lightning.core.seats import Seats
from gan_lightning.data.arrays import GANData, Source
from gan_lightning.game.loop import Loop
from gan_lightning.game.module import GAN
from gan_lightning.io.files import write_json
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.losses.wgan import WGAN
from gan_lightning.networks.dcgan import Discriminator, Generator
from gan_lightning.studies.courses import course_summary, draw_courses
from gan_lightning.techniques.instance_noise import InstanceNoise
from gan_lightning.techniques.weight_clipping import WeightClipping

Batch = tuple[Tensor, Tensor]
BETAS = (0.5, 0.999)  # of Adam, as in Radford et al. 2015


def batches(data: GANData) -> Iterator[Batch]:
    """Images in [-1, 1] and labels, without end."""
    for images, labels in iter(data.batches()):
        yield to_signed_range(images), labels


def trained_generators(data: GANData, at: Sequence[int], width: int, seed: int, bar: Any) -> dict[int, nn.Module]:
    """G after each of ``at`` G steps of a DCGAN, in eval mode: a fixed map from z to images."""
    torch.manual_seed(seed)
    adam = partial(torch.optim.Adam, lr=2e-4, betas=BETAS)
    shape = data.source.shape
    G, D = Generator(100, shape, width), Discriminator(shape, width)
    loop = Loop(GAN(G, D, Normal(100), NSGAN(), adam, adam, steps=max(at), seed=seed))
    kept: dict[int, nn.Module] = {}
    for i, batch in enumerate(islice(batches(data), max(at))):
        loop.step(*batch)
        bar.update()
        if i + 1 in at:
            kept[i + 1] = copy.deepcopy(G).eval()
    return kept


def gradient_of_g(gan: GAN, terms: dict[str, Any], z: Tensor) -> dict[str, dict[str, float]]:
    """For each of ``terms`` (name -> loss of G as a function of logits ``[n]``) its gradient in G's parameters.

    Over the B batches of ``z`` ``[B, n, dim]``: norm of the mean gradient, and mean variance of the coordinates.
    """
    parameters = list(gan.G.parameters())
    found: dict[str, list[Tensor]] = {name: [] for name in terms}
    for part in z:
        _, logits = gan.discriminate(gan.G(part))
        for name, term in terms.items():
            gradients = torch.autograd.grad(term(logits), parameters, retain_graph=True)
            found[name].append(torch.cat([g.flatten() for g in gradients]).double())
    stacked = {name: torch.stack(g) for name, g in found.items()}
    return {name: {"norm": g.mean(0).norm().item(), "variance": g.var(0).mean().item()} for name, g in stacked.items()}


def perfect(
    G: nn.Module,
    data: GANData,
    iterations: int,
    every: int,
    width: int,
    seed: int,
    bar: Any,
    lr: float,
    norm: str = "none",
    sigma: float = 0.0,
    wasserstein: bool = False,
) -> list[dict[str, float]]:
    """Train a new D against a fixed ``G``, with Adam (for Wasserstein with RMSprop, as in its paper).

    Args:
        iterations: steps of D.
        every: steps from one measurement to the next.
        width, lr, norm: of D, of its Adam, and its normalisation ("batch" or "none").
        sigma: of the instance noise; 0 for none.
        wasserstein: the Wasserstein loss under weight clipping in place of the 2014 loss.

    Returns:
        Of each measurement: the iteration, ``gradient_of_g``, the loss of D, and its accuracy on a batch.
    """
    torch.manual_seed(seed)
    techniques: dict[str, Any] = {"instance_noise": InstanceNoise(sigma)} if sigma else {}
    if wasserstein:
        techniques["weight_clipping"] = WeightClipping(0.01)
    loss: Loss = WGAN() if wasserstein else NSGAN()
    D = Discriminator(data.source.shape, width, d_norm=norm)
    maker = partial(torch.optim.RMSprop, lr=5e-4) if wasserstein else partial(torch.optim.Adam, lr=lr, betas=BETAS)
    gan = GAN(copy.deepcopy(G).eval(), D, Normal(100), loss, maker, maker, steps=1, d_steps=iterations + 1, seed=seed,
              seats=Seats(techniques))  # fmt: skip
    loop = Loop(gan)
    z = torch.stack([gan.prior(64, Stream(i, name="probe")) for i in range(8)])
    terms = (
        {"wgan": lambda logits: -logits.mean()}
        if wasserstein
        else {"mmgan": lambda logits: -F.softplus(logits).mean(), "nsgan": lambda logits: F.softplus(-logits).mean()}
    )
    course = []
    for i, batch in enumerate(islice(batches(data), iterations)):
        if i % every == 0:
            gan.rng = Streams(seed, 10**9 + i)
            gradients = gradient_of_g(gan, terms, z)
            entry = {f"{name}_{what}": value for name, values in gradients.items() for what, value in values.items()}
        loop.step(*batch)
        if i % every == 0:
            right = (gan.latest["real"] > 0).float().mean() + (gan.latest["fake"] < 0).float().mean()
            entry |= {"iteration": i, "error_of_D": gan.latest["loss/d"].item(), "accuracy_of_D": right.item() / 2}
            course.append(entry)
        bar.update()
    return course


def run(
    out: Path,
    bar: Any,
    data: Source,
    at: Sequence[int] = (100, 400, 800),
    iterations: int = 400,
    every: int = 10,
    width: int = 16,
    d_width: int = 32,
    d_lr: float = 1e-3,
    d_norm: str = "none",
    noise_at: int = 100,
    sigmas: Sequence[float] = (0.1, 0.3, 1.0, 2.0, 4.0),
    batch_size: int = 64,
    seed: int = 0,
) -> dict[str, Any]:
    """Writes figure.png, and courses.json after each game. Returns all courses, each with its ``course_summary``.

    Args:
        out: folder for the files.
        bar: shows the progress.
        data: images.
        at: G steps of the DCGAN after which G is kept.
        iterations: of the new D against each kept G.
        every: iterations between two measurements.
        width: of the DCGAN's players.
        d_width, d_lr: of the new D, and its Adam's learning rate.
        d_norm: "batch", as the DCGAN's D has it, or "none". BatchNorm helps the new D, since a batch is all real or all
            fake and its statistics show which.
        noise_at: G steps of the kept G that also meets D under instance noise, and under the Wasserstein loss.
        sigmas: of that noise.
        batch_size: images of each batch.
        seed: of everything.
    """
    if noise_at not in at:
        raise ValueError(f"study.noise_at must be one of study.at={list(at)}, got {noise_at}.")
    if d_norm not in ("batch", "none"):
        raise ValueError(f"study.d_norm must be batch or none, got {d_norm!r}. Choose one of the two.")
    module = GANData(data, batch_size, seed)
    module.prepare_data()
    module.setup()
    bar.reset(total=max(at) + iterations * (len(at) + len(sigmas) + 1))
    generators = trained_generators(module, at, width, seed, bar)

    courses: dict[str, list[dict[str, float]]] = {}

    def play(name: str, G: nn.Module, sigma: float = 0.0, wasserstein: bool = False) -> list[dict[str, float]]:
        courses[name] = perfect(G, module, iterations, every, d_width, seed, bar, d_lr, d_norm, sigma, wasserstein)
        write_json(out / "courses.json", courses)  # so that a study that is stopped leaves the games it has played
        return courses[name]

    games = {f"{n} G steps": play(f"{n} G steps", G) for n, G in generators.items()}
    again = generators[noise_at]
    noisy = {0.0: games[f"{noise_at} G steps"]} | {s: play(f"noise {s:g}", again, sigma=s) for s in sigmas}
    critic = play("wasserstein", again, wasserstein=True)

    draw_courses(games, noisy, critic, out / "figure.png")
    alive = [sigma for sigma, course in noisy.items() if course_summary(course)["mmgan_norm_end_over_highest"] >= 0.1]
    return {
        "dataset": data.name,
        "smallest_sigma_that_keeps_the_minimax_gradient_within_a_decade": min(alive, default=None),
        "games": {name: {"course": c, **course_summary(c)} for name, c in games.items()},
        "noise": {str(sigma): {"course": c, **course_summary(c)} for sigma, c in noisy.items()},
        "wasserstein": {"course": critic, **course_summary(critic)},
    }
