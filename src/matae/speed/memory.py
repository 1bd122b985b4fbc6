"""The most memory this process had at any moment."""

from __future__ import annotations

import re
import sys
from pathlib import Path

__all__ = ["peak_memory_mb"]


def peak_memory_mb() -> float | None:
    """Return the peak resident memory of this process in MB (2^20 bytes), or None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: there a process counts from what the one that started it had.
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text("ascii", "replace"), re.MULTILINE)
        return int(found[1]) / 2**10 if found else None
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
