"""Directions of z along which something that can be seen changes: three ways to find them.

``sefa``: eigenvectors of A^T A, A the weights of G's first layer, those of the largest eigenvalues first (Shen & Zhou
2021, equation 5). ``ganspace``: principal components of the outputs of G's first activation, each brought back to z by
least squares (Harkonen et al. 2020, sections 2.1 and 2.2). ``class``: for each class the slope of the judge's
probability in z, by least squares. All have length 1, so that along a direction a normal prior has a standard deviation
of 1.
"""

from typing import Any

import torch
from torch import Tensor, nn

from gan_lightning.core.sampler import in_batches
from gan_lightning.io.files import whole
from gan_lightning.io.tensors import to_bytes
from gan_lightning.latent.bench import Bench, check_images
from gan_lightning.latent.sheets import sheet_of_rows

ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.ELU, nn.Tanh)


def unit(rows: Tensor, *, signed: bool = False) -> Tensor:
    """``rows`` ``[k, dim]``, each of length 1; its largest coordinate above 0, unless its sign has a meaning."""
    sign = torch.ones(()) if signed else rows.gather(1, rows.abs().argmax(1, keepdim=True)).sign()
    found: Tensor = rows * sign / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return found


def sefa(G: nn.Module, dim: int, count: int) -> Tensor:
    """``[count, dim]``. Raises ValueError where G has no linear layer that z goes into."""
    first = next((m for m in G.modules() if isinstance(m, nn.Linear)), None)
    if first is None or first.in_features < dim:
        raise ValueError(
            "task=directions needs a G whose first layer is linear in z, and this one has none. Leave it out."
        )
    A = first.weight[:, :dim].double()
    vectors: Tensor = torch.linalg.eigh(A.T @ A).eigenvectors.T.flip(0)[:count]
    return unit(vectors).float()


def ganspace(bench: Bench, z: Tensor, y: Tensor | None, count: int) -> Tensor:
    """``[count, dim]``; none for a G without an activation. ``z`` ``[n, dim]`` are samples of the prior."""
    layer = next((m for m in bench.G.G.modules() if isinstance(m, ACTIVATIONS)), None)
    if layer is None:
        return z[:0]
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: seen.append(output.flatten(1)))
    with torch.no_grad():
        in_batches(bench.G, z, y)
    handle.remove()
    h = torch.cat(seen).double()
    h = h - h.mean(0)
    components = torch.linalg.eigh(h.T @ h).eigenvectors.flip(1)[:, :count]
    return unit(slopes_in_z(z, h @ components)).float()


def slopes_in_z(z: Tensor, values: Tensor) -> Tensor:
    """``[k, dim]``: how each column of ``values`` ``[n, k]`` grows with z ``[n, dim]``, by least squares; float64."""
    z = (z - z.mean(0)).double()
    found: Tensor = torch.linalg.solve(z.T @ z, z.T @ (values.double() - values.double().mean(0))).T
    return found


def found_directions(bench: Bench, count: int, n: int) -> dict[str, Tensor]:
    """Name -> directions ``[k, dim]``."""
    G = bench.G
    z, y = G.prior(n, bench.stream("directions")), G.labels(n, bench.seed)
    found = {"sefa": sefa(G.G, G.prior.dim, count), "ganspace": ganspace(bench, z, y, count)}
    if bench.judge is not None and not G.classes:
        with torch.no_grad():
            probabilities = bench.judge(in_batches(G, z, y))[1]
        found["class"] = unit(slopes_in_z(z, probabilities), signed=True).float()
    return {name: rows for name, rows in found.items() if len(rows)}


@torch.no_grad()
def run(bench: Bench, count: int = 6, n: int = 5000, span: float = 3.0, columns: int = 9) -> dict[str, Any]:
    """Writes directions.safetensors and a sheet of each kind, on which one z goes from -span to span along a direction.

    Args:
        count: directions of ``sefa`` and ``ganspace``.
        n: samples that ``ganspace`` and ``class`` are fitted to.
        span: in standard deviations of the prior.
        columns: of the sheets.

    Returns:
        Of each direction how much of the image changes from one end to the other, and where there is a judge how often
        its label does, over 200 z; for ``class`` how often it sees that class at the end.
    """
    G = bench.G
    check_images(G, "directions")
    found = found_directions(bench, count, n)
    amounts = torch.linspace(-span, span, columns)
    start = G.prior(1, bench.stream("sheet"))
    numbers: dict[str, Any] = {}
    for kind, rows in found.items():
        y = None if not G.classes else torch.zeros(columns, dtype=torch.int64)
        shown = {f"{kind} {i}": G(moved(start, row, amounts), y) for i, row in enumerate(rows)}
        heads = [f"{a:+.1f}" for a in amounts.tolist()]
        words = f"{bench.run}: along {kind} directions, in standard deviations of the prior"
        sheet_of_rows(shown, bench.file(f"{kind}.png"), words, heads)
        numbers[kind] = [change_along(bench, row, span, i if kind == "class" else None) for i, row in enumerate(rows)]
    with whole(bench.file("directions.safetensors")) as file:
        file.write(to_bytes(found, {"task": "directions", "rows": "of length 1"}))
    return numbers


def moved(z: Tensor, direction: Tensor, amounts: Tensor) -> Tensor:
    """``z`` ``[1, dim]`` with each of ``amounts`` ``[n]`` as its coordinate along ``direction``."""
    return z - (z @ direction)[:, None] * direction + amounts[:, None] * direction


def change_along(bench: Bench, direction: Tensor, span: float, wanted: int | None, n: int = 200) -> dict[str, float]:
    """What happens from one end of a direction to the other, over ``n`` z."""
    G = bench.G
    z, y = G.prior(n, bench.stream("ends")), G.labels(n, bench.seed)
    base = z - (z @ direction)[:, None] * direction
    low, high = G(base - span * direction, y), G(base + span * direction, y)
    found = {"pixels": float((high - low).square().mean().sqrt())}
    if bench.judge is not None:
        one, other = (bench.judge(x)[1].argmax(1) for x in (low, high))
        found["label_changes"] = float((one != other).double().mean())
        if wanted is not None:
            found["class_at_the_end"] = float((other == wanted).double().mean())
    return found
