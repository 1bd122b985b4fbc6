"""One process at a time works on a run: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from matae.errors import TrainError
from matae.files import writing_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filelock import FileLock

__all__ = ["BusyError", "claim", "is_claimed"]

_LOCK = "lock"
_WAIT_S, _PAUSE_S = 0.1, 0.02  # somebody may look at this very moment whether it is locked, which takes less


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
    from filelock import Timeout

    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _LOCK).touch()
    lock = _lock(folder)
    try:
        lock.acquire(_WAIT_S, _PAUSE_S)
    except Timeout:
        raise BusyError from None
    except OSError:
        pass  # a drive that knows no locks, as some in a network, is no reason not to train
    try:
        yield
    finally:
        lock.release()


def is_claimed(folder: Path) -> bool:
    """Return whether a process, this one included, is at work on a run."""
    from filelock import Timeout

    if not (folder / _LOCK).exists():
        return False
    try:
        with _lock(folder).acquire(blocking=False):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def _lock(folder: Path) -> FileLock:
    from filelock import FileLock

    # A lock of the system, which a killed process cannot leave behind; never a file that means a lock by being there.
    return FileLock(folder / _LOCK, fallback_to_soft=False)
