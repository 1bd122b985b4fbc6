"""Run by `matae.speed.cold_start` in a process of its own: segment one file, say when the first mask is there.

Standard output is a line ``first``, then a line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from matae.errors import MataeError

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Segment a file.

    Parameters
    ----------
    arguments
        Path of the clip, model, device.

    Returns
    -------
    int
        The exit code; 1 after a sentence on the standard error.
    """
    from matae.read import open_cine
    from matae.segment import SegmentOptions, segment
    from matae.speed.memory import peak_memory_mb

    path, model, device = arguments
    try:
        result = segment(open_cine(Path(path)), SegmentOptions(model=model, device=device), progress=_say_first)
    except MataeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    found = {"width": result.run["width"], "memory_mb": peak_memory_mb(), "gpu_memory_mb": _gpu_memory_mb()}
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def _say_first(done: int, total: int) -> None:
    del total
    if done == 1:
        sys.stdout.write("first\n")
        sys.stdout.flush()


def _gpu_memory_mb() -> float | None:
    if "torch" not in sys.modules:
        return None
    import torch

    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return None
    return max(torch.cuda.max_memory_reserved(number) for number in range(torch.cuda.device_count())) / 2**20


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
