"""The page of an exported generator: what it is, how it was trained, what was measured, and how to use it."""

import re
import textwrap
from collections.abc import Mapping
from typing import Any

from torch import nn

from gan_lightning.config.build import build_source
from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.prior import in_torch
from gan_lightning.io.tables import markdown_table
from gan_lightning.report.programs import what_goes_in
from gan_lightning.runs.load import LoadedGenerator

HEAD = """\
---
library_name: gan_lightning
tags: [gan, {dataset}]
pipeline_tag: unconditional-image-generation
---

# {name}

A generator of a generative adversarial network ({network}, {loss}{techniques}{condition}), trained for {steps} G steps
of batch {batch} on {dataset} with seed {seed}; {what}. `config.yaml` is its whole configuration.

Drawn and measured: `python -m gan_lightning.sample run={run}`, and likewise `evaluate` and `export`; in Python
`gan_lightning.load("{run}")`.
"""

LIMITS = """\
## Limits

It draws samples that look like its training data and nothing else; it has what faults and leanings those have. Its
samples carry no mark that tells them from real data: say where they come from. The numbers are on the features of this
project's own judge and compare with none on others.

Licence of the weights: MIT, as the project's. Of the training data: {licence}.
"""


def page_of(card: Mapping[str, Any], G: LoadedGenerator, sizes: Mapping[str, int], run: str) -> str:
    """README.md of an export in Markdown, with the front matter of a model card.

    Args:
        card: what card.json has.
        sizes: bytes of each file.
        run: what is typed behind ``run=`` to use it.
    """
    cfg = G.config
    source = build_source(cfg.data)
    average = "" if card["generator"] == "G" else f"G's average `{card['generator']}`"
    head = HEAD.format(
        name=card["name"],
        dataset=source.name,
        network=str(cfg.network.G._target_).split(".")[-2],
        loss=str(cfg.loss._target_).rpartition(".")[2],
        techniques="".join(f", {name}" for name in cfg.technique),
        condition=f", condition={str(cfg.condition._target_).split('.')[-2]}" if cfg.get("condition") else "",
        steps=G.g_steps,
        batch=cfg.batch_size,
        seed=cfg.seed,
        what=average or "its G",
        run=run,
    )
    parts = [head, "## In and out", "", *(f"* `{k}`: {v}" for k, v in what_goes_in(G).items()), ""]
    parts += ["## Files", "", files_table(card, sizes), numbers(card)]
    if lines := bare_lines(G):
        parts += [
            "## Without this project",
            "",
            "With torch and safetensors alone:",
            "",
            *("    " + x for x in lines),
            "",
        ]
    return "\n".join([*parts, LIMITS.format(licence=source.licence)])


def files_table(card: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    rows = [[name, f"{sizes[name]:,}", f"`{digest}`"] for name, digest in card["sha256"].items()]
    kind = f"Matrices are kept as {card['precision']}, vectors as float32.\n"
    return markdown_table(["file", "bytes", "SHA-256"], rows) + "\n\n" + kind


def numbers(card: Mapping[str, Any]) -> str:
    measured = card["measured"]
    if "values" not in measured:
        return "Nothing was measured.\n"
    protocol = measured["protocol"]
    rows = [[f"`{k}`", f"{v:.4f}", f"{measured['floor'][k]:.4f}"] for k, v in measured["values"].items()]
    each = ", ".join(f"{name} {value:.4f}" for name, value in measured["frechet_distance"].items())
    return (
        f"## Numbers\n\n{protocol['n_fake']} samples of seed {protocol['seed']} beside {protocol['n_real']} images "
        f"of the {protocol['split']} set of {protocol['dataset']}; the floor is that of real training images.\n\n"
        + markdown_table(["", "samples", "floor"], rows)
        + f"\n\nFrechet distance by the kind of numbers: {each}.\n"
    )


def bare_lines(G: LoadedGenerator) -> list[str]:
    """Python that makes G and 64 samples with torch and safetensors alone; none where G is no chain of layers."""
    inner, before = G.G, ""
    if isinstance(inner, ConditionalGenerator):
        if type(inner) is not ConditionalGenerator or type(inner.code) is not nn.Embedding:
            return []
        inner, before = inner.G, "G."
    chain = dict(inner.named_children())
    layers = chain.get("layers")
    if list(chain) != ["layers"] or not isinstance(layers, nn.Sequential):
        return []
    if not all(type(layer).__module__.startswith("torch.nn.modules") for layer in layers):
        return []
    z = in_torch(G.prior, 64)
    if z is None:
        return []
    if before:
        z = f'torch.cat([{z}, w["code.weight"].float()[torch.arange(64) % {G.classes}]], 1)'
    prefix = f"{before}layers."
    defaults = re.compile(r", eps=1e-05, momentum=0.1, affine=True(, bias=True)?, track_running_stats=True")
    made = defaults.sub("", f"G = Sequential({', '.join(map(repr, layers))})")
    return [
        "import torch",
        "from safetensors.torch import load_file",
        "from torch.nn import *",
        *textwrap.wrap(made, 115, subsequent_indent="               "),
        'w = load_file("generator.safetensors")',
        'w = {k: v * w.get(k + ".scale", 1) for k, v in w.items() if not k.endswith(".scale")}',
        f'G.load_state_dict({{k.removeprefix("{prefix}"): v for k, v in w.items() if k.startswith("{prefix}")}})',
        f"z = {z}",
        f"samples = G.eval()(z).detach().view(64, {', '.join(map(str, G.shape))})",
    ]
