"""Pictures as frames: TIFF stacks, folders of PNG, JPEG, BMP or TIFF files, and NumPy arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Cine, Spacing
from matae.errors import ReadError
from matae.read._formats import SUFFIXES, full_suffix, is_label_name, natural_key, quiet, size_text
from matae.read._grey import ColourMeter, doppler_facts, luma, scale_to_uint8, windowed
from matae.read._timing import no_timing, plausible, uniform
from matae.read._ultrasound import plausible_spacing
from matae.stack import StackBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from matae.read._timing import Timing

__all__ = ["frame_files", "is_tiff_stack", "read_array", "read_image", "read_image_folder"]

_NO_CALIBRATION = "No millimetres: the pictures carry no calibration."
_TIFF = (".tif", ".tiff")


def frame_files(folder: Path) -> list[Path]:
    """Return the pictures of a folder in natural order (``frame10`` after ``frame9``), masks left out."""
    files = [path for path in folder.iterdir() if SUFFIXES.get(full_suffix(path)) == "image"]
    files = [path for path in files if not (path.name.startswith(".") or is_label_name(path) or is_tiff_stack(path))]
    return sorted(files, key=natural_key)


def is_tiff_stack(path: Path) -> bool:
    """Say whether a file is a TIFF with more than one picture, which is a clip by itself; False when damaged."""
    if full_suffix(path) not in _TIFF:
        return False
    import tifffile

    with quiet():
        try:
            with tifffile.TiffFile(path) as tiff:
                return len(tiff.pages) > 1 or math.prod(tiff.series[0].shape) > math.prod(tiff.pages[0].shape)
        except Exception:  # noqa: BLE001 - tifffile raises whatever a broken file leads it to
            return False


def read_image(path: Path) -> Cine:
    """Read a TIFF stack or a single picture.

    Parameters
    ----------
    path
        A TIFF, PNG, JPEG or BMP file.

    Returns
    -------
    Cine
        For TIFF, frame times from ImageJ's frame interval or rate, and spacing from its resolution where the unit
        is one of length; otherwise neither.

    Raises
    ------
    ReadError
        If the file is damaged or has more axes than a stack of frames.
    """
    if full_suffix(path) in _TIFF or _is_tiff(path):
        return _read_tiff(path)
    return _read_pictures(path, [path])


def read_image_folder(folder: Path, files: Sequence[Path] | None = None) -> Cine:
    """Read a folder of pictures as the frames of one cine.

    Parameters
    ----------
    folder
        The folder.
    files
        The frames in order; by default all pictures in natural order.

    Raises
    ------
    ReadError
        If there are no pictures, one is damaged, or their sizes differ.
    """
    chosen = frame_files(folder) if files is None else list(files)
    if not chosen:
        raise ReadError(f"{folder.name} holds no pictures; choose a folder of PNG, JPEG, BMP or TIFF frames.")
    return _read_pictures(folder, chosen)


def read_array(path: Path) -> Cine:
    """Read frames from a NumPy file: (Y, X), (T, Y, X) or (T, Y, X, 3); pickled objects are refused.

    Parameters
    ----------
    path
        An ``.npy`` file, or an ``.npz`` file with an array named ``frames`` or only one array. An ``.npz`` may
        also hold ``frame_times`` (T,) in seconds and ``spacing`` (y, x) in mm.

    Raises
    ------
    ReadError
        If the file is damaged, holds objects, or no array of frames.
    """
    arrays = _load_arrays(path)
    name = "frames" if "frames" in arrays else next(iter(arrays)) if len(arrays) == 1 else None
    if name is None:
        raise ReadError(f"{path.name} holds {len(arrays)} arrays; name the one with the frames 'frames'.")
    values = arrays[name]
    if values.ndim == 2:
        values = values[np.newaxis]
    is_colour = values.ndim == 4 and values.shape[-1] in (3, 4)
    if (values.ndim != 3 and not is_colour) or values.dtype.kind not in "uifb":
        raise ReadError(
            f"{path.name} holds {values.dtype} values of shape {values.shape}; frames need (time, rows, columns)."
        )
    if not values.size:
        raise ReadError(f"{path.name} holds no frames; save the clip again.")
    scaled, note = scale_to_uint8(values)
    return _assemble(
        path,
        iter(np.asarray(picture) for picture in scaled),
        timing=lambda count: _array_timing(arrays.get("frame_times"), count),
        spacing=_array_spacing(arrays.get("spacing")),
        note=note,
    )


def _load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a NumPy file by name; a lone array has the name ``frames``."""
    try:
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                file.seek(0)
                with np.load(file, allow_pickle=False) as loaded:
                    return {name: loaded[name] for name in loaded.files}
        return {"frames": np.load(path, mmap_mode="r", allow_pickle=False)}
    except Exception as error:
        raise ReadError(
            f"{path.name} is not a plain NumPy array file (pickled objects are not loaded); "
            "save the frames again with numpy.save."
        ) from error


