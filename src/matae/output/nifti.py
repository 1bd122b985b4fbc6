"""One way to write NIfTI: 8-bit frames, the units that are known, and the same bytes for the same pixels.

nibabel writes, because it lets the header state which units are known; SimpleITK claims millimetres and seconds
whatever it is given, and a length of 1 would then pass for a measurement. Masks are written frame by frame, and where
no geometry is stated by a header that is that of nibabel to the byte, without loading it. SimpleITK reads
(`matae.read.volume`, `matae.maskfile`), because one reader there covers NIfTI, MetaImage and NRRD.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

    from matae.cine import Geometry, Spacing

__all__ = ["NiftiStream", "write_nifti"]

_SCANNER = 1  # NIFTI_XFORM_SCANNER_ANAT, the code that ITK writes and prefers
_LEVEL = 9  # of gzip: masks come out half as large as at 5, in half as much time again
_UINT8, _MILLIMETRES, _SECONDS, _BEFORE_PIXELS = 2, 2, 8, 352  # of the header
_GZIP = 31  # of zlib: the largest window, in the frame of gzip
_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # ITK counts to the left and to the back, NIfTI to the right and to the front
_ALIKE = 1e-3
_MOST = 32_767  # of the format, along each axis


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

    image = Nifti1Image(np.asarray(pixels).T, None)
    _place(image, spacing, frame_time if pixels.ndim == 3 else None, geometry)
    with path.open("wb") as file:
        if path.suffix.lower() == ".gz":
            # No name and no time in the packed file: the same pixels give the same bytes.
            with gzip.GzipFile("", "wb", _LEVEL, fileobj=file, mtime=0) as packed:
                image.to_stream(packed)
        else:
            image.to_stream(file)


class NiftiStream:
    """Writes masks as single-file NIfTI-1 frame by frame, in place: what is written need not be held.

    Leaving the context closes the file; it is whole when all frames were added. After an error it gets no proper end.

    Parameters
    ----------
    path, spacing, frame_time, geometry
        As for `write_nifti`.
    shape
        Frames, rows and columns.

    Raises
    ------
    OSError
        If the disk is full, or the folder cannot be written; by `add` and at the end too.
    OutputError
        If the clip is longer, or its frames are larger, than the format holds.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        spacing: Spacing | None,
        frame_time: float | None,
        geometry: Geometry | None = None,
    ) -> None:
        if max(shape) > _MOST:
            frames, rows, columns = shape
            raise OutputError(
                f"A NIfTI file holds at most {_MOST:,} frames of as many rows and columns, not {frames:,} of "
                f"{rows:,} x {columns:,}; cut the clip into shorter ones."
            )
        # Masks are long runs of one class. A search for nothing else takes a seventh of the time of a whole one at 600
        # x 800; files grow by half, and stay far below the video beside them. No name and no time are in the packed
        # file: the same pixels give the same bytes.
        packs = path.suffix.lower() == ".gz"
        self._packed = zlib.compressobj(9, zlib.DEFLATED, _GZIP, 8, zlib.Z_RLE) if packs else None
        self._file = path.open("wb")
        try:
            self._write(_plain_header(shape, spacing, frame_time) if geometry is None else
                        _header(shape, spacing, frame_time, geometry))  # fmt: skip
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # A file that ends too early must not end as a whole one does.
        if kind is None:
            self.close()
        else:
            self.abandon()

    def add(self, mask: NDArray[np.uint8]) -> None:
        """Write the next frame, (Y, X)."""
        self._write(np.ascontiguousarray(mask, np.uint8).data)

    def close(self) -> None:
        """Write what is left, and close the file."""
        packed, self._packed = self._packed, None
        with self._file:
            if packed is not None:
                self._file.write(packed.flush())

    def abandon(self) -> None:
        """Close the file as it is; whatever the disk says to that is of no interest any more."""
        self._packed = None
        with suppress(OSError):
            self._file.close()

    def _write(self, data: bytes | memoryview) -> None:
        self._file.write(data if self._packed is None else self._packed.compress(data))


def _plain_header(shape: tuple[int, int, int], spacing: Spacing | None, frame_time: float | None) -> bytes:
    """Return what `_header` does where no geometry is stated, as of all videos, without loading nibabel.

    That takes longer than to segment a clip with a narrow network.
    """
    frames, rows, columns = shape
    affine = _affine(spacing, frame_time, None)
    units = (_MILLIMETRES if spacing else 0) | (_SECONDS if frame_time else 0)
    steps = np.abs(np.diagonal(affine)[:3])
    head = struct.pack("<i35xB8h", 348, 0, 3, columns, rows, frames, 1, 1, 1, 1)
    head += struct.pack("<3f4h8f", 0, 0, 0, 0, _UINT8, 8, 0, 1, *steps, 1, 1, 1, 1)
    head += struct.pack("<3fhBB4f2i104x", _BEFORE_PIXELS, 1, 0, 0, 0, units, 0, 0, 0, 0, 0, 0)
    head += struct.pack("<2h6f12f16x4s", _SCANNER, _SCANNER, 0, 0, 1, *affine[:3, 3], *affine[:3].ravel(), b"n+1")
    return head + bytes(4)  # no extension


def _header(
    shape: tuple[int, int, int], spacing: Spacing | None, frame_time: float | None, geometry: Geometry | None
) -> bytes:
    """Return all that stands before the pixels."""
    import io

    from nibabel.nifti1 import Nifti1Image

    image = Nifti1Image(np.broadcast_to(np.uint8(0), shape[::-1]), None)
    _place(image, spacing, frame_time, geometry)
    file = io.BytesIO()
    image.header.set_data_offset(_BEFORE_PIXELS)
    image.header.set_slope_inter(1, 0)
    image.header.write_to(file)
    return file.getvalue()


def _place(image: Any, spacing: Spacing | None, frame_time: float | None, geometry: Geometry | None) -> None:
    """State in a header where an image lies, and in which units."""
    placed = _affine(spacing, frame_time, geometry)
    image.header.set_qform(placed, _SCANNER)
    image.header.set_sform(placed, _SCANNER)
    image.header.set_xyzt_units("mm" if spacing else "unknown", "sec" if frame_time else "unknown")


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
