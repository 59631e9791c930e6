"""A checkpoint as an archive: what it may hold is looked at before PyTorch reads it, so that nothing runs or swells.

torch.save writes a zip archive of uncompressed members: ``data.pkl``, a pickle that names the tensors, and their bytes.
"""

import pickle
import pickletools
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

MEMBER = re.compile(r"[\w.+-]+/(data\.pkl|version|byteorder|data/\d+|\.format_version|\.storage_alignment"
                    r"|\.data/serialization_id)")  # fmt: skip
PICKLE_BYTES, MEMBERS = 2**23, 100_000
END = 22  # bytes of the record that ends an archive without a comment

# All that a pickle may call or name. PyTorch's own list is longer: bytearray(2**36), for example, takes 64 GiB.
KINDS = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
NAMES = {"collections OrderedDict", "torch._utils _rebuild_tensor_v2", *(f"torch {kind}Storage" for kind in KINDS)}
CALLS_OTHERS = {"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID", "NEXT_BUFFER"}


def check_archive(path: Path) -> None:
    """What the zip archive holds is what torch.save writes, whole and no larger than the file.

    torch.load does not verify the sums (CRC-32) that the archive carries: without this, a flipped bit would be a weight
    like any other.

    Raises:
        ValueError: what is wrong with it.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is not a regular file")
    with path.open("rb") as file:
        file.seek(max(0, found.st_size - END))
        last = file.read(END)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            check_members(members, found.st_size)
            if not last.startswith(b"PK\x05\x06") or min(m.header_offset for m in members):
                raise ValueError("something is around its archive")
            part = archive.testzip()
            if part:
                raise ValueError(f"the checksum of {part} is wrong")
            check_pickle(archive.read(next(m for m in members if m.filename.endswith("/data.pkl"))))
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, struct.error, OverflowError) as error:
        raise ValueError(str(error)) from error


def check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    names = [m.filename for m in members]
    if odd := [n for n in names if not MEMBER.fullmatch(n)]:
        raise ValueError(f"it has a member {odd[0]!r:.80}")
    if len(set(names)) < len(names) or len({n.split("/")[0] for n in names}) > 1 or len(names) > MEMBERS:
        raise ValueError("its members are not those of one checkpoint")
    if packed := [m.filename for m in members if m.compress_type != zipfile.ZIP_STORED or m.flag_bits & 1]:
        raise ValueError(f"{packed[0]} is compressed or encrypted")
    if sum(m.file_size for m in members) > size or any(m.file_size != m.compress_size for m in members):
        raise ValueError("its members claim more bytes than the file has")
    pickles = [m for m in members if m.filename.endswith("/data.pkl")]
    if len(pickles) != 1 or pickles[0].file_size > PICKLE_BYTES:
        raise ValueError("it has no data.pkl of a checkpoint's size")


def check_pickle(data: bytes) -> None:
    """Nothing is named in the pickle but tensors and their bytes; nothing is executed to find out."""
    try:
        for code, argument, _ in pickletools.genops(data):
            if code.name in CALLS_OTHERS or (code.name == "GLOBAL" and argument not in NAMES):
                raise ValueError(f"its pickle names {argument or code.name}, which no checkpoint does")
    except (ValueError, IndexError, UnicodeError, pickle.UnpicklingError) as error:
        if "its pickle" in str(error):
            raise
        raise ValueError(f"its pickle is torn: {error}") from error


def check_tensors(value: Any, size: int) -> None:
    """Each tensor is a dense one with all its numbers in the file, which has ``size`` bytes; the rest is plain.

    Raises:
        ValueError: a tensor that claims more, or something else than tensors and plain values.
    """
    todo, seen = [value], set[int]()
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Tensor):
            dense = type(item) is Tensor and item.layout == torch.strided and item.device.type == "cpu"
            if not dense or item.is_quantized or item.numel() * item.element_size() > item.untyped_storage().nbytes():
                raise ValueError(f"a tensor of shape {list(item.shape)} is not all there")
            if item.numel() * item.element_size() > size:
                raise ValueError(f"a tensor of shape {list(item.shape)} does not fit into the file")
        elif isinstance(item, dict):
            todo += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple):
            todo += item
        elif not (item is None or isinstance(item, bool | int | float | str)):
            raise ValueError(f"it holds a {type(item).__name__}")
