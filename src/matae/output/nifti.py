"""One way to write NIfTI: 8-bit frames, the units that are known, and the same bytes for the same pixels.

nibabel writes, because it lets the header state which units are known; SimpleITK claims millimetres and seconds
whatever it is given, and a length of 1 would then pass for a measurement. SimpleITK reads (`matae.read.volume`,
`matae.maskfile`), because one reader there covers NIfTI, MetaImage and NRRD.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Geometry, Spacing

__all__ = ["write_nifti"]

_SCANNER = 1  # NIFTI_XFORM_SCANNER_ANAT, the code that ITK writes and prefers
_LEVEL = 9  # of gzip: masks come out half as large as at 5, in half as much time again
_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # ITK counts to the left and to the back, NIfTI to the right and to the front
_ALIKE = 1e-3


def write_nifti(
    path: Path,
    pixels: NDArray[np.uint8],
    spacing: Spacing | None,
    frame_time: float | None,
    geometry: Geometry | None = None,
) -> None:
    """Write a picture or frames as single-file NIfTI-1, in place; for files that are still to be renamed.

    Parameters
    ----------
    path
        The file; ``.gz`` at its end has it compressed.
    pixels
        (Y, X) or (T, Y, X) 8-bit values; the axes of the file are columns, rows, frames.
    spacing
        Millimetres; where unknown, 1 of no unit.
    frame_time
        Seconds from frame to frame, the spacing of the third axis; where unknown, 1 of no unit.
    geometry
        Where the picture lies; without it the axes of ITK. NIfTI's quaternion holds a rotation and no more: a direction
        that is none is left out.

    Raises
    ------
    OSError
        If the disk is full, or the folder cannot be written.
    """
    from nibabel.nifti1 import Nifti1Image

    frame_time = frame_time if pixels.ndim == 3 else None
    image = Nifti1Image(np.asarray(pixels).T, None)
    placed = _affine(spacing, frame_time, geometry)
    image.header.set_qform(placed, _SCANNER)
    image.header.set_sform(placed, _SCANNER)
    image.header.set_xyzt_units("mm" if spacing else "unknown", "sec" if frame_time else "unknown")
    with path.open("wb") as file:
        if path.suffix.lower() == ".gz":
            # No name and no time in the packed file: the same pixels give the same bytes.
            with gzip.GzipFile("", "wb", _LEVEL, fileobj=file, mtime=0) as packed:
                image.to_stream(packed)
        else:
            image.to_stream(file)


def _affine(spacing: Spacing | None, frame_time: float | None, geometry: Geometry | None) -> NDArray[Any]:
    """Return the 4 x 4 matrix from column, row and frame to NIfTI's space."""
    direction, origin = np.eye(3), np.zeros(3)
    if geometry is not None:
        there = len(geometry.origin)
        axes = min(there, 3)
        stated = np.eye(3)
        stated[:axes, :axes] = np.array(geometry.direction, np.float64).reshape(there, there)[:axes, :axes]
        if np.allclose(stated @ stated.T, np.eye(3), atol=_ALIKE):
            direction, origin[:axes] = stated, geometry.origin[:axes]
    steps = [spacing.x, spacing.y] if spacing else [1.0, 1.0]
    affine = np.eye(4)
    affine[:3, :3] = direction * [*steps, frame_time or 1.0]
    affine[:3, 3] = origin
    return _TO_RAS @ affine