def _array_timing(times: NDArray[Any] | None, n_frames: int) -> Timing:
    from matae.read._timing import Timing

    if times is None:
        return uniform(n_frames, None, "arrays carry none")
    times = np.asarray(times, np.float64)
    if times.shape != (n_frames,) or not np.isfinite(times).all() or not (np.diff(times) > 0).all():
        return no_timing("frame_times in the file do not fit its frames")
    return Timing(times - times[0], "From frame_times in the file.") if n_frames > 1 else uniform(1, None, "")


def _array_spacing(stated: NDArray[Any] | None) -> tuple[Spacing | None, str]:
    if stated is None:
        return None, "No millimetres: the array carries no calibration."
    if stated.shape != (2,) or not plausible_spacing(float(stated[0]), float(stated[1])):
        return None, "No millimetres: the spacing in the file is not plausible."
    return Spacing(float(stated[0]), float(stated[1])), "From spacing in the file."


def _assemble(
    source: Path,
    pictures: Iterable[NDArray[np.uint8]],
    *,
    timing: Any,
    spacing: tuple[Spacing | None, str],
    note: str = "",
    names: Sequence[str] = (),
) -> Cine:
    """Collect 8-bit pictures, grey or RGB, as a cine."""
    builder, meter = StackBuilder(), ColourMeter()
    for index, picture in enumerate(pictures):
        grey = picture if picture.ndim == 2 else luma(picture)
        if picture.ndim == 3 and meter.due():
            meter.add_rgb(picture, grey)
        try:
            builder.append(grey)
        except ValueError as error:
            first, this = (names[0], names[index]) if names else ("the first frame", f"frame {index}")
            raise ReadError(
                f"{source.name}: {first} is {size_text(builder.frame_shape or (0, 0))} and {this} is "
                f"{size_text(grey.shape[:2])}; the frames of a clip need one size, so move the others elsewhere."
            ) from error
    chosen: Timing = timing(len(builder))
    warnings, info = doppler_facts(doppler=meter.is_doppler())
    return Cine(
        frames=builder.build(),
        frame_times=chosen.times,
        spacing=spacing[0],
        source=source,
        timing_note=chosen.note,
        spacing_note=spacing[1],
        warnings=(*warnings, note) if note else warnings,
        info={**chosen.info, **info},
    )


def _read_pictures(source: Path, files: Sequence[Path]) -> Cine:
    return _assemble(
        source,
        (_picture(path) for path in files),
        timing=lambda count: uniform(count, None, "pictures carry none"),
        spacing=(None, _NO_CALIBRATION),
        names=[path.name for path in files],
    )


def _picture(path: Path) -> NDArray[np.uint8]:
    """Return one picture as (Y, X) or (Y, X, 3) uint8; 16-bit depth is scaled by a factor common to all files."""
    from PIL import Image, ImageOps

    if full_suffix(path) in _TIFF or _is_tiff(path):
        cine = _read_tiff(path)
        if cine.n_frames != 1:
            raise ReadError(
                f"{path.name} is a stack of {cine.n_frames} frames among single pictures; open it by itself."
            )
        (frame,) = cine.frames
        return np.asarray(frame, np.uint8)
    with quiet():
        try:
            with Image.open(path) as opened:
                image = ImageOps.exif_transpose(opened)
                plain = "L" if image.mode in ("1", "LA", "La") else "RGB"
                keep = image.mode == "L" or image.mode.startswith("I")
                values: NDArray[Any] = np.asarray(image if keep else image.convert(plain))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise ReadError(f"{path.name} is a damaged picture; copy or export it again.") from error
    if values.dtype != np.uint8:
        return windowed(values, 0, 65535)
    picture: NDArray[np.uint8] = values
    return picture


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0")


