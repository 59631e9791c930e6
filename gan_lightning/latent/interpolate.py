"""What G draws on the way from one z to another, straight and along a great circle, and from one class to another."""

from typing import Any

import torch
from torch import Tensor

from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.lines import spherical, straight
from gan_lightning.latent.bench import Bench, check_images
from gan_lightning.latent.sheets import moment, sheet_of_rows
from gan_lightning.report.drawing import save_animation


def path_length(samples: Tensor, features: Tensor | None) -> dict[str, float]:
    """Sums of the distances between neighbours: root mean square of pixels, and Euclid in the judge's features."""
    pixels = (samples[1:] - samples[:-1]).flatten(1).square().mean(1).sqrt().sum()
    found = {"pixels": float(pixels)}
    if features is not None:
        found["features"] = float((features[1:] - features[:-1]).norm(dim=1).sum())
    return found


def between_classes(G: Any, z: Tensor, first: int, second: int, share: Tensor) -> Tensor:
    """Samples of one ``z`` ``[dim]`` on the straight line between the codes of two classes."""
    conditional: ConditionalGenerator = G.G
    seen, code = conditional.parts(z.expand(2, -1), torch.tensor([first, second]))
    return conditional.made_of(seen[:1].expand(len(share), -1), straight(code[0], code[1], share))


@torch.no_grad()
def run(bench: Bench, pairs: int = 4, n: int = 12, frames: int = 12) -> dict[str, Any]:
    """Writes figure.png and animation.gif.

    Args:
        pairs: how many pairs of z.
        n: samples on each line.
        frames: pictures from one z of the animation to the next.

    Returns:
        Mean lengths of the paths of each kind of line, and which the prior asks for.
    """
    G = bench.G
    check_images(G, "interpolate")
    own = "straight" if bench.bounds else "spherical"
    z = G.prior(2 * pairs, bench.stream("interpolate"))
    share = torch.linspace(0, 1, n)
    rows: dict[str, Tensor] = {}
    lengths: dict[str, list[dict[str, float]]] = {}
    for name, line in (("spherical", spherical), ("straight", straight)):
        for i in range(pairs):
            y = None if not G.classes else torch.full((n,), i % G.classes)
            samples = G(line(z[2 * i], z[2 * i + 1], share), y)
            rows[f"{name} {i + 1}"] = samples
            features = bench.judge(samples)[0] if bench.judge is not None else None
            lengths.setdefault(name, []).append(path_length(samples, features))
    numbers: dict[str, Any] = {name: means_of(each) for name, each in lengths.items()} | {"line of the prior": own}
    if G.classes:
        for i in range(pairs):
            first, second = 2 * i % G.classes, (2 * i + 1) % G.classes
            rows[f"class {first} to {second}"] = between_classes(G, z[i], first, second, share)
    heads = [f"{float(t):.2f}" for t in share]
    sheet_of_rows(
        rows, bench.file("figure.png"), f"{bench.run}: from one z to another; this prior's line is {own}", heads
    )
    bench.bar.set_postfix_str("the animation")
    line = straight if bench.bounds else spherical
    steps = torch.linspace(0, 1, frames + 1)[:-1]
    ring = [torch.cat([line(a, b, steps) for a, b in zip(part, part.roll(-1, 0), strict=True)])
            for part in G.prior(16, bench.stream("animation")).view(4, 4, -1)]  # fmt: skip
    moments = torch.stack(ring, 1)
    y = None if not G.classes else torch.arange(4) % G.classes
    pictures = []
    for i, at in enumerate(moments):
        first, passed = divmod(i, frames)
        where = f"z {first + 1} to z {(first + 1) % 4 + 1}, {passed / frames:.2f} of the way"
        pictures.append(moment(G(at, y), 4, f"{bench.run}: four ways from {where}"))
    save_animation(pictures, bench.file("animation.gif"), frame_ms=80)
    return numbers


def means_of(lengths: list[dict[str, float]]) -> dict[str, float]:
    return {key: sum(each[key] for each in lengths) / len(lengths) for key in lengths[0]}
