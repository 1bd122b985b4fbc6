"""The outline of a mask, with sub-pixel vertices half-way between inside and outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import MeasureError
from matae.measure._plane import signed_area

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Outline", "contour", "trace_outline"]


@dataclass(frozen=True, eq=False)
class Outline:
    """The outline of the largest part of a mask, and what was wrong with the mask.

    Parameters
    ----------
    points
        Closed outline (N, 2) as (y, x) in pixels, the last point not repeated; (0, 2) for an empty mask.
    parts
        Number of parts (4-connected).
    holes
        Number of holes in them.
    area_px
        Pixels of the largest part, its holes filled: what the outline goes round.
    on_border
        The mask touches the edge of the picture.
    """

    points: NDArray[np.float64]
    parts: int
    holes: int
    area_px: int
    on_border: bool


def as_frame(mask: ArrayLike, label: int | None = None) -> NDArray[np.bool_]:
    """Return a mask of one frame as (Y, X) bool.

    Parameters
    ----------
    mask
        (Y, X), bool or numbers.
    label
        Class to take; everything but 0 when None.

    Raises
    ------
    MeasureError
        If it is no single frame.
    """
    array = np.asarray(mask)
    if array.ndim != 2:
        raise MeasureError(f"A mask of one frame has rows and columns; this one is {array.shape}: give one frame.")
    inside: NDArray[np.bool_] = array == label if label is not None else array != 0
    return inside


def trace_outline(mask: ArrayLike, label: int | None = None) -> Outline:
    """Trace a mask; holes and smaller parts are counted, not followed.

    Parameters
    ----------
    mask
        (Y, X), any type.
    label
        Class to trace; everything but 0 when None.

    Raises
    ------
    MeasureError
        If it is no single frame.
    """
    from skimage.measure import find_contours

    inside = as_frame(mask, label)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not rows.size:
        return Outline(np.zeros((0, 2)), 0, 0, 0, on_border=False)
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    padded = np.zeros((bottom - top + 3, right - left + 3), np.float32)
    padded[1:-1, 1:-1] = crop = inside[top : bottom + 1, left : right + 1]
    rings = find_contours(padded, 0.5)
    areas = np.array([signed_area(ring[:-1]) for ring in rings])
    # Outer rings run one way round, holes the other; the largest ring of all is an outer one.
    best = int(np.abs(areas).argmax())
    outer = np.sign(areas) == np.sign(areas[best])
    points = rings[best][:-1] + np.array([top - 1.0, left - 1.0])
    border = top == 0 or left == 0 or bottom == inside.shape[0] - 1 or right == inside.shape[1] - 1
    parts, holes = int(outer.sum()), int((~outer).sum())
    area = int(np.count_nonzero(crop)) if parts == 1 and not holes else _pixels_inside(rings[best], padded.shape)
    return Outline(points, parts, holes, area, on_border=border)


def _pixels_inside(ring: NDArray[np.float64], shape: tuple[int, ...]) -> int:
    from skimage.draw import polygon

    rows, _ = polygon(ring[:, 0], ring[:, 1], shape)
    return len(rows)


def contour(mask: ArrayLike, label: int | None = None) -> NDArray[np.float64]:
    """Return the outline of the largest part of a mask, holes filled.

    Vertices lie half-way between pixels inside and outside (marching squares), so the outline encloses the area of
    the pixels to within half a pixel.

    Parameters
    ----------
    mask
        (Y, X), any type.
    label
        Class to trace; everything but 0 when None.

    Returns
    -------
    numpy.ndarray
        (N, 2) as (y, x) in pixels, the last point not repeated; (0, 2) for an empty mask.

    Raises
    ------
    MeasureError
        If it is no single frame.
    """
    return trace_outline(mask, label).points
