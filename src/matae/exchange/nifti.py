"""NIfTI files as CAMUS has them: written by SimpleITK, packed so that the same pixels give the same bytes."""

from __future__ import annotations

import gzip
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import ExchangeError
from matae.exchange.names import inner_path

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Spacing

__all__ = ["as_classes", "read_labels", "write_nifti"]

_HEADER, _UNITS_AT = 352, 123
_MILLIMETRES, _SECONDS = 2, 8
_RATIO = 1100  # deflate packs no tighter than 1032 to 1
_MOST_CLASSES = 20


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
        If the disk is full.
    """
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(pixels))
    steps = (1.0, 1.0) if spacing is None else (spacing.x, spacing.y)
    image.SetSpacing(steps if pixels.ndim == 2 else (*steps, frame_time or 1.0))
    plain = path.with_name("part.nii")
    SimpleITK.WriteImage(image, str(plain), useCompression=False)
    content = bytearray(plain.read_bytes())
    plain.unlink()
    if len(content) < _HEADER + pixels.size:
        # ITK does not look at what its last write returned: on a full disk it leaves a torn file and says nothing.
        raise OSError(28, "No space left on device", str(path))
    content[_UNITS_AT] = (_MILLIMETRES if spacing else 0) | (_SECONDS if frame_time and pixels.ndim == 3 else 0)
    path.write_bytes(gzip.compress(bytes(content), compresslevel=5, mtime=0))


def read_labels(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read a mask file whose picture has `shape`, (Y, X) or (T, Y, X).

    Nothing is unpacked before the header has been held against the picture and the size of the file.

    Raises
    ------
    ExchangeError
        If it cannot be read, is of another size, claims more than it holds, or holds no classes.
    """
    import SimpleITK as sitk  # noqa: N813 - the name SimpleITK's own documentation uses

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        reader.ReadImageInformation()
        size = tuple(int(extent) for extent in reader.GetSize())[::-1]
        while len(size) > len(shape) and size[0] == 1:
            size = size[1:]
        if size != tuple(shape) or reader.GetNumberOfComponents() != 1:
            raise ExchangeError(
                f"{path.name} is {_size(size)}, its picture {_size(shape)}; a mask must have the size of its picture."
            )
        _check_bytes(path, reader)
        image = reader.Execute()
    except RuntimeError as error:
        raise ExchangeError(f"{path.name} is damaged or no mask file; copy it again.") from error
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)
    values: NDArray[Any] = sitk.GetArrayViewFromImage(image).reshape(shape)
    return as_classes(values, path.name)


def _check_bytes(path: Path, reader: Any) -> None:
    if path.suffix.lower() == ".mhd":
        _check_data_file(path, math.prod(reader.GetSize()))
        return
    held = path.stat().st_size * (_RATIO if path.name.endswith(".gz") else 1)
    if math.prod(reader.GetSize()) > held:
        raise ExchangeError(f"{path.name} claims more pixels than it can hold; copy it again.")


def _check_data_file(path: Path, pixels: int) -> None:
    """Hold a MetaImage header against the file it names, which must lie beside it."""
    names = [
        line.partition(b"=")[2].strip().decode("utf-8", "replace")
        for line in path.read_bytes()[:65536].splitlines()
        if line.partition(b"=")[0].strip() == b"ElementDataFile"
    ]
    inner = [str(inner_path(name, path.name)) for name in names]
    if len(inner) != 1 or "/" in inner[0]:
        raise ExchangeError(f"{path.name} must name one data file that lies beside it; copy it again.")
    data = path.with_name(inner[0])
    if not data.is_file() or data.stat().st_size * (_RATIO if data.suffix == ".zraw" else 1) < pixels:
        raise ExchangeError(f"{path.name} claims more pixels than {inner[0]} holds; copy both again.")


def as_classes(values: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return values as classes, (…) uint8.

    Raises
    ------
    ExchangeError
        If one is no whole number from 0 to 20.
    """
    if values.size and (values.min() < 0 or values.max() > _MOST_CLASSES):
        raise ExchangeError(f"{name}: a mask holds classes from 0 to {_MOST_CLASSES}; this file holds other values.")
    classes = values.astype(np.uint8)
    if values.dtype.kind not in "uib" and not np.array_equal(classes, values):
        raise ExchangeError(f"{name}: a mask holds whole numbers; this file holds fractions.")
    return classes


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(extent) for extent in shape) + " (rows x columns last)"
