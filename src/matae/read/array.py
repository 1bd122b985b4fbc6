"""NumPy arrays as frames, and the doubts about the order of their axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.cine import Spacing
from matae.errors import ReadError
from matae.read._assemble import assemble
from matae.read._grey import on_black
from matae.read._timing import Timing, no_timing, uniform
from matae.read._ultrasound import plausible_spacing

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine

__all__ = ["read_array"]

_SIDE = 16  # pixels below which a picture is too small to be told from a number of frames
_SLIM = 4  # times as high as wide, or as wide as high: no ultrasound picture is
_WANTED = "save it as (time, rows, columns), or (time, rows, columns, 3) in colour"


def read_array(path: Path) -> Cine:
    """Read frames from a NumPy file: (Y, X), (T, Y, X) or (T, Y, X, 1 to 4); pickled objects are refused.

    Four channels are colours and opacity, which is laid on black; two are grey and opacity.

    Parameters
    ----------
    path
        An ``.npy`` file, or an ``.npz`` file with an array named ``frames`` or only one array. An ``.npz`` may
        also hold ``frame_times`` (T,) in seconds and ``spacing`` (y, x) in mm.

    Raises
    ------
    ReadError
        If the file is damaged, holds objects, or no array of frames; or if its axes seem to be in another order.
    """
    arrays = _load_arrays(path)
    name = "frames" if "frames" in arrays else next(iter(arrays)) if len(arrays) == 1 else None
    if name is None:
        raise ReadError(f"{path.name} holds {len(arrays)} arrays; name the one with the frames 'frames'.")
    values = arrays[name]
    if values.ndim == 2:
        values = values[np.newaxis]
    is_colour = values.ndim == 4 and values.shape[-1] in (1, 2, 3, 4)
    if (values.ndim != 3 and not is_colour) or values.dtype.kind not in "uifb":
        raise ReadError(
            f"{path.name} holds {values.dtype} values of shape {values.shape}; frames need (time, rows, columns), so "
            f"{_WANTED}."
        )
    if not values.size:
        raise ReadError(f"{path.name} holds no frames; save the clip again.")
    _check_order(path, values[..., 0] if is_colour else values)
    return assemble(
        path,
        lambda: (_picture(frame) for frame in values),
        timing=lambda count: _timing(arrays.get("frame_times"), count),
        spacing=_spacing(arrays.get("spacing")),
    )


def _picture(frame: NDArray[Any]) -> NDArray[Any]:
    frame = np.asarray(frame)
    if frame.ndim == 2:
        return frame
    if frame.shape[-1] == 1:
        return frame[..., 0]
    if frame.dtype.kind == "u":
        return on_black(frame)
    return frame if frame.shape[-1] == 3 else frame[..., : 3 if frame.shape[-1] == 4 else 1].squeeze()


def _check_order(path: Path, values: NDArray[Any]) -> None:
    """Refuse (T, Y, X) values that look like (Y, X, T): by their extents, or by what stands still along which axis.

    The ground beside the sector does not change with time: along the axis of time many lines of pixels are constant,
    along rows and columns only those that miss the sector.
    """
    first, second, last = values.shape
    is_picture = min(first, second) >= _SIDE and max(first, second) <= _SLIM * min(first, second)
    slim = last * _SLIM < min(first, second)
    if is_picture and last <= 4:
        what = f"{last} frames last, or one colour picture" if last in (3, 4) else f"{last} frames last"
        raise ReadError(f"{path.name} has the shape {values.shape}, which looks like {what}; {_WANTED}.")
    if is_picture and min(values.shape) >= 2 and (slim or _stands_still(values)):
        raise ReadError(
            f"{path.name} has the shape {values.shape}, and its last axis looks like time, not its first; {_WANTED} "
            "(numpy.moveaxis(frames, -1, 0))."
        )


def _stands_still(values: NDArray[Any]) -> bool:
    """Say whether more lines are constant along the last axis than along either other."""
    sample = np.asarray(values[tuple(slice(None, None, -(-extent // 128)) for extent in values.shape)])
    still = [float((sample == np.take(sample, [0], axis=axis)).all(axis=axis).mean()) for axis in range(3)]
    return still[2] > max(still[0], still[1]) * 1.2 + 0.05


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


def _timing(times: NDArray[Any] | None, n_frames: int) -> Timing:
    if times is None:
        return uniform(n_frames, None, "arrays carry none")
    try:
        times = np.asarray(times, np.float64)
    except (TypeError, ValueError):
        return no_timing("frame_times in the file are no numbers")
    if times.shape != (n_frames,) or not np.isfinite(times).all() or not (np.diff(times) > 0).all():
        return no_timing("frame_times in the file do not fit its frames")
    return Timing(times - times[0], "From frame_times in the file.") if n_frames > 1 else uniform(1, None, "")


def _spacing(stated: NDArray[Any] | None) -> tuple[Spacing | None, str]:
    if stated is None:
        return None, "No millimetres: the array carries no calibration."
    try:
        y, x = (float(size) for size in stated)
    except (TypeError, ValueError):
        return None, "No millimetres: the spacing in the file is not plausible."
    if not plausible_spacing(y, x):
        return None, "No millimetres: the spacing in the file is not plausible."
    return Spacing(y, x), "From spacing in the file."
