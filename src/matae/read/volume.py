"""NIfTI, MetaImage and NRRD files, read by SimpleITK.

Frames come out as stored: x runs fastest along a row, y down the rows, and the third axis is time. Echo exports
(CAMUS among them) are written so, apex up. Axes of extent one are left out first, so that a picture in any of the
three planes is one. Where the file places its picture in space is kept in `Cine.geometry`.

NIfTI and MetaImage do not say whether their third axis is time or depth. It is taken for time unless something speaks
against it: values no 8-bit ultrasound frame has (negative or above 255, as in CT and MR), or three equal pixel
sizes in millimetres (a resampled volume; a third size of exactly 1 is what writers put where they know none). A fourth
axis is always time. NRRD names the kind of each axis, and is taken at its word.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Cine, Geometry, Spacing
from matae.errors import ReadError, VolumeError
from matae.read._formats import full_suffix, quiet, view_from_text
from matae.read._grey import ColourMeter, doppler_facts, luma, on_black, scale_to_uint8
from matae.read._timing import Timing, no_timing, uniform
from matae.read._ultrasound import plausible_spacing
from matae.read._volume_header import NrrdAxes, alone, check_extent, check_metaimage, data_files, nrrd_axes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["read_volume"]

_NIFTI_TIME_UNITS = {8: 1.0, 16: 1e-3, 24: 1e-6}
_NIFTI_LENGTH_UNITS = (1, 2, 3)
_TIME_UNITS = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "us": 1e-6}
_KEYS = ("xyzt_units", "pixdim[4]")


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
    with quiet(), _no_console_output(), alone(path) as place:
        reader = _open_header(path, place)
        size = tuple(int(extent) for extent in reader.GetSize())
        check_extent(path, reader, size)
        axes = nrrd_axes(path)
        picture_axes, frame_axis = _picture_axes(path, size)
        try:
            image = reader.Execute()
        except RuntimeError as error:
            raise ReadError(f"{path.name} is damaged or incomplete; copy or export it again.") from error
        if tuple(int(extent) for extent in image.GetSize()) != size:
            raise ReadError(f"{path.name} contradicts itself on its size; its header is damaged, so export it again.")
        metadata = {key: reader.GetMetaData(key) for key in _KEYS if reader.HasMetaDataKey(key)}
        steps = tuple(float(step) for step in reader.GetSpacing())
        values = _frames_first(path, image, axes, frame_axis)
        geometry = _geometry(reader, picture_axes, frame_axis)
    in_plane = abs(steps[picture_axes[0]]), abs(steps[picture_axes[1]])
    if frame_axis == 2 and "time" not in axes.kinds and not third_axis_is_time:
        _refuse_volume(path, values, (*in_plane, abs(steps[2])))
    frames, note, meter = _to_grey(values)
    spacing, spacing_note = _spacing(in_plane, metadata)
    warnings, info = doppler_facts(doppler=meter.is_doppler())
    timing = _timing(len(values), frame_axis, steps, metadata, axes)
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


def _open_header(path: Path, place: Path) -> Any:
    """Return a reader of `path`, which lies at `place`, with its header read."""
    import SimpleITK as sitk  # noqa: N813

    missing = [file.name for file in data_files(path) if not file.is_file()]
    if missing:
        others = f" (and {len(missing) - 1} others)" if len(missing) > 1 else ""
        raise ReadError(
            f"{path.name} needs its data file {missing[0]}{others}, which is missing; copy it into the same folder."
        )
    check_metaimage(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(place))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise ReadError(f"{path.name} is not a readable {_format_name(path)} file; export it again.") from error
    return reader


def _format_name(path: Path) -> str:
    return {".nii": "NIfTI", ".nii.gz": "NIfTI", ".mhd": "MetaImage", ".mha": "MetaImage"}.get(
        full_suffix(path), "NRRD"
    )


def _picture_axes(path: Path, size: tuple[int, ...]) -> tuple[tuple[int, int], int | None]:
    """Return the axes of columns and rows, and the one that counts the frames; None for that of a still.

    An axis of extent one counts nothing, unless it is needed for a picture.
    """
    if len(size) < 2:
        raise ReadError(f"{path.name} holds a line of values, not a picture; export the clip again.")
    spatial = [axis for axis in range(min(3, len(size))) if size[axis] > 1]
    later = [axis for axis in range(3, len(size)) if size[axis] > 1]
    if len(spatial) + len(later) > 3:
        raise ReadError(f"{path.name} is a 3-D volume over time, not a 2-D cine; export one 2-D view from it.")
    if len(later) > 1:
        raise ReadError(f"{path.name} has {len(later)} axes beyond space, and a cine has one, time; export one clip.")
    if len(spatial) == 3:
        return (0, 1), 2
    # A row or column of a single pixel is a picture too, where two axes longer than one are not to be had.
    if len(spatial) < 2:
        spatial = sorted({*spatial, *[axis for axis in (0, 1, 2) if axis < len(size)][: 3 - len(spatial)]})[:2]
    return (spatial[0], spatial[1]), later[0] if later else None


def _frames_first(path: Path, image: Any, axes: NrrdAxes, frame_axis: int | None) -> NDArray[Any]:
    """Return the values as (T, Y, X) or (T, Y, X, 3 or 4)."""
    import SimpleITK as sitk  # noqa: N813

    components = int(image.GetNumberOfComponentsPerPixel())
    values: NDArray[Any] = sitk.GetArrayFromImage(image)
    if values.dtype.kind == "c":
        raise ReadError(f"{path.name} holds complex values, not a picture; export the grey-scale images.")
    dimension = int(image.GetDimension())
    picture = [extent for extent in values.shape[:dimension] if extent > 1]
    if frame_axis is not None:
        picture = picture[1:]
    while len(picture) < 2:
        picture.append(1)
    is_list = axes.frames is not None and axes.kinds[axes.frames] == "list"
    if components > 1 and (is_list or (components not in (3, 4) and not axes.has_colours)):
        # ITK hands out the frames of a list as components of each pixel.
        if frame_axis is not None:
            raise ReadError(f"{path.name} is a 3-D volume over time, not a 2-D cine; export one 2-D view from it.")
        if axes.frames is None:
            raise ReadError(
                f"{path.name} holds {components} values a pixel, not a picture; export the grey-scale images, or name "
                "the axis that counts the frames (kinds: list)."
            )
        return np.ascontiguousarray(np.moveaxis(values.reshape(*picture, components), -1, 0))
    if components not in (1, 3, 4):
        raise ReadError(f"{path.name} holds {components} values a pixel, not a picture; export the grey-scale images.")
    return values.reshape(-1, *picture, *values.shape[dimension:])


def _geometry(reader: Any, picture_axes: tuple[int, int], frame_axis: int | None) -> Geometry | None:
    """Return where the frames lie in space, None where the header does not say it soundly."""
    size = len(reader.GetSize())
    origin = np.zeros(3)
    matrix = np.eye(3)
    spatial = min(3, size)
    origin[:spatial] = reader.GetOrigin()[:spatial]
    matrix[:spatial, :spatial] = np.reshape(reader.GetDirection(), (size, size))[:spatial, :spatial]
    # A negative pixel size means that the axis runs the other way.
    matrix[:, :spatial] *= np.where(np.array(reader.GetSpacing()[:spatial]) < 0, -1.0, 1.0)
    third = ({0, 1, 2} - set(picture_axes)).pop() if frame_axis != 2 else 2
    matrix = matrix[:, [*picture_axes, third]]
    if not (np.isfinite(origin).all() and np.allclose(matrix.T @ matrix, np.eye(3), atol=1e-3)):
        return None
    flat = tuple(float(value) + 0.0 for value in matrix.ravel())
    return Geometry(tuple(float(value) for value in origin), flat)  # type: ignore[arg-type]


def _refuse_volume(path: Path, values: NDArray[Any], spacing: tuple[float, float, float]) -> None:
    in_plane = math.sqrt(spacing[0] * spacing[1])
    stated = not math.isclose(spacing[2], 1.0)
    equal = stated and 2 / 3 * in_plane <= spacing[2] <= 3 / 2 * in_plane
    alien = values.dtype != np.uint8 and (float(np.nanmin(values)) < 0 or float(np.nanmax(values)) > 255)
    if equal or alien:
        why = "its third axis is as fine as the others" if equal else "its values are not those of ultrasound frames"
        raise VolumeError(
            f"{path.name} looks like a 3-D volume, not a cine ({why}); if the third axis is time, say so: "
            "--third-axis time on the command line, 'The third axis is time' in the Open step, or save it with four "
            "axes (x, y, 1, time)."
        )


def _to_grey(values: NDArray[Any]) -> tuple[NDArray[np.uint8], str, ColourMeter]:
    scaled, note = scale_to_uint8(values)
    meter = ColourMeter()
    if scaled.ndim == 3:
        return np.ascontiguousarray(scaled), note, meter
    grey = np.empty(scaled.shape[:3], np.uint8)
    for index, picture in enumerate(scaled):
        shown = on_black(picture)
        grey[index] = luma(shown)
        if meter.due():
            meter.add_rgb(shown, grey[index])
    return grey, note, meter


def _spacing(in_plane: tuple[float, float], metadata: dict[str, str]) -> tuple[Spacing | None, str]:
    x, y = _shortest(in_plane[0]), _shortest(in_plane[1])
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


def _timing(
    n_frames: int, axis: int | None, steps: tuple[float, ...], metadata: dict[str, str], axes: NrrdAxes
) -> Timing:
    if axes.frames is not None:
        return _nrrd_timing(n_frames, steps, axes)
    units = _nifti_units(metadata)
    scale = None if units is None else _NIFTI_TIME_UNITS.get(units & 56)
    if axis != 3 or scale is None:
        return uniform(n_frames, None, "the header states no time between frames")
    try:
        step = float(metadata["pixdim[4]"]) * scale
    except (KeyError, ValueError):
        step = 0.0
    return _by_step(n_frames, step, "pixdim[4] of the NIfTI header")


def _nrrd_timing(n_frames: int, steps: tuple[float, ...], axes: NrrdAxes) -> Timing:
    """Return the frame times of a NRRD file whose frame axis has a unit of time."""
    scale = _TIME_UNITS.get(axes.frame_unit)
    if scale is None or n_frames == 1:
        return uniform(n_frames, None, "the header states no time between frames")
    values = np.asarray(axes.frame_values) * scale
    if values.size == n_frames and (np.diff(values) > 0).all():
        rate = float((n_frames - 1) / (values[-1] - values[0]))
        return Timing(values - values[0], f"{rate:.4g} Hz on average, from the index values of the sequence.")
    if axes.kinds[axes.frames or 0] == "time" and len(steps) > 2:
        return _by_step(n_frames, steps[2] * scale, "the spacing of the time axis")
    return uniform(n_frames, None, "the header states no time between frames")


def _by_step(n_frames: int, step: float, source: str) -> Timing:
    if not (math.isfinite(step) and step > 0) or not math.isfinite(1.0 / step):
        return no_timing("The header states no time between frames")
    return uniform(n_frames, 1.0 / step, source)


def _nifti_units(metadata: dict[str, str]) -> int | None:
    """Return xyzt_units of a NIfTI file, None for other formats."""
    try:
        return int(metadata["xyzt_units"])
    except (KeyError, ValueError):
        return None
