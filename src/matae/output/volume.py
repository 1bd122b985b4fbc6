"""The masks as NIfTI: columns, rows, frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.errors import OutputError
from matae.files import staged, writing_to

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.output.nifti import NiftiStream

__all__ = ["mask_stream", "write_mask", "write_masks"]


def write_mask(path: Path, masks: NDArray[np.integer[Any]], cine: Cine | None = None) -> None:
    """Write masks as NIfTI where a person asked for them, whole or not at all; a file of that name is replaced.

    Parameters
    ----------
    path
        The file, ending in ``.nii.gz`` or ``.nii``.
    masks
        Classes (T, Y, X), or (Y, X) for a single frame.
    cine
        Whose spacing, frame time, origin and direction go into the header; without it 1, of no unit.

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
        # A name of ours inside: the end of it says whether to compress.
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
        Whose spacing (dx, dy in mm), frame time (third axis, in seconds), origin and direction go into the header;
        where spacing or time is unknown, it is 1 and of no unit.
    masks
        (T, Y, X) classes.

    Raises
    ------
    OSError
        If the disk is full, or the folder cannot be written.
    """
    with mask_stream(path, cine, masks.shape) as file:
        for mask in masks:
            file.add(mask)


def mask_stream(path: Path, cine: Cine | None, shape: tuple[int, ...]) -> NiftiStream:
    """Return the open file for masks that come frame by frame, as `write_masks` writes them.

    Parameters
    ----------
    path, cine
        As for `write_masks`.
    shape
        Frames, rows and columns.

    Raises
    ------
    OSError
        As `write_masks`.
    """
    from matae.output.nifti import NiftiStream

    frames, rows, columns = shape
    if cine is None:
        return NiftiStream(path, (frames, rows, columns), None, None)
    rate = cine.frame_rate
    return NiftiStream(path, (frames, rows, columns), cine.spacing, 1.0 / rate if rate else None, cine.geometry)
