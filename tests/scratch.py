"""Folders of the tests in memory, where there is much of it: nothing waits for a disk.

The study is durable, so each step of a test that changes it waits until a disk has it: thousands of times in one run.
A process cannot tell a file system in memory from a disk, not even one that is killed. What a disk alone can show
(one that is full, one that is gone) the tests mount for themselves.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_MEMORY = Path("/dev/shm")
_ROOT = "PYTEST_DEBUG_TEMPROOT"  # pytest's own: where it puts what `tmp_path` gives
_ROOM = 2 << 30
"""Bytes that must be free in it: the tests of Learn leave 138 MB, one in eight of all tests 22 MB."""
_MEMORY_BYTES = 5 << 30
"""Bytes of memory that must be free, for the processes too: one that tested the store and a viewer held 450 MB."""
_HELD = ".held"
_put_there = False
_holds: list[int] = []
"""File that this session has locked in its folder: Linux unlocks it, however the session ends."""


def put_scratch_into_memory() -> None:
    """Let `tmp_path` and its like be folders in memory, unless a place is named (TMPDIR) or memory is short."""
    global _put_there
    if sys.platform != "linux" or _ROOT in os.environ or "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    _remove_what_was_killed()
    room, memory = free_bytes(_MEMORY)
    if room >= _ROOM and memory >= _MEMORY_BYTES:
        os.environ[_ROOT], _put_there = str(_MEMORY), True


def hold_scratch(config: pytest.Config) -> None:
    """Let other sessions see that somebody works in this one's folders, where they were put into memory."""
    if not _put_there:
        return
    import fcntl  # no other system has it

    base = config._tmp_path_factory.getbasetemp()
    _holds.append(os.open(base / f"{_HELD}-soon", os.O_CREAT | os.O_RDWR))
    fcntl.flock(_holds[-1], fcntl.LOCK_EX)
    (base / f"{_HELD}-soon").rename(base / _HELD)  # nobody finds it unlocked


def _remove_what_was_killed() -> None:
    """Remove the folders of sessions that could not: pytest would keep them for three days, in memory."""
    for held in _MEMORY.glob(f"pytest-of-*/pytest-*/{_HELD}"):
        import fcntl

        try:
            opened = os.open(held, os.O_RDWR)
        except OSError:
            continue  # somebody else's, or gone by now
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(held.parent, ignore_errors=True)
        except BlockingIOError:
            pass  # it runs
        finally:
            os.close(opened)


def free_bytes(folder: Path) -> tuple[int, int]:
    """Return how much fits into a folder, and how much memory of this computer is free."""
    found = os.statvfs(folder)
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return found.f_bavail * found.f_frsize, int(value.split()[0]) << 10
    return 0, 0


def end_scratch(config: pytest.Config, *, keep: bool) -> None:
    """Remove this session's folders where they were put into memory, or keep them until the next session ends."""
    if not _put_there:
        return
    base = config._tmp_path_factory.getbasetemp()
    if keep:
        (base / _HELD).unlink(missing_ok=True)
    else:
        shutil.rmtree(base, ignore_errors=True)
    while _holds:
        os.close(_holds.pop())
