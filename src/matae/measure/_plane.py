"""Plane geometry of closed outlines: areas, moments, even spacing, and where lines cross them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.cine import PixelShape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.float64]

__all__ = ["crossings", "is_calibrated", "moments", "resample", "scale_of", "signed_area"]


def scale_of(spacing: Any) -> Points:
    """Return the size of a pixel (y, x) as an array: in mm, in heights of a pixel, or 1 where there is no spacing."""
    return np.ones(2) if spacing is None else np.array([spacing[0], spacing[1]], np.float64)


def is_calibrated(spacing: Any) -> bool:
    """Say whether a pixel size is one in mm, not none or a mere shape."""
    return spacing is not None and not isinstance(spacing, PixelShape)


def _next(values: Points) -> Points:
    """Return each value's neighbour around the ring; what np.roll does, at a tenth of its cost."""
    return np.concatenate((values[1:], values[:1]))


def signed_area(points: Points) -> float:
    """Return the area of a closed polygon (N, 2); its sign tells which way round it runs."""
    y, x = points[:, 0], points[:, 1]
    return float(0.5 * (np.dot(x, _next(y)) - np.dot(y, _next(x))))


def moments(points: Points) -> tuple[float, Points, Points]:
    """Return area, centroid (2,) and covariance (2, 2) of the inside of a closed polygon (Green's theorem)."""
    origin = points.mean(0)
    y, x = (points - origin).T
    y1, x1 = _next(y), _next(x)
    cross = x * y1 - x1 * y
    area = cross.sum() / 2.0
    if abs(area) < 1e-12:
        return 0.0, origin, np.cov(points.T)
    centre = np.array([((y + y1) * cross).sum(), ((x + x1) * cross).sum()]) / (6.0 * area)
    yy = ((y * y + y * y1 + y1 * y1) * cross).sum() / (12.0 * area)
    xx = ((x * x + x * x1 + x1 * x1) * cross).sum() / (12.0 * area)
    xy = ((x * y1 + 2 * x * y + 2 * x1 * y1 + x1 * y) * cross).sum() / (24.0 * area)
    second = np.array([[yy, xy], [xy, xx]]) - np.outer(centre, centre)
    return float(abs(area)), centre + origin, second


def resample(points: Points, n: int, *, closed: bool = True) -> Points:
    """Return `n` points evenly spaced by arc length along a polygon (closed) or a line (both ends kept)."""
    ring = np.concatenate([points, points[:1]]) if closed else points
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))])
    places = np.linspace(0.0, along[-1], n, endpoint=not closed)
    return np.stack([np.interp(places, along, ring[:, 0]), np.interp(places, along, ring[:, 1])], 1)


def crossings(along: Points, across: Points, levels: Points) -> tuple[Points, Points]:
    """Return the outermost crossings of a closed polygon with the lines ``along == level``.

    Parameters
    ----------
    along, across
        Coordinates of the vertices, (N,).
    levels
        Where to cut, (K,).

    Returns
    -------
    low, high
        Smallest and largest `across` of the crossings, (K,); NaN where a line misses the polygon.
    """
    a0, a1 = along, _next(along)
    c0, c1 = across, _next(across)
    above = along > levels[:, None]
    row, edge = np.nonzero(above != np.concatenate((above[:, 1:], above[:, :1]), 1))
    part = (levels[row] - a0[edge]) / (a1[edge] - a0[edge])
    places = c0[edge] + part * (c1[edge] - c0[edge])
    low, high = np.full(len(levels), np.inf), np.full(len(levels), -np.inf)
    np.minimum.at(low, row, places)
    np.maximum.at(high, row, places)
    missed = low > high
    low[missed] = high[missed] = np.nan
    return low, high
