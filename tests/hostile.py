"""Shared by the tests of a stranger's files: making damaged files, and checking that they are refused without harm."""

import io
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

SECRET = "secret-of-this-machine"


def refused(run, action, words):
    """Check that ``action()`` raises a ValueError with ``words``, executes and writes nothing, and tells no secret."""
    top = run.parent
    before = snapshot(top)
    with pytest.raises(ValueError) as caught:
        action()
    assert words in str(caught.value), caught.value
    assert SECRET not in str(caught.value)
    assert not (top / "executed").exists()
    assert snapshot(top) == before, "nothing is written"


def snapshot(folder):
    """Path -> content of every regular file below ``folder``."""
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink()}


@contextmanager
def memory_limit(more=4 * 2**30):
    """Within the block this process can take ``more`` bytes beyond those that it has, and no others."""
    resource = pytest.importorskip("resource", reason="this system has no limits")
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def rebuilt(whole, edit=None, *, more=None, compression=zipfile.ZIP_STORED, comment=b""):
    """A checkpoint's archive with members edited (name -> function of bytes) or added (name -> bytes)."""
    source, target = zipfile.ZipFile(io.BytesIO(whole)), io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name in source.namelist():
            short = name.split("/", 1)[1]
            archive.writestr(name, (edit or {}).get(short, lambda d: d)(source.read(name)))
        for name, data in (more or {}).items():
            archive.writestr(source.namelist()[0].split("/")[0] + "/" + name, data)
        archive.comment = comment
    return target.getvalue()


def with_value(whole, **values):
    """A checkpoint with some of its values replaced."""
    checkpoint = torch.load(io.BytesIO(whole), weights_only=True) | values
    file = io.BytesIO()
    torch.save(checkpoint, file)
    return file.getvalue()
