"""Tracings as EchoNet-Dynamic keeps them: the long axis, then twenty chords across it from apex to base.

Twenty-one rows ``x1, y1, x2, y2`` in pixels. The mask that belongs to them is the polygon through the ends of the
chords; the long axis is not part of it (echonet/dynamic, echonet/datasets/echo.py; written anew from the facts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.errors import MeasureError
from matae.measure._plane import scale_of
from matae.measure.contour import contour
from matae.measure.disks import N_DISKS, chords_at
from matae.measure.landmarks import Landmarks, find_landmarks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Spacing

_FURTHEST = 1.15  # of the long axis
_INSIDE = 0.05  # pixels
_PIXEL_INSIDE = 0.1

__all__ = ["landmarks_of_tracing", "mask_of_tracing", "tracing"]


def tracing(
    mask: ArrayLike,
    spacing: Spacing | None = None,
    *,
    landmarks: Landmarks | None = None,
    n: int = N_DISKS,
    apex_down: bool = False,
    label: int | None = None,
) -> NDArray[np.float64] | None:
    """Trace a mask as EchoNet-Dynamic does.

    The chords are evenly spaced, the first a hair below the apex, the last a tenth of a pixel above the lowest point of
    the cavity. The outline runs half-way between pixels, and the rasteriser rounds the ends of the chords to whole
    pixels and fills those too; so each chord ends a hair inside the outline, that its end is rounded to a pixel of the
    cavity. Without that, masks come back 3 % too large on 112 pixels.

    Parameters
    ----------
    mask
        (Y, X), any type; the largest part counts.
    spacing
        Pixel size in mm: says what is perpendicular where pixels are not square.
    landmarks
        Placed by hand; found when None.
    n
        Number of chords.
    apex_down
        The apex is at the bottom of the picture.
    label
        Class to take; everything but 0 when None.

    Returns
    -------
    numpy.ndarray or None
        (n + 1, 4) rows x1, y1, x2, y2: the long axis from apex to base, then the chords from apex to base, the left
        end first. None when the mask is empty or only a few pixels.

    Raises
    ------
    MeasureError
        If it is no single frame.
    """
    points = contour(mask, label)
    marks = landmarks or find_landmarks(points, spacing, apex_down=apex_down)
    if marks is None or len(points) < 3 or n < 2:
        return None
    # As far as the cavity goes (a slanted base ends below the middle of the annulus), within reason.
    pixels = max(marks.length(), 1e-12)
    end = min(_extent(points, marks, spacing), _FURTHEST) - _PIXEL_INSIDE / pixels
    start = _INSIDE / pixels
    if end <= start:
        return None
    chords, _ = chords_at(points, marks, np.linspace(start, end, n), spacing)
    half = (chords[:, 1] - chords[:, 0]) / 2.0
    reach = np.hypot(*half.T)[:, None]
    half *= np.minimum(_INSIDE / np.maximum(reach, 1e-12), 1.0)
    chords += np.stack([half, -half], 1)
    rows = np.empty((n + 1, 4))
    rows[0] = marks.apex[1], marks.apex[0], marks.base[1], marks.base[0]
    rows[1:] = chords[:, :, ::-1].reshape(n, 4)
    return rows


def _extent(points: NDArray[np.float64], marks: Landmarks, spacing: Spacing | None) -> float:
    """Return how far the outline reaches along the long axis, as a fraction of it."""
    scale = scale_of(spacing)
    apex, base = np.array(marks.apex) * scale, np.array(marks.base) * scale
    axis = base - apex
    return float(((points * scale - apex) @ axis).max() / (axis @ axis))


def mask_of_tracing(rows: ArrayLike, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the mask of a tracing, exactly as EchoNet-Dynamic rasterises it: vertices rounded to whole pixels.

    Parameters
    ----------
    rows
        (N, 4) x1, y1, x2, y2; the first is the long axis and is not used.
    shape
        Rows and columns of the frame.

    Raises
    ------
    MeasureError
        If there are fewer than two chords, or a number is missing.
    """
    from skimage.draw import polygon

    table = np.asarray(rows, np.float64)
    if table.ndim != 2 or table.shape[1] != 4 or len(table) < 3 or not np.isfinite(table).all():
        raise MeasureError("A tracing has a long axis and at least two chords of four numbers each; check the file.")
    x = np.concatenate([table[1:, 0], table[:0:-1, 2]])
    y = np.concatenate([table[1:, 1], table[:0:-1, 3]])
    mask = np.zeros(shape, np.uint8)
    mask[polygon(np.rint(y).astype(int), np.rint(x).astype(int), shape)] = 1
    return mask


def landmarks_of_tracing(rows: ArrayLike) -> Landmarks:
    """Return apex and hinge points of a tracing: the ends of its long axis, and the last chord moved to its end.

    Raises
    ------
    MeasureError
        As `mask_of_tracing`.
    """
    table = np.asarray(rows, np.float64)
    if table.ndim != 2 or table.shape[1] != 4 or len(table) < 3 or not np.isfinite(table).all():
        raise MeasureError("A tracing has a long axis and at least two chords of four numbers each; check the file.")
    ends = table[0].reshape(2, 2)[:, ::-1]
    chord = table[-1].reshape(2, 2)[:, ::-1]
    # Whichever way round the axis was drawn, the apex is the end nearer to the first chord.
    first = table[1].reshape(2, 2)[:, ::-1].mean(0)
    apex, base = ends if np.hypot(*(ends[0] - first)) <= np.hypot(*(ends[1] - first)) else ends[::-1]
    left, right = chord + (base - chord.mean(0))
    return Landmarks.from_array([apex, left, right])
