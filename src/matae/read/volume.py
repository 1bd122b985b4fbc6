"""NIfTI, MetaImage and NRRD files, read by SimpleITK.

Frames come out as stored: x runs fastest along a row, y down the rows, and the third axis is time. Echo exports
(CAMUS among them) are written so, apex up.

A file does not say whether its third axis is time or depth. It is taken for time unless something speaks
against it: values no 8-bit ultrasound frame has (negative or above 255, as in CT and MR), or three equal pixel
sizes in millimetres (a resampled volume). A fourth axis is always time.
"""

from __future__ import annotations

import gzip
import math
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Cine, Geometry, Spacing
from matae.errors import ReadError
from matae.read._formats import full_suffix, quiet, view_from_text
from matae.read._grey import ColourMeter, doppler_facts, luma, scale_to_uint8
from matae.read._timing import Timing, no_timing, uniform
from matae.read._ultrasound import plausible_spacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["read_volume"]

_MOST_VALUES = 2**34
_DEFLATE_RATIO = 1032  # zlib never compresses further, so that a smaller file cannot hold what it claims
_NIFTI_TIME_UNITS = {8: 1.0, 16: 1e-3, 24: 1e-6}
_NIFTI_LENGTH_UNITS = (1, 2, 3)
_KEYS = ("xyzt_units", "pixdim[4]", "NRRD_kinds[2]")


def read_volume(path: Path, *, third_axis_is_time: bool = False) -> Cine:
    """Read a NIfTI, MetaImage or NRRD file as a cine or a still.

    Parameters
    ----------
    path
        The file (the header, where header and data are two files).
    third_axis_is_time
        True to take the third axis for time whatever the values and pixel sizes look like.

    Returns
    -------
    Cine
        Frames in stored order. Spacing is that of the header, unless it is absent (all ones), implausible, or a
        NIfTI file states no unit of length. Frame times only where a fourth axis states them in a unit of time.

    Raises
    ------
    ReadError
        If the file is damaged, incomplete, claims more than it can hold, or is a 3-D volume.
    """
    with quiet(), _no_console_output():
        reader = _open_header(path)
        size = tuple(int(extent) for extent in reader.GetSize())
        _check_extent(path, reader, size)
        frame_axis = _frame_axis(path, size)
        try:
            image = reader.Execute()
        except RuntimeError as error:
            raise ReadError(f"{path.name} is damaged or incomplete; copy or export it again.") from error
        metadata = {key: reader.GetMetaData(key) for key in _KEYS if reader.HasMetaDataKey(key)}
        geometry = Geometry(tuple(reader.GetOrigin()), tuple(reader.GetDirection()))
        spacing_all = tuple(float(step) for step in reader.GetSpacing())
        values = _frames_first(path, image)
    if frame_axis == 2 and size[2] > 1 and not third_axis_is_time and metadata.get("NRRD_kinds[2]") != "time":
        _refuse_volume(path, values, spacing_all)
    n_frames = values.shape[0]
    frames, note, meter = _to_grey(values)
    spacing, spacing_note = _spacing(spacing_all, metadata)
    warnings, info = doppler_facts(doppler=meter.is_doppler())
    timing = _timing(n_frames, frame_axis, metadata)
    return Cine(
        frames=frames,
        frame_times=timing.times,
        spacing=spacing,
        source=path,
        view=view_from_text(path.name),
        timing_note=timing.note,
        spacing_note=spacing_note,
        warnings=(*warnings, note) if note else warnings,
        info={**timing.info, **info},
        geometry=geometry,
    )


@contextmanager
def _no_console_output() -> Iterator[None]:
    """Keep ITK from writing its warnings to the console."""
    import SimpleITK as sitk  # noqa: N813 - the name SimpleITK's own documentation uses

    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)


def _open_header(path: Path) -> Any:
    import SimpleITK as sitk  # noqa: N813

    data = _data_file(path)
    if data is not None and not data.is_file():
        raise ReadError(f"{path.name} needs its data file {data.name}, which is missing; copy it into the same folder.")
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise ReadError(f"{path.name} is not a readable {_format_name(path)} file; export it again.") from error
    return reader


def _format_name(path: Path) -> str:
    return {".nii": "NIfTI", ".nii.gz": "NIfTI", ".mhd": "MetaImage", ".mha": "MetaImage"}.get(
        full_suffix(path), "NRRD"
    )


def _data_file(path: Path) -> Path | None:
    """Return the separate data file a MetaImage or NRRD header names, or None."""
    key = {".mhd": "elementdatafile", ".nhdr": "data file"}.get(full_suffix(path))
    if key is None:
        return None
    with path.open("rb") as file:
        head = file.read(65536).decode("utf-8", "replace")
    for line in head.splitlines():
        name, separator, value = line.partition("=" if key == "elementdatafile" else ":")
        words = value.split()
        if separator and name.strip().lower() in (key, key.replace(" ", "")) and len(words) == 1:
            return None if words[0] in ("LOCAL", "LIST") or "%" in words[0] else path.parent / words[0]
    return None


