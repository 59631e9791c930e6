"""A generator as a program that runs without this project: ONNX, or PyTorch's exported program; each is tried first."""

import io
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gan_lightning.core.prior import law_in_words
from gan_lightning.core.rng import Stream
from gan_lightning.runs.load import LoadedGenerator

BATCHES = (1, 37)  # how many samples the program is tried with
CLOSE = 1e-5  # how far a value may be from G's
EXTRA = (
    "format=onnx needs {} of the extra export, which is not installed. Install it: pip install 'gan-lightning[export]'"
)


class Program(nn.Module):
    """G alone: ``z`` ``[N, dim]``, and labels ``y`` ``[N]`` for a G that takes them -> samples ``[N, *shape]``."""

    def __init__(self, G: nn.Module) -> None:
        super().__init__()
        self.G = G

    def forward(self, *inputs: Tensor) -> Tensor:
        samples: Tensor = self.G(*inputs)
        return samples


def inputs_of(G: LoadedGenerator, n: int, seed: int = 0) -> tuple[Tensor, ...]:
    """``n`` z of the prior that no sample has, and labels where G takes them."""
    z = G.prior(n, Stream(seed, name="program"))
    return (z, torch.arange(n) % G.classes) if G.classes else (z,)


def what_goes_in(G: LoadedGenerator) -> dict[str, Any]:
    """What goes into the program and what comes out, in words."""
    labels = {"y": f"int64 [N], labels from 0 to {G.classes - 1}"} if G.classes else {}
    return {
        "z": f"float32 [N, {G.prior.dim}], drawn from {law_in_words(G.prior)}",
        **labels,
        "samples": f"float32 [N, {', '.join(map(str, G.shape))}]" + (" in [-1, 1]" if len(G.shape) == 3 else ""),
    }


def check_close(G: LoadedGenerator, program: Callable[[tuple[Tensor, ...]], Tensor], name: str) -> float:
    """The largest distance of a value from G's, over BATCHES of fresh z. Raises ValueError where it exceeds CLOSE."""
    distances = []
    for seed, n in enumerate(BATCHES, 1):
        inputs = inputs_of(G, n, seed)
        with torch.no_grad():
            distances.append((program(inputs) - G(*inputs)).abs().max())
    worst = float(torch.stack(distances).max())  # nan where one is
    if not worst <= CLOSE:
        raise ValueError(
            f"the {name} program of {G.path} must give G's samples within {CLOSE:g}, got a distance of {worst:.2g}: it "
            "is not kept. Use format=safetensors."
        )
    return worst


def free_batch(names: Sequence[str]) -> dict[str, Any]:
    """The shapes of the inputs of a ``Program``: the first axis is free."""
    return {"inputs": tuple({0: torch.export.Dim.DYNAMIC} for _ in names)}


def as_torch(G: LoadedGenerator, about: Mapping[str, Any]) -> tuple[bytes, float]:
    """The bytes of a file for ``torch.export.load``, and the largest distance from G's samples."""
    names = ["z", "y"][: 1 + bool(G.classes)]
    program = torch.export.export(Program(G.G).eval(), inputs_of(G, 2), dynamic_shapes=free_batch(names))
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={"about.json": json.dumps(about)})
    file.seek(0)
    loaded = torch.export.load(file).module()
    return file.getvalue(), check_close(G, lambda inputs: loaded(*inputs), "PyTorch")


def as_onnx(G: LoadedGenerator, about: Mapping[str, Any]) -> tuple[bytes, float]:
    """The bytes of an ONNX file, and the largest distance of onnxruntime's samples from G's.

    Raises:
        ValueError: onnx, onnxscript or onnxruntime is not installed; G cannot be written so.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 (torch.onnx imports it)
    except ImportError as error:
        raise ValueError(EXTRA.format(error.name)) from error
    for library in ("onnxscript", "onnx_ir"):
        logging.getLogger(library).setLevel(logging.WARNING)  # a line for each pass over the graph
    names = ["z", "y"][: 1 + bool(G.classes)]
    program = torch.onnx.export(
        Program(G.G).eval(), inputs_of(G, 2), dynamo=True, verbose=False, input_names=names, output_names=["samples"],
        dynamic_shapes=free_batch(names),
    )  # fmt: skip
    assert program is not None
    proto = program.model_proto
    for key, value in about.items():
        proto.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    content = proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run_onnx(inputs: tuple[Tensor, ...]) -> Tensor:
        given = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, given)[0])

    return content, check_close(G, run_onnx, "ONNX")
