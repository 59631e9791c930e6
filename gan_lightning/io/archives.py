"""Checks of a checkpoint from a stranger, before PyTorch loads it: loading must run no code and fill no memory.

torch.save writes a zip archive of uncompressed members: ``data.pkl``, a pickle that names the tensors, and their bytes.
"""

import math
import os
import pickle
import pickletools
import re
import stat
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

MEMBER = re.compile(r"[\w.+-]+/(data\.pkl|version|byteorder|data/\d+|\.format_version|\.storage_alignment"
                    r"|\.data/serialization_id)")  # fmt: skip
PICKLE_BYTES, PICKLE_STEPS, MEMBERS = 2**20, 2**18, 100_000
TUPLE, VALUES = 1000, 2**20  # values in a tuple; in a checkpoint, where one that is referenced twice counts twice
DEPTH = 30  # of nesting
SHARED = 4  # tensors may share storages, so together they may take this many times the bytes of the file
END = 22  # bytes of the record that ends a zip archive without a comment

# All that the pickle may call or name. PyTorch's own list for weights_only=True is longer: it has bytearray, for
# example, and bytearray(2**36) takes 64 GiB.
KINDS = {"Double": 8, "Long": 8, "Float": 4, "Int": 4, "Half": 2, "BFloat16": 2, "Short": 2, "Char": 1, "Byte": 1,
         "Bool": 1}  # fmt: skip
STORAGES = {f"torch {kind}Storage": size for kind, size in KINDS.items()}  # name -> bytes of a number
REBUILD = "torch._utils _rebuild_tensor_v2"
NAMES = {"collections OrderedDict", REBUILD, *STORAGES}
CODES = {"PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "BINPERSID",
         "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "EMPTY_DICT", "NONE", "NEWTRUE",
         "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "BINGET", "LONG_BINGET",
         "BINPUT", "LONG_BINPUT"}  # fmt: skip


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file, once: the check and the load read the same file, even if another takes its name in between.

    Raises:
        ValueError: ``path`` is something else, such as a pipe.
        OSError: it cannot be opened.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb") as file:  # noqa: PTH123 (a descriptor)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is not a regular file")
        yield file


