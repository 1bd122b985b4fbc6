"""The results as a few pieces, for machines from which only a few small files come back.

cat results.tar.* | tar x
"""

from __future__ import annotations

import sys
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["pack_back"]

_STATE = "state.safetensors"


def pack_back(out: Path, piece_mb: float, most_mb: float) -> None:
    """Replace what lies below a folder by pieces of one archive, beside the reports.

    Parameters
    ----------
    out
        The folder.
    piece_mb
        Largest piece, in MB of 2^20 bytes.
    most_mb
        Of all pieces. The state a training goes on from is left out where it does not fit; the model can be gone on
        from in its stead (``--init``).
    """
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and path.parent != out]
    small = [path for path in files if path.name != _STATE]
    sizes = sum(path.stat().st_size for path in files)
    chosen = files if sizes + 10_240 * (len(files) + 1) <= most_mb * 2**20 else small
    if len(chosen) < len(files):
        sys.stdout.write(f"{_STATE} is left out: {sizes / 2**20:.0f} MB are more than {most_mb:.0f}.\n")
    archive = out / "results.tar"
    with tarfile.open(archive, "w") as tar:
        for path in chosen:
            tar.add(path, path.relative_to(out).as_posix())
    with archive.open("rb") as file:
        number = 0
        while piece := file.read(int(piece_mb * 2**20)):
            (out / f"results.tar.{number:03d}").write_bytes(piece)
            number += 1
    archive.unlink()
    for path in files:
        path.unlink()
    for folder in sorted((path for path in out.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
