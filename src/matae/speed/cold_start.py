"""A cold start: from a new process to the first mask, and the memory it took to segment the whole clip."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, NamedTuple

from matae.errors import SegmentError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ColdStart", "cold_start"]


class ColdStart(NamedTuple):
    """What a new process needed.

    Parameters
    ----------
    first_mask_s
        Seconds until the first frame's mask was there: Python, its libraries, the clip, the model, a frame.
    memory_mb
        Peak resident memory of segmenting the clip, in MB; None where the system does not tell.
    gpu_memory_mb
        Peak memory taken on the GPU, in MB; None without one.
    width
        Width of the network it chose.
    """

    first_mask_s: float
    memory_mb: float | None
    gpu_memory_mb: float | None
    width: str


def cold_start(path: Path, model: str, device: str = "auto") -> ColdStart:
    """Segment a file in a new process with the defaults, as the command line does.

    Parameters
    ----------
    path
        The clip.
    model
        Name in the registry.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:i``.

    Raises
    ------
    SegmentError
        If it ends before it is done.
    """
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows opens a console otherwise
    start = time.perf_counter()
    # What it complains of goes to a file: one pipe is read to its end without the other filling up. The rest is read
    # where the first line was, for both may have come at once.
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints,
        subprocess.Popen(  # noqa: S603 - this very Python, and a clip of ours
            [sys.executable, "-m", "matae.speed.cold_start_child", str(path), model, device],
            stdout=subprocess.PIPE, stderr=complaints, text=True, encoding="utf-8", creationflags=hidden,
        ) as process,
    ):  # fmt: skip
        try:
            is_first = process.stdout is not None and process.stdout.readline() == "first\n"
            seconds = time.perf_counter() - start
            found = "" if process.stdout is None else process.stdout.read()
            process.wait()
        except BaseException:
            process.kill()
            raise
        complaints.seek(0)
        said = complaints.read()
    if process.returncode or not is_first:
        why = (said.strip().splitlines() or [f"it ended with code {process.returncode}"])[-1].rstrip(".")
        raise SegmentError(f"A new process could not segment the clip: {why}. Close other programs and try again.")
    return ColdStart(seconds, **{key: json.loads(found)[key] for key in ("memory_mb", "gpu_memory_mb", "width")})
