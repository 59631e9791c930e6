"""Tensors in a safetensors file, whose matrices may be 16-bit or 8-bit numbers: read without executing anything."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

PRECISIONS = ("int8", "float16", "float32")  # from the smallest file to the largest
SCALE = ".scale"  # behind a matrix's name: what its rows of 8-bit numbers are multiplied by
LARGE = 2**14  # numbers of a matrix from which on it may be 8-bit
DTYPES = (torch.float32, torch.float16, torch.int8, torch.uint8, torch.int64)
MOST = 2**28  # bytes of a file


def packed(tensors: Mapping[str, Tensor], precision: str) -> dict[str, Tensor]:
    """``tensors`` as they are kept: vectors in 32 bits, what has more axes as ``precision`` says.

    ``float16``: 16 bits. ``int8``: a matrix ``[rows, columns]`` of LARGE numbers and more as 8-bit whole numbers q, and
    beside it, under its name and ``.scale``, a float32 s ``[rows, 1]``; the matrix is q s, with the largest absolute
    value of each row at 127. Other tensors are then 16-bit.
    """
    kept = {}
    for name, value in tensors.items():
        value = value.detach().cpu().contiguous()
        if not value.is_floating_point():
            kept[name] = value
        elif value.ndim < 2 or precision == "float32":
            kept[name] = value.float()
        elif precision == "int8" and value.ndim == 2 and value.numel() >= LARGE:
            scale = value.float().abs().amax(1, keepdim=True).clamp_min(1e-30) / 127
            kept[name], kept[name + SCALE] = (value / scale).round().to(torch.int8), scale
        else:
            kept[name] = value.half()
    return kept


def unpacked(kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What was ``packed``, its floating-point numbers in 32 bits.

    Raises:
        ValueError: an 8-bit tensor is no matrix with a scale for each row, or a kind of numbers is none of DTYPES.
    """
    tensors = {}
    for name, value in kept.items():
        if value.dtype not in DTYPES:
            raise ValueError(f"{name:.80} holds {value.dtype}, which is not written here")
        if name.endswith(SCALE) and name.removesuffix(SCALE) in kept:
            continue
        if value.dtype == torch.int8:
            scale = kept.get(name + SCALE)
            if value.ndim != 2 or scale is None or scale.dtype != torch.float32 or scale.shape != (len(value), 1):
                raise ValueError(f"{name:.80} holds 8-bit numbers without a scale for each row")
            tensors[name] = value * scale
        else:
            tensors[name] = value.float() if value.is_floating_point() else value
    return tensors


def to_bytes(kept: Mapping[str, Tensor], about: Mapping[str, Any]) -> bytes:
    """A safetensors file with ``about`` as JSON in its header, under one key: the order of several is not fixed."""
    return bytes(save(dict(kept), {"about": json.dumps(about)}))


def from_bytes(content: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises ValueError where it is none."""
    try:
        return dict(load(content))
    except (SafetensorError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(f"it is no safetensors file ({error})") from error
