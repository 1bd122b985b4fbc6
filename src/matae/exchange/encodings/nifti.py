"""NIfTI files as CAMUS has them: written by SimpleITK, packed so that the same pixels give the same bytes."""

from __future__ import annotations

import errno
import gzip
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Geometry, Spacing

__all__ = ["as_classes", "read_labels", "write_nifti"]

_HEADER, _UNITS_AT = 352, 123
_MILLIMETRES, _SECONDS = 2, 8


def write_nifti(path: Path, pixels: NDArray[np.uint8], spacing: Spacing | None, frame_time: float | None) -> None:
    """Write a picture (Y, X) or frames (T, Y, X) as ``.nii.gz``.

    Parameters
    ----------
    path
        The file, in a folder that is still to be renamed.
    pixels
        8-bit values.
    spacing
        Millimetres; where unknown, 1 of no unit.
    frame_time
        Seconds from frame to frame; where unknown, 1 of no unit.

    Raises
    ------
    OSError
        If the disk is full, or the folder cannot be written.
    """
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(pixels))
    steps = (1.0, 1.0) if spacing is None else (spacing.x, spacing.y)
    image.SetSpacing(steps if pixels.ndim == 2 else (*steps, frame_time or 1.0))
    plain = path.with_name("part.nii")
    try:
        SimpleITK.WriteImage(image, str(plain), useCompression=False)
    except RuntimeError as error:
        # ITK says no more than that it failed; what the file system has against it is found out by writing there.
        plain.write_bytes(b"")
        raise OSError(errno.EIO, "cannot be written", str(path)) from error
    content = bytearray(plain.read_bytes())
    plain.unlink()
    if len(content) < _HEADER + pixels.size:
        # ITK does not look at what its last write returned: on a full disk it leaves a torn file and says nothing.
        raise OSError(errno.ENOSPC, "No space left on device", str(path))
    content[_UNITS_AT] = (_MILLIMETRES if spacing else 0) | (_SECONDS if frame_time and pixels.ndim == 3 else 0)
    path.write_bytes(gzip.compress(bytes(content), compresslevel=5, mtime=0))


def read_labels(path: Path, shape: tuple[int, ...], geometry: Geometry | None = None) -> NDArray[np.uint8]:
    """Read a mask file whose picture has `shape`, (Y, X) or (T, Y, X).

    Parameters
    ----------
    path
        The mask.
    shape
        Of its picture.
    geometry
        Where its picture lies.

    Raises
    ------
    ExchangeError
        If it cannot be read, is of another size, lies elsewhere, claims more than it holds, or holds no classes.
    """
    from matae.maskfile import MaskFileError, read_mask_file

    try:
        return read_mask_file(path, shape, geometry)
    except MaskFileError as error:
        raise ExchangeError(str(error)) from error


def as_classes(values: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return values as classes, (…) uint8.

    Raises
    ------
    ExchangeError
        If one is no class.
    """
    from matae import maskfile

    try:
        return maskfile.as_classes(values, name)
    except maskfile.MaskFileError as error:
        raise ExchangeError(str(error)) from error
