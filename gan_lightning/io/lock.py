"""One process plays a run: it holds the lock ``.lock`` in the run's directory, and the system frees it when it dies.

The lock is flock's. A process number in a file could be that of another process after a restart, in a container or on
another host; a lock cannot. Processes that the holder starts or forks do not inherit it. The file ``.lock`` is empty
and stays when the lock is released.
"""

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

log = logging.getLogger(__name__)

NAME = ".lock"
PATIENCE = 1.0  # seconds to wait for the lock, since a process that calls `held` has it for a moment
WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)

_kept: list[BaseFileLock] = []


def take(run: Path) -> BaseFileLock | None:
    """Take the lock of ``run``, also where this thread has it already; None on a file system that has no locks.

    Raises:
        ValueError: another process plays this run, or the directory cannot be written.
    """
    lock = FileLock(run / NAME, timeout=PATIENCE, is_singleton=True, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise ValueError(f"{run} is still running. Wait for it, or stop it first.") from None
    except OSError as error:
        if error.errno in WITHOUT_LOCKS:
            log.warning("%s lies where there are no file locks: see to it that no second process plays this run", run)
            return None
        raise ValueError(
            f"the run directory {run} cannot be written: {error.strerror}. Name another with hydra.run.dir=<folder>."
        ) from error
    return lock


@contextmanager
def sole(run: Path) -> Iterator[None]:
    """Hold the lock of ``run`` within the block, so that no other process plays it.

    Raises:
        ValueError: as ``take`` does.
    """
    lock = take(run)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def keep(run: Path) -> None:
    """Take the lock of ``run`` until this process calls ``let_go``. Raises as ``take`` does."""
    if (lock := take(run)) is not None:
        _kept.append(lock)


def let_go() -> None:
    """Release all that ``keep`` took."""
    while _kept:
        _kept.pop().release()


def held(run: Path) -> bool:
    """Does a process hold the lock of ``run``? Needs no right to write; False where the file system has no locks.

    It tries for a shared lock, so that two processes that ask at the same time do not find each other.
    """
    try:
        import fcntl
    except ImportError:  # Windows, where the only way to find out is to try to take it
        return _cannot_be_taken(run)
    try:
        handle = os.open(run / NAME, os.O_RDONLY | os.O_NONBLOCK)  # else opening a pipe of that name would block
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in WITHOUT_LOCKS
    finally:
        os.close(handle)
    return False


def _cannot_be_taken(run: Path) -> bool:
    try:
        with FileLock(run / NAME, timeout=0):
            return False
    except Timeout:
        return True
