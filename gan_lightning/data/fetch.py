"""Fetching a dataset's files: once per machine, never half of one, and with a limit on every wait.

A file counts only when its size and, where it is known, its MD5 are right. Downloads go through pooch (checksum,
temporary file, rename) under a file lock. Before that, all mirrors are asked whether they answer, within a time limit
for the whole question: neither name resolution nor a proxy honours a socket's time-out.
"""

import gzip
import hashlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests
from filelock import FileLock, Timeout

from gan_lightning.data.arrays import DataUnavailable
from gan_lightning.io.bar import Bar

log = logging.getLogger(__name__)

PROBE_SECONDS = 8.0  # an unreachable network is noticed within this time
STALL_SECONDS = 20.0  # a download without a byte for so long is given up
LOCK = ".fetch.lock"
LOCK_SECONDS = 600.0  # how long to wait for another job's download


@dataclass(frozen=True)
class RemoteFile:
    """``name`` is served as ``name.gz``; size in bytes and MD5 of the unpacked file, MD5 of the packed one."""

    name: str
    size: int
    md5: str | None
    gz_md5: str

    def fault(self, folder: Path) -> str | None:
        """What is wrong with the copy in ``folder``; None if nothing is."""
        path = folder / self.name
        if not path.is_file():
            return "is missing"
        if path.stat().st_size != self.size:
            return f"has {path.stat().st_size} bytes instead of {self.size}"
        if self.md5 and (got := hashlib.md5(path.read_bytes()).hexdigest()) != self.md5:
            return f"has MD5 {got} instead of {self.md5}"
        return None


def faults(files: Sequence[RemoteFile], folder: Path) -> dict[str, str]:
    """Name -> fault for every file that is not whole."""
    return {f.name: fault for f in files if (fault := f.fault(folder))}


def ensure(files: Sequence[RemoteFile], folder: Path, mirrors: Sequence[str], dataset: str) -> None:
    """Make every file whole in ``folder``, downloading what is not.

    Raises:
        DataUnavailable: files are missing or damaged and no mirror gave them.
    """
    if not faults(files, folder):
        return
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        _fetch(files, folder, mirrors, dataset)
    except BaseException:
        _remove_empty(new)
        raise


def _remove_empty(folders: Sequence[Path]) -> None:
    """Take away the folders, the innermost first, that were made for nothing but the lock."""
    with suppress(OSError):  # one that holds something stays
        for folder in folders:
            if [path.name for path in folder.iterdir()] == [LOCK]:
                (folder / LOCK).unlink()
            folder.rmdir()


def _fetch(files: Sequence[RemoteFile], folder: Path, mirrors: Sequence[str], dataset: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / LOCK, timeout=LOCK_SECONDS):
            wrong = faults(files, folder)  # another job may have mended them meanwhile
            if wrong:
                _download([f for f in files if f.name in wrong], folder, mirrors)
    except Timeout as error:
        raise _unavailable(files, folder, mirrors, dataset, "another job is still downloading") from error
    except (OSError, ValueError) as error:  # pooch reports a wrong checksum as ValueError
        raise _unavailable(files, folder, mirrors, dataset, str(error)) from error
    if left := faults(files, folder):
        raise _unavailable(files, folder, mirrors, dataset, f"the download left {left}")


def _unavailable(
    files: Sequence[RemoteFile], folder: Path, mirrors: Sequence[str], dataset: str, why: str
) -> DataUnavailable:
    wrong = "; ".join(f"{name} {fault}" for name, fault in faults(files, folder).items()) or "nothing is whole"
    return DataUnavailable(
        f"data={dataset} needs its files in {folder}: {wrong}. Fetching them failed: {why}. "
        f"Put the unpacked files there yourself (from {mirrors[0]}<name>.gz), or point data.root or the environment "
        "variable GAN_DATA at a folder that has them, or use data=mnist5k, which needs no download."
    )


def reachable(mirrors: Sequence[str], probe: str, seconds: float = PROBE_SECONDS) -> list[str]:
    """The mirrors that answer for ``probe`` within ``seconds`` in all, in the given order."""
    answers: dict[str, bool] = {}

    def ask(mirror: str) -> None:
        try:
            with requests.get(mirror + probe, stream=True, timeout=seconds) as response:
                answers[mirror] = response.ok
        except requests.RequestException:
            answers[mirror] = False

    threads = [threading.Thread(target=ask, args=(m,), daemon=True) for m in mirrors]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [m for m in mirrors if answers.get(m)]


def _download(files: Sequence[RemoteFile], folder: Path, mirrors: Sequence[str]) -> None:
    alive = reachable(mirrors, files[0].name + ".gz")
    if not alive:
        raise ConnectionError(f"no mirror answered within {PROBE_SECONDS:.0f} s ({', '.join(mirrors)})")
    pooch.get_logger().setLevel(logging.WARNING)
    for file in files:
        log.info("downloading %s from %s", file.name, alive[0])
        with Bar(f"downloading {file.name}"):
            packed = _first_that_works(file, folder, alive)
        _unpack(packed, folder / file.name)
        packed.unlink()


def _first_that_works(file: RemoteFile, folder: Path, mirrors: Sequence[str]) -> Path:
    """Download ``file`` from the first mirror that serves it whole, since ``pooch.retrieve`` takes only one address."""
    for mirror in mirrors:
        try:
            return Path(
                pooch.retrieve(
                    mirror + file.name + ".gz",
                    known_hash=f"md5:{file.gz_md5}",
                    fname=file.name + ".gz",
                    path=folder,
                    downloader=pooch.HTTPDownloader(timeout=STALL_SECONDS),
                )
            )
        except (requests.RequestException, ValueError, OSError) as error:
            log.warning("%s%s.gz: %s", mirror, file.name, error)
            failure = error
    raise ConnectionError(f"no mirror served {file.name}.gz whole; the last said: {failure}")


def _unpack(packed: Path, target: Path) -> None:
    """Gunzip into a temporary file and rename it: pooch.Decompress would take a half-written target for a whole one.

    Not with io.files.whole, whose temporary file has a fixed name: several processes may unpack at once.
    """
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name)
    try:
        with gzip.open(packed) as source, os.fdopen(handle, "wb") as sink:
            shutil.copyfileobj(source, sink)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