def check_archive(file: BinaryIO) -> None:
    """Check that the zip archive holds what torch.save writes, undamaged, and nothing else.

    torch.load does not verify the checksums (CRC-32) that the archive has: a flipped bit would become a weight.

    Raises:
        ValueError: says what is wrong with it.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - END))
    last = file.read(END)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            check_members(members, size)
            if not last.startswith(b"PK\x05\x06") or min(m.header_offset for m in members):
                raise ValueError("something is around its archive")
            damaged = archive.testzip()
            if damaged:
                raise ValueError(f"the checksum of {damaged} is wrong")
            data = archive.read(next(m for m in members if m.filename.endswith("/data.pkl")))
            check_pickle(data, {m.filename.rpartition("/")[2]: m.file_size for m in members if "/data/" in m.filename})
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, struct.error, OverflowError) as error:
        raise ValueError(str(error)) from error


def check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    """Check names, number and bytes of the members of an archive of ``size`` bytes. Raises ValueError."""
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


def check_pickle(data: bytes, sizes: Mapping[str, int]) -> None:
    """Check that the pickle names nothing but tensors and plain values, without executing it.

    Args:
        data: the pickle.
        sizes: name of each member with a tensor's bytes -> how many bytes it has.

    Raises:
        ValueError: says what else is in it.
    """
    try:
        check_opcodes(data, sizes)
    except (ValueError, LookupError, TypeError, UnicodeError, pickle.UnpicklingError) as error:
        if "its pickle" in str(error):
            raise
        raise ValueError(f"its pickle is torn: {error}") from error


def check_opcodes(data: bytes, sizes: Mapping[str, int]) -> None:
    """Follow the pickle's stack, with (number of values, value or None if unknown) in place of each value.

    A tuple has at most TUPLE values: hashing it as a dict's key visits every one, and 60 tuples, each holding the one
    before it twice, have 2^60. A storage has as many bytes as its member: older versions of PyTorch would read the
    memory behind it. Raises ValueError.
    """
    stack, memo = list[Any](), dict[Any, Any]()
    for step, (code, argument, _) in enumerate(pickletools.genops(data)):
        if step > PICKLE_STEPS:
            raise ValueError(f"its pickle has more than {PICKLE_STEPS} steps, which no checkpoint has")
        if code.name not in CODES or (code.name == "GLOBAL" and argument not in NAMES):
            raise ValueError(f"its pickle names {argument or code.name}, which no checkpoint does")
        if "PUT" in code.name:
            memo[argument] = stack[-1]
        elif "GET" in code.name:
            stack.append(memo[argument])
        elif code.name == "MARK":
            stack.append(None)
        else:
            inside, taken = list[Any](), len(code.stack_before)
            if pickletools.markobject in code.stack_before:
                taken = code.stack_before.index(pickletools.markobject)
                while (item := stack.pop()) is not None:
                    inside.append(item)
            inside += [stack.pop() for _ in range(taken)]
            if code.name == "BINPERSID":
                check_storage(inside[0][1], sizes)
            known = tuple(value for _, value in reversed(inside)) if "TUPLE" in code.name else argument
            values = 1 + sum(n for n, _ in inside) if "TUPLE" in code.name else 1
            if values > TUPLE:
                raise ValueError(f"its pickle has a tuple of more than {TUPLE} values, which no checkpoint has")
            stack += [(values, known)] * len(code.stack_after)


def check_storage(named: Any, sizes: Mapping[str, int]) -> None:
    """Check that a storage that the pickle names is a member of the archive with as many bytes. Raises ValueError."""
    ours = isinstance(named, tuple) and len(named) == 5 and named[0] == "storage" and isinstance(named[3], str)
    if not ours or named[1] not in STORAGES or type(named[4]) is not int:
        raise ValueError("its pickle names something else than a tensor's bytes")
    if named[2] not in sizes or sizes[named[2]] != STORAGES[named[1]] * named[4]:
        raise ValueError(f"its pickle names {str(named[2])[:80]!r} of {named[4]} numbers, and it has other bytes")


def check_tensors(value: Any, size: int) -> None:
    """Check what torch.load returned for a file of ``size`` bytes: dense tensors that fit into it, and plain values.

    Raises:
        ValueError: a tensor claims more, there is something else, or too much of it.
    """
    tensors = dict[int, int]()  # id -> bytes
    weighed = dict[int, tuple[int, int]]()  # id -> number of values, depth of nesting

    def weigh(item: Any, depth: int) -> tuple[int, int]:
        if id(item) not in weighed:
            if depth > DEPTH:
                raise ValueError("it is nested too deeply or too long")
            if isinstance(item, Tensor):
                tensors[id(item)] = dense_bytes(item, size)
            found = [weigh(child, depth + 1) for child in children(item)]
            weighed[id(item)] = 1 + sum(n for n, _ in found), 1 + max((d for _, d in found), default=0)
        n, deep = weighed[id(item)]
        if n > VALUES or depth + deep > DEPTH + 1:
            raise ValueError("it is nested too deeply or too long")
        return n, deep

    weigh(value, 0)
    if sum(tensors.values()) > SHARED * size:
        raise ValueError("its tensors take more bytes together than the file has")


def dense_bytes(tensor: Tensor, size: int) -> int:
    """Bytes of a dense tensor. Raises ValueError where they are more than its storage has, or more than ``size``."""
    taken = math.prod(tensor.shape) * tensor.element_size()  # numel() overflows
    dense = type(tensor) is Tensor and tensor.layout == torch.strided and tensor.device.type == "cpu"
    if not dense or tensor.is_quantized or taken > tensor.untyped_storage().nbytes():
        raise ValueError(f"a tensor of shape {list(tensor.shape)} is not all there")
    if taken > size:
        raise ValueError(f"a tensor of shape {list(tensor.shape)} does not fit into the file")
    return taken


def children(item: Any) -> list[Any]:
    """What a dict, a list or a tuple holds; nothing for a tensor or a plain value. Raises ValueError for others.

    A pickle can set attributes of an OrderedDict, which would then hide its methods of that name. One is allowed,
    ``_metadata``, which a state_dict has.
    """
    if isinstance(item, dict):
        attributes = vars(item) if type(item) is OrderedDict else {}
        metadata = list(attributes.values())
        known = all(isinstance(of, dict) and all(isinstance(m, dict) for m in dict.values(of)) for of in metadata)
        if attributes.keys() - {"_metadata"} or not known:
            raise ValueError("one of its dicts has attributes of its own")
        return [*dict.keys(item), *dict.values(item), *metadata]
    if isinstance(item, list | tuple):
        return list(item)
    if not (item is None or isinstance(item, Tensor | bool | int | float | str)):
        raise ValueError(f"it holds a {type(item).__name__}")
    return []
