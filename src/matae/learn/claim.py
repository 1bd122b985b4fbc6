"""One process at a time works on a run: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from matae.errors import TrainError
from matae.files import writing_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["claim", "is_claimed"]

_LOCK = "lock"


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold a run while the block works on it.

    Raises
    ------
    TrainError
        If another process holds it.
    """
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT)
    try:
        if not _take(descriptor):
            raise TrainError("This run is under way in another window or terminal; wait until it is over.")
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


def _take(descriptor: int) -> bool:
    """Lock a file that is open; return whether that worked."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _take_on_windows(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _take_on_windows(descriptor: int) -> bool:
    import importlib

    try:
        msvcrt = importlib.import_module("msvcrt")  # elsewhere a type checker knows none of its names
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
