"""Polygons from outside as masks, drawn as the tool draws them; what no person draws is refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["draw_coco_polygon", "draw_polygon"]

_MOST_POINTS = 5000
_CHUNK = 64
_FINE = 5  # the COCO API walks along an outline in fifths of a pixel


def draw_polygon(points: Any, shape: tuple[int, int], where: str) -> NDArray[np.bool_]:
    """Return the inside of a polygon as LabelMe draws it, outline included, as (Y, X) bool.

    Parameters
    ----------
    points
        Vertices (x, y) in pixels of the picture, at least three.
    shape
        Rows and columns.
    where
        For the message.

    Raises
    ------
    ExchangeError
        If the polygon has too few or too many points, lies off the picture, has no area or crosses itself.
    """
    from PIL import Image, ImageDraw

    vertices = _checked(points, shape, where)
    picture = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in vertices], outline=1, fill=1)
    inside: NDArray[np.bool_] = np.asarray(picture, bool)
    return inside


def draw_coco_polygon(points: Any, shape: tuple[int, int], where: str) -> NDArray[np.bool_]:
    """Return the inside of a polygon as the COCO API draws it, to the pixel, as (Y, X) bool.

    There a pixel is the square between whole numbers and not a point at one, so an outline at 10 and 20 holds ten
    pixels and not eleven. After rleFrPoly of maskApi.c (T.-Y. Lin et al., ECCV 2014, doi 10.1007/978-3-319-10602-1_48):
    the outline is walked in fifths of a pixel, and each column is filled between the places where it is crossed.

    Parameters
    ----------
    points, shape, where
        As for `draw_polygon`.

    Raises
    ------
    ExchangeError
        As `draw_polygon`.
    """
    height, width = shape
    corners = (_FINE * _checked(points, shape, where) + 0.5).astype(np.int64)
    x, y = _walk(corners, np.roll(corners, -1, axis=0))
    step = np.flatnonzero(np.diff(x)) + 1
    after, before = x[step], x[step - 1]
    column = (np.where(after < before, after, after - 1) + 0.5) / _FINE - 0.5
    crossed = (np.floor(column) == column) & (column >= 0) & (column <= width - 1)
    row = (np.minimum(y[step], y[step - 1])[crossed] + 0.5) / _FINE - 0.5
    row = np.ceil(np.clip(row, 0, height)).astype(np.int64)
    changes = np.zeros(height * width + 1, np.int64)
    np.add.at(changes, column[crossed].astype(np.int64) * height + row, 1)
    inside: NDArray[np.bool_] = (np.cumsum(changes[:-1]) % 2 == 1).reshape(shape, order="F")
    return inside


def _walk(start: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every step along straight lines, one by one along their longer side."""
    columns, rows = [], []
    for (xs, ys), (xe, ye) in zip(start.tolist(), end.tolist(), strict=True):
        wide, high = abs(xe - xs), abs(ye - ys)
        across = wide >= high
        # Both ways along a line make the same steps.
        flip = xs > xe if across else ys > ye
        x0, y0, x1, y1 = (xe, ye, xs, ys) if flip else (xs, ys, xe, ye)
        steps = np.arange(max(wide, high) + 1)
        along = steps[::-1] if flip else steps
        if across:
            slope = (y1 - y0) / wide if wide else 0.0
            columns.append(along + x0)
            rows.append((y0 + slope * along + 0.5).astype(np.int64))
        else:
            columns.append((x0 + (x1 - x0) / high * along + 0.5).astype(np.int64))
            rows.append(along + y0)
    return np.concatenate(columns), np.concatenate(rows)


def _checked(points: Any, shape: tuple[int, int], where: str) -> NDArray[np.float64]:
    vertices = _vertices(points, shape, where)
    # First the crossing: the two halves of a figure of eight cancel out.
    if len(vertices) >= 3 and _crosses_itself(vertices):
        raise ExchangeError(f"{where}: a polygon crosses itself; draw it again without a loop.")
    if len(vertices) < 3 or math.isclose(_area(vertices), 0.0, abs_tol=1e-9):
        raise ExchangeError(f"{where}: a polygon has no area; draw it again.")
    return vertices


def _vertices(points: Any, shape: tuple[int, int], where: str) -> NDArray[np.float64]:
    if not isinstance(points, list) or not 3 <= len(points) <= _MOST_POINTS:
        raise ExchangeError(f"{where}: a polygon needs 3 to {_MOST_POINTS} points; draw it again.")
    try:
        vertices = np.array(points, np.float64)
    except (TypeError, ValueError, OverflowError):
        vertices = np.empty(0)
    if vertices.ndim != 2 or vertices.shape[1] != 2 or not np.isfinite(vertices).all():
        raise ExchangeError(f"{where}: a polygon has points that are no pairs of numbers; draw it again.")
    # A hand slips over the edge by some pixels; half a picture away is a mistake or another picture.
    slack = 0.1 * max(shape)
    if (vertices < -slack).any() or (vertices > np.array([shape[1], shape[0]]) + slack).any():
        raise ExchangeError(f"{where}: a polygon lies outside its picture; check that both belong together.")
    moved = np.any(vertices != np.roll(vertices, 1, axis=0), axis=1)
    return vertices[moved]


def _area(vertices: NDArray[np.float64]) -> float:
    x, y = vertices.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _crosses_itself(vertices: NDArray[np.float64]) -> bool:
    """Say whether two sides that are no neighbours meet; a bounded number of pairs at a time."""
    count = len(vertices)
    start, end = vertices, np.roll(vertices, -1, axis=0)
    number = np.arange(count)
    for first in range(0, count, _CHUNK):
        a, b = start[first : first + _CHUNK, None], end[first : first + _CHUNK, None]
        one, two = _side(a, b, start[None]), _side(a, b, end[None])
        three, four = _side(start[None], end[None], a), _side(start[None], end[None], b)
        gap = (number[None] - number[first : first + _CHUNK, None]) % count
        apart = (gap > 1) & (gap < count - 1)
        if (apart & (one * two < 0) & (three * four < 0)).any():
            return True
    return False


def _side(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    sides: NDArray[np.float64] = np.sign(
        (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])
    )
    return sides
