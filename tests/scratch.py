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
_put_there = False


def put_scratch_into_memory() -> None:
    """Let `tmp_path` and its like be folders in memory, unless a place is named (TMPDIR) or memory is short."""
    global _put_there
    if sys.platform != "linux" or _ROOT in os.environ or "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    room, memory = free_bytes(_MEMORY)
    if room >= _ROOM and memory >= _MEMORY_BYTES:
        os.environ[_ROOT], _put_there = str(_MEMORY), True


def free_bytes(folder: Path) -> tuple[int, int]:
    """Return how much fits into a folder, and how much memory of this computer is free."""
    found = os.statvfs(folder)
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return found.f_bavail * found.f_frsize, int(value.split()[0]) << 10
    return 0, 0


def remove_scratch(config: pytest.Config) -> None:
    """Remove this session's folders where they were put into memory: pytest would keep those of the last session."""
    if _put_there:
        factory = config._tmp_path_factory
        shutil.rmtree(factory.getbasetemp(), ignore_errors=True)