def _read_tiff(path: Path) -> Cine:
    import tifffile

    with quiet():
        try:
            with tifffile.TiffFile(path) as tiff:
                return _tiff_cine(path, tiff)
        except ReadError:
            raise
        except Exception as error:
            raise ReadError(f"{path.name} is a damaged TIFF file; copy or export it again.") from error


def _tiff_cine(path: Path, tiff: Any) -> Cine:
    series = tiff.series[0]
    extents = zip(series.axes, series.shape, strict=True)
    axes = "".join(axis for axis, extent in extents if extent > 1 or axis in "YXS").removesuffix("S")
    if not axes.endswith("YX") or len(axes) > 3 or "S" in axes:
        raise ReadError(
            f"{path.name} has the axes {series.axes}; a clip has only time, rows and columns, so export one view."
        )
    metadata = dict(tiff.imagej_metadata or {})
    pictures, note = _tiff_pictures(series)
    return _assemble(
        path,
        pictures,
        timing=lambda count: _imagej_timing(metadata, count),
        spacing=_imagej_spacing(metadata, _resolution(tiff.pages[0])),
        note=note,
    )


def _tiff_pictures(series: Any) -> tuple[Iterator[NDArray[np.uint8]], str]:
    """Return the frames of a TIFF series, page by page where it is stored so and needs no common scaling."""
    is_colour = series.axes.endswith("S")
    frame_shape = series.shape[-3:] if is_colour else series.shape[-2:]
    count = math.prod(series.shape) // math.prod(frame_shape)
    if series.dtype == np.uint8 and len(series.pages) == count:
        return (page.asarray().reshape(frame_shape) for page in series.pages), ""
    scaled, note = scale_to_uint8(series.asarray())
    return iter(scaled.reshape(count, *frame_shape)), note


def _resolution(page: Any) -> tuple[float, float] | None:
    """Return pixels per unit (y, x) of a TIFF page."""
    values = []
    for name in ("YResolution", "XResolution"):
        tag = page.tags.get(name)
        if tag is None or not isinstance(tag.value, tuple) or not tag.value[1] or not tag.value[0]:
            return None
        values.append(tag.value[0] / tag.value[1])
    return values[0], values[1]


def _imagej_timing(metadata: dict[str, Any], n_frames: int) -> Timing:
    interval, rate = metadata.get("finterval"), metadata.get("fps")
    unit = str(metadata.get("tunit", "sec")).lower()
    scale = {"sec": 1.0, "s": 1.0, "seconds": 1.0, "second": 1.0, "ms": 1e-3, "msec": 1e-3}.get(unit)
    by_interval = 1.0 / (float(interval) * scale) if interval and scale else None
    by_rate = float(rate) if rate else None
    if by_interval and by_rate and not math.isclose(by_interval, by_rate, rel_tol=0.05):
        candidates = {"finterval": by_interval, "fps": by_rate}
        return no_timing(f"ImageJ states {by_interval:.4g} Hz by interval and {by_rate:.4g} Hz by rate", candidates)
    if by_interval is not None and plausible(by_interval):
        return uniform(n_frames, by_interval, "ImageJ's frame interval")
    return uniform(n_frames, by_rate, "ImageJ's frame rate" if by_rate else "TIFF stacks state it only through ImageJ")


def _imagej_spacing(metadata: dict[str, Any], resolution: tuple[float, float] | None) -> tuple[Spacing | None, str]:
    unit = {"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "centimeter": 10.0}.get(str(metadata.get("unit", "")).lower())
    if unit is None or resolution is None:
        return None, _NO_CALIBRATION
    y, x = unit / resolution[0], unit / resolution[1]
    if not plausible_spacing(y, x):
        return None, f"No millimetres: ImageJ states pixels of {y:.4g} x {x:.4g} mm, which is not plausible."
    return Spacing(y, x), "From ImageJ's scale."
