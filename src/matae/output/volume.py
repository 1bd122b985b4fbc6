"""The masks as NIfTI: columns, rows, frames."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import OutputError
from matae.files import staged, writing_to

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from matae.cine import Cine

__all__ = ["write_mask", "write_masks"]

_HEADER = 352  # bytes before the pixels in a single-file NIfTI-1
_CHUNK = 1 << 22


def write_mask(path: Path, masks: NDArray[np.integer[Any]], cine: Cine | None = None) -> None:
    """Write masks as NIfTI where a person asked for them, whole or not at all; a file of that name is replaced.

    Parameters
    ----------
    path
        The file, ending in ``.nii.gz`` or ``.nii``.
    masks
        Classes (T, Y, X), or (Y, X) for a single frame.
    cine
        Whose spacing and frame time go into the header; 1 without it.

    Raises
    ------
    OutputError
        If the name ends otherwise, the masks are not those of the cine or no masks at all, or the file cannot be
        written.
    """
    if not path.name.lower().endswith((".nii.gz", ".nii")):
        raise OutputError(f"{path.name} is no name for a mask file; end it in .nii.gz.")
    stack = np.asarray(masks)
    stack = stack[np.newaxis] if stack.ndim == 2 else stack
    if stack.ndim != 3 or not stack.size or stack.min() < 0 or stack.max() > 255:
        raise OutputError("A mask file holds frames, rows and columns of classes 0 to 255; this layer does not.")
    if cine is not None and stack.shape != cine.frames.shape:
        raise OutputError(
            f"These masks are {stack.shape}, {cine.source.name} is {cine.frames.shape}; save its own masks."
        )
    with writing_to(path.parent), staged(path.parent) as stage:
        # A name of ours inside: ITK chooses the format by the end of it.
        part = stage / ("mask.nii.gz" if path.name.lower().endswith(".gz") else "mask.nii")
        write_masks(part, cine, stack.astype(np.uint8, copy=False))
        part.replace(path)


def write_masks(path: Path, cine: Cine | None, masks: NDArray[np.uint8]) -> None:
    """Write masks as NIfTI, in place; for files that are still to be renamed.

    Parameters
    ----------
    path
        The file, ending in ``.nii.gz`` or ``.nii``.
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
    rate = cine.frame_rate if cine else None
    dx, dy = (cine.spacing.x, cine.spacing.y) if cine and cine.spacing else (1.0, 1.0)
    image.SetSpacing((dx, dy, 1.0 / rate if rate else 1.0))
    packed = path.suffix == ".gz"
    try:
        SimpleITK.WriteImage(image, str(path), useCompression=packed)
    except RuntimeError as error:
        raise OutputError(f"{path.name} cannot be written; free some space or choose another folder.") from error
    # ITK does not look at what the last write returned: on a full disk it leaves a torn file and says nothing.
    size = _unpacked_size(path) if packed else path.stat().st_size
    if size < _HEADER + masks.size:
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