def _check_extent(path: Path, reader: Any, size: tuple[int, ...]) -> None:
    """Refuse, before anything is allocated, a header that claims more than the file can hold."""
    import SimpleITK as sitk  # noqa: N813

    components = max(1, int(reader.GetNumberOfComponents()))
    count = math.prod(size) * components
    data = _data_file(path) or path
    stored = data.stat().st_size
    name = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    value_bytes = next((bits // 8 for bits in (8, 16, 32, 64) if f"{bits}-bit" in name), 1)
    if count > _MOST_VALUES or count * value_bytes > max(stored, 1) * _DEFLATE_RATIO:
        extent = " x ".join(str(step) for step in size)
        raise ReadError(f"{path.name} claims {extent} pixels, far more than it can hold; its header is damaged.")
    if min(size) < 1:
        raise ReadError(f"{path.name} holds no frames; export the clip again.")
    if not _is_whole(path, data, count * value_bytes):
        raise ReadError(f"{path.name} is damaged or incomplete; copy or export it again.")


def _is_whole(path: Path, data: Path, expected: int) -> bool:
    """Say whether `data` holds `expected` bytes of values; ITK fills what is missing in a NIfTI with black, silently.

    Compressed MetaImage and NRRD files are left to ITK, which does notice.
    """
    suffix = full_suffix(path)
    if suffix in (".mhd", ".mha"):
        with path.open("rb") as file:
            compressed = b"CompressedData = True" in file.read(65536)
        return compressed or data.stat().st_size >= expected
    if suffix == ".nii":
        return path.stat().st_size >= expected
    if suffix != ".nii.gz":
        return True
    held = 0
    try:
        with gzip.open(path) as file:
            while piece := file.read(2**20):
                held += len(piece)
    except (OSError, EOFError, zlib.error):
        return False
    return held >= expected


def _frame_axis(path: Path, size: tuple[int, ...]) -> int | None:
    """Return the axis that counts the frames; None for a still."""
    extended = [axis for axis in range(2, len(size)) if size[axis] > 1]
    if len(extended) > 1:
        raise ReadError(f"{path.name} is a 3-D volume over time, not a 2-D cine; export one 2-D view from it.")
    if extended:
        return extended[0]
    return None


def _frames_first(path: Path, image: Any) -> NDArray[Any]:
    """Return the values as (T, Y, X) or (T, Y, X, 3)."""
    import SimpleITK as sitk  # noqa: N813

    components = int(image.GetNumberOfComponentsPerPixel())
    values: NDArray[Any] = sitk.GetArrayFromImage(image)
    if values.dtype.kind == "c" or components not in (1, 3, 4):
        raise ReadError(f"{path.name} holds {components} values a pixel, not a picture; export the grey-scale images.")
    tail = values.shape[image.GetDimension() :]
    rows, columns = (values.shape[image.GetDimension() - 2], values.shape[image.GetDimension() - 1])
    return values.reshape(-1, rows, columns, *tail)


def _refuse_volume(path: Path, values: NDArray[Any], spacing: tuple[float, ...]) -> None:
    in_plane = math.sqrt(spacing[0] * spacing[1])
    stated = not all(math.isclose(step, 1.0) for step in spacing[:3])
    equal = stated and 2 / 3 <= spacing[2] / in_plane <= 3 / 2
    alien = values.dtype != np.uint8 and (float(np.nanmin(values)) < 0 or float(np.nanmax(values)) > 255)
    if equal or alien:
        why = "its third axis is as fine as the others" if equal else "its values are not those of ultrasound frames"
        raise ReadError(
            f"{path.name} looks like a 3-D volume, not a cine ({why}); if the third axis is time, save it with four "
            "axes (x, y, 1, time) or open it with third_axis_is_time=True."
        )


def _to_grey(values: NDArray[Any]) -> tuple[NDArray[np.uint8], str, ColourMeter]:
    scaled, note = scale_to_uint8(values)
    meter = ColourMeter()
    if scaled.ndim == 3:
        return np.ascontiguousarray(scaled), note, meter
    grey = np.empty(scaled.shape[:3], np.uint8)
    for index, picture in enumerate(scaled):
        grey[index] = luma(picture)
        if meter.due():
            meter.add_rgb(picture, grey[index])
    return grey, note, meter


def _spacing(spacing: tuple[float, ...], metadata: dict[str, str]) -> tuple[Spacing | None, str]:
    x, y = _shortest(spacing[0]), _shortest(spacing[1])
    if math.isclose(x, 1.0) and math.isclose(y, 1.0):
        return None, "No millimetres: a pixel size of exactly 1 means that none was written."
    units = _nifti_units(metadata)
    if units is not None and units & 7 not in _NIFTI_LENGTH_UNITS:
        return None, f"No millimetres: the header gives pixels of {y:.4g} x {x:.4g} without a unit of length."
    if not plausible_spacing(y, x):
        return None, f"No millimetres: the header states pixels of {y:.4g} x {x:.4g} mm, which is not plausible."
    return Spacing(y, x), "From the pixel size in the file's header."


def _shortest(value: float) -> float:
    """Undo the widening of a 32-bit header field: 0.308 rather than 0.30799999833106995."""
    narrow = np.float32(value)
    return float(str(narrow)) if float(narrow) == value else value


def _timing(n_frames: int, axis: int | None, metadata: dict[str, str]) -> Timing:
    units = _nifti_units(metadata)
    scale = None if units is None else _NIFTI_TIME_UNITS.get(units & 56)
    if axis != 3 or scale is None:
        return uniform(n_frames, None, "the header states no time between frames")
    try:
        step = float(metadata["pixdim[4]"]) * scale
    except (KeyError, ValueError):
        step = 0.0
    if not (math.isfinite(step) and step > 0):
        return no_timing("The header states no time between frames")
    return uniform(n_frames, 1.0 / step, "pixdim[4] of the NIfTI header")


def _nifti_units(metadata: dict[str, str]) -> int | None:
    """Return xyzt_units of a NIfTI file, None for other formats."""
    try:
        return int(metadata["xyzt_units"])
    except (KeyError, ValueError):
        return None
