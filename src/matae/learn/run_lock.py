"""One process at a time works on a run: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from matae.errors import TrainError
from matae.files import writing_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["BusyError", "claim", "is_claimed"]

_LOCK = "lock"
_TRIES, _PAUSE_S = 5, 0.02  # a look takes less
_TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}


class BusyError(TrainError):
    """Another process works on the run."""

    def __init__(self) -> None:
        super().__init__("This run is under way in another window or terminal; wait until it is over.")


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold a run while the block works on it.

    Raises
    ------
    BusyError
        If somebody else holds it.
    OutputError
        If the folder cannot be written.
    """
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT)
    try:
        if not _take_soon(descriptor):
            raise BusyError
        yield
    finally:
        os.close(descriptor)  # and with it goes the lock


def is_claimed(folder: Path) -> bool:
    """Return whether a process, this one included, is at work on a run."""
    with suppress(OSError):
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
        try:
            return not _take(descriptor)
        finally:
            os.close(descriptor)
    return False


def _take_soon(descriptor: int) -> bool:
    """Lock a file that is open, though somebody may look at this very moment whether it is locked."""
    for _ in range(_TRIES):
        if _take(descriptor):
            return True
        time.sleep(_PAUSE_S)
    return False


def _take(descriptor: int) -> bool:
    """Lock a file that is open; return False where another has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # A drive that knows no locks, as some in a network, is no reason not to train.
        return error.errno not in _TAKEN
    return True
