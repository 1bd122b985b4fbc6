"""One class of a mask as a region: taken out, put back, and as a signed distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Box
from matae.errors import MataeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Spacing

__all__ = ["EditError", "checked_mask", "checked_point", "framed", "region_of"]


class EditError(MataeError):
    """A mask cannot be changed as asked."""


def checked_mask(mask: ArrayLike, label: int) -> NDArray[np.uint8]:
    """Return the mask as (Y, X) uint8, itself where it is that already.

    Raises
    ------
    EditError
        If it is not a class map of one frame, or `label` is no class.
    """
    if isinstance(label, bool | np.bool_) or not isinstance(label, int | np.integer) or not 1 <= label <= 255:
        raise EditError(f"{label} is no class of a mask; choose a whole number from 1 to 255.")
    array = np.asarray(mask)
    if array.ndim != 2 or array.dtype.kind not in "bui":
        raise EditError(
            f"A mask of one frame is a map of whole numbers (Y, X), not {array.dtype} {array.shape}; "
            "choose one frame of a labels layer."
        )
    if array.dtype == np.uint8:
        return array
    if array.size and (array.min() < 0 or array.max() > 255):
        raise EditError("The mask holds class numbers outside 0 to 255; number its classes anew.")
    return array.astype(np.uint8)


def checked_point(point: ArrayLike, what: str) -> NDArray[np.float64]:
    """Return a position (y, x) as two finite floats.

    Raises
    ------
    EditError
        If it is not one.
    """
    try:
        found = np.asarray(point, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.shape != (2,) or not np.isfinite(found).all():
        raise EditError(f"{what} has no position; place it in the picture as a row and a column.")
    return found


def checked_scale(spacing: Spacing | Sequence[float] | None) -> NDArray[np.float64]:
    """Return the size of a pixel (y, x); ones where it is not known.

    Raises
    ------
    EditError
        If a size is not positive.
    """
    scale = np.ones(2) if spacing is None else np.asarray(spacing, dtype=np.float64)
    if scale.shape != (2,) or not np.isfinite(scale).all() or scale.min() <= 0:
        raise EditError(f"A pixel of {spacing} mm is not possible; give its height and width in millimetres.")
    return scale


def region_of(mask: NDArray[np.uint8], label: int) -> NDArray[np.bool_]:
    """Return the pixels of one class, (Y, X) bool."""
    found: NDArray[np.bool_] = mask == label
    return found


def framed(part: NDArray[np.bool_], box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a region of the whole picture that is `part` inside the box and nothing outside."""
    out = np.zeros(shape, bool)
    out[box.y0 : box.y1, box.x0 : box.x1] = part
    return out


def bounds(region: NDArray[np.bool_]) -> Box | None:
    """Return the smallest box around the region, or None if there is nothing in it."""
    rows = np.flatnonzero(region.any(1))
    if not rows.size:
        return None
    columns = np.flatnonzero(region[rows[0] : rows[-1] + 1].any(0))
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def cut(region: NDArray[np.bool_], box: Box) -> NDArray[np.bool_]:
    """Return the region inside a box that may reach over the border of the picture: there, nothing is inside."""
    rows, columns = region.shape
    out = np.zeros((box.height, box.width), bool)
    y0, x0, y1, x1 = max(box.y0, 0), max(box.x0, 0), min(box.y1, rows), min(box.x1, columns)
    if y0 < y1 and x0 < x1:
        out[y0 - box.y0 : y1 - box.y0, x0 - box.x0 : x1 - box.x0] = region[y0:y1, x0:x1]
    return out


def grow(box: Box, rows: int, columns: int) -> Box:
    """Return the box with a margin on each side; it may reach over the border of the picture."""
    return Box(box.y0 - rows, box.x0 - columns, box.y1 + rows, box.x1 + columns)


def clip(box: Box, shape: tuple[int, ...]) -> Box:
    """Return the part of the box that lies in the picture; of no size where there is none."""
    y0, x0 = min(max(box.y0, 0), shape[0]), min(max(box.x0, 0), shape[1])
    return Box(y0, x0, max(y0, min(box.y1, shape[0])), max(x0, min(box.x1, shape[1])))


def signed_distance(region: NDArray[np.bool_], scale: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    """Return the distance of every pixel centre to the contour, positive inside.

    The contour runs midway between the centres of neighbouring pixels. There must be pixels of both kinds.

    Parameters
    ----------
    region
        (Y, X) bool.
    scale
        Size of a pixel (y, x); distances are in its unit, and in pixels when None.
    """
    from scipy import ndimage

    step = np.ones(2) if scale is None else scale
    inside = ndimage.distance_transform_edt(region, sampling=step)
    outside = ndimage.distance_transform_edt(~region, sampling=step)
    half = 0.5 * float(step.min())
    distance: NDArray[np.float32] = np.where(region, inside - half, half - outside).astype(np.float32)
    return distance


def centres(box: Box) -> NDArray[np.float64]:
    """Return the pixel centres of a box as positions (2, height * width), rows first."""
    y, x = np.mgrid[box.y0 : box.y1, box.x0 : box.x1]
    return np.stack([y.ravel(), x.ravel()]).astype(np.float64)


def box_around(points: NDArray[np.float64], margin: float, shape: tuple[int, ...]) -> Box:
    """Return the box around positions (2, N) with a margin in pixels, inside the picture."""
    # Far outside the picture is as good as just outside, and fits an integer.
    limit = np.array(shape)[:, None] + 2.0
    points = np.clip(points, -limit, 2 * limit)
    low, high = np.floor(points.min(1) - margin).astype(int), np.ceil(points.max(1) + margin).astype(int) + 1
    return clip(Box(int(low[0]), int(low[1]), int(high[0]), int(high[1])), shape)
