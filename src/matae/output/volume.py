"""The masks as NIfTI: columns, rows, frames."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import OutputError
from matae.files import staged, writing_to

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from matae.cine import Cine, Geometry

__all__ = ["write_mask", "write_masks"]

_HEADER = 352  # bytes before the pixels in a single-file NIfTI-1
_UNITS_AT = 123  # xyzt_units, one byte
_MILLIMETRES, _SECONDS = 2, 8
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
        Whose spacing (dx, dy in mm), frame time (third axis, in seconds), origin and direction go into the header;
        where spacing or time is unknown, it is 1 and of no unit.
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
    spacing = cine.spacing if cine else None
    dx, dy = (spacing.x, spacing.y) if spacing else (1.0, 1.0)
    image.SetSpacing((dx, dy, 1.0 / rate if rate else 1.0))
    if cine is not None and cine.geometry is not None:
        _put_in_place(image, cine.geometry)
    packed = path.suffix == ".gz"
    try:
        SimpleITK.WriteImage(image, str(path), useCompression=packed)
    except RuntimeError as error:
        raise OutputError(f"{path.name} cannot be written; free some space or choose another folder.") from error
    # ITK claims millimetres and seconds whatever it is given: a length of 1 would pass for a measurement.
    units = (_MILLIMETRES if spacing else 0) | (_SECONDS if rate else 0)
    size = _state_units_packed(path, units) if packed else _state_units(path, units)
    # Nor does it look at what the last write returned: on a full disk it leaves a torn file and says nothing.
    if size < _HEADER + masks.size:
        raise OutputError(f"The disk is full: {path.name} did not fit; free some space or choose another folder.")


def _put_in_place(image: Any, geometry: Geometry) -> None:
    """Give a mask of columns, rows and frames the origin and direction of its picture."""
    axes = min(len(geometry.origin), 3)
    stated = np.array(geometry.direction, np.float64).reshape(len(geometry.origin), -1)
    direction, origin = np.eye(3), np.zeros(3)
    direction[:axes, :axes], origin[:axes] = stated[:axes, :axes], geometry.origin[:axes]
    if np.allclose(direction @ direction.T, np.eye(3), atol=1e-3):  # NIfTI holds nothing but a rotation
        image.SetDirection(direction.ravel().tolist())
        image.SetOrigin(origin.tolist())


def _state_units(path: Path, units: int) -> int:
    """Put the units into the header; return the size of the file."""
    size = path.stat().st_size
    if size >= _HEADER:
        with path.open("r+b") as file:
            file.seek(_UNITS_AT)
            file.write(bytes([units]))
    return size


def _state_units_packed(path: Path, units: int) -> int:
    """Pack the file again with the units in its header; return its unpacked size, 0 when it is torn."""
    part = path.with_name(f"units-{path.name}")
    total = 0
    with part.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
        try:
            with gzip.open(path, "rb") as file:
                while chunk := file.read(_CHUNK):
                    if total == 0:
                        chunk = chunk[:_UNITS_AT] + bytes([units]) + chunk[_UNITS_AT + 1 :]
                    packed.write(chunk)
                    total += len(chunk)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            return 0
    part.replace(path)
    return total
