"""An M-mode along any line, made from the two-dimensional clip (a kymograph)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.errors import MeasureError
from matae.measure._plane import scale_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Spacing

__all__ = ["kymograph", "line_positions"]


def line_positions(points_yx: ArrayLike, spacing: Spacing | None = None) -> tuple[NDArray[np.float64], float]:
    """Return evenly spaced places along a line, and their distance.

    Parameters
    ----------
    points_yx
        Vertices (N, 2) as (y, x) in pixels, N >= 2; the line may bend.
    spacing
        Pixel size in mm, or None.

    Returns
    -------
    places
        (K, 2) in pixels, about a pixel apart (the finer direction's).
    step
        Between them, mm (pixels without spacing).

    Raises
    ------
    MeasureError
        If the line is shorter than two pixels.
    """
    points = np.asarray(points_yx, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or not np.isfinite(points).all():
        raise MeasureError("A line has at least two points; draw it again.")
    scale = scale_of(spacing)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*(np.diff(points, axis=0) * scale).T))])
    unit = float(scale.min())
    if along[-1] < 2 * unit:
        raise MeasureError("The line is shorter than two pixels; draw a longer one.")
    count = int(np.ceil(along[-1] / unit)) + 1
    places = np.linspace(0.0, along[-1], count)
    found = np.stack([np.interp(places, along, points[:, 0]), np.interp(places, along, points[:, 1])], 1)
    return found, float(places[1])


def kymograph(
    frames: NDArray[np.uint8], points_yx: ArrayLike, spacing: Spacing | None = None, *, breadth: int = 3
) -> tuple[NDArray[np.uint8], float]:
    """Return the grey values along a line over time.

    Parameters
    ----------
    frames
        (T, Y, X).
    points_yx
        Vertices of the line, (N, 2) as (y, x) in pixels.
    spacing
        Pixel size in mm, or None.
    breadth
        Pixels across the line that are averaged, to calm the speckle.

    Returns
    -------
    picture
        (K, T) uint8: places along the line down, time to the right; black outside the picture.
    step
        Distance of two places, mm (pixels without spacing).

    Raises
    ------
    MeasureError
        If the line is shorter than two pixels, or `breadth` not positive.
    """
    from scipy.ndimage import map_coordinates

    if breadth < 1:
        raise MeasureError(f"A line {breadth} pixels broad shows nothing; give 1 or more.")
    places, step = line_positions(points_yx, spacing)
    slope = np.gradient(places, axis=0)
    slope /= np.maximum(np.hypot(*slope.T), 1e-12)[:, None]
    across = np.stack([-slope[:, 1], slope[:, 0]], 1)
    offsets = np.arange(breadth) - (breadth - 1) / 2.0
    # (2, breadth, K): the same places in every frame.
    where = (places[None] + offsets[:, None, None] * across[None]).transpose(2, 0, 1)
    columns = [map_coordinates(frame, where, np.float32, order=1, cval=0.0).mean(0) for frame in frames]
    return np.rint(np.stack(columns, 1)).astype(np.uint8), step
