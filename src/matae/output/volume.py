"""The masks as NIfTI: columns, rows, frames."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine

__all__ = ["write_masks"]

_HEADER = 352  # bytes before the pixels in a single-file NIfTI-1
_CHUNK = 1 << 22


def write_masks(path: Path, cine: Cine, masks: NDArray[np.uint8]) -> None:
    """Write masks as compressed NIfTI.

    Parameters
    ----------
    path
        The file, ending in ``.nii.gz``.
    cine
        Whose spacing (dx, dy in mm) and frame time (third axis, in seconds) go into the header; 1 where unknown.
    masks
        (T, Y, X) classes.

    Raises
    ------
    OutputError
        If the file did not arrive on the disk whole.
    """
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.asarray(masks))
    rate = cine.frame_rate
    dx, dy = (cine.spacing.x, cine.spacing.y) if cine.spacing else (1.0, 1.0)
    image.SetSpacing((dx, dy, 1.0 / rate if rate else 1.0))
    try:
        SimpleITK.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        raise OutputError(f"{path.name} cannot be written; free some space or choose another folder.") from error
    # ITK does not look at what the last write returned: on a full disk it leaves a torn file and says nothing.
    if _unpacked_size(path) < _HEADER + masks.size:
        raise OutputError(f"The disk is full: {path.name} did not fit; free some space or choose another folder.")


def _unpacked_size(path: Path) -> int:
    total = 0
    try:
        with gzip.open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                total += len(chunk)
    except (OSError, EOFError):
        return 0
    return total
