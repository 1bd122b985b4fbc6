"""Push the contour from one point to another: a smooth warp of one class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.edit.region import (
    EditError,
    box_around,
    centres,
    checked_mask,
    checked_point,
    checked_scale,
    cut,
    grow,
    signed_distance,
)
from matae.edit.structure import change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Box, Spacing

__all__ = ["nudge"]


def nudge(
    mask: ArrayLike,
    from_yx: ArrayLike,
    to_yx: ArrayLike,
    radius_px: float,
    label: int = 1,
    *,
    spacing: Spacing | Sequence[float] | None = None,
) -> NDArray[np.uint8]:
    """Return the mask with the contour of one class pushed from one point to another.

    What lies at `from_yx` arrives at `to_yx`; what is further away follows less, and beyond the radius around the
    path nothing moves. However far it is pushed, the contour does not fold: the way is gone in small steps.

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X); 0 is background.
    from_yx, to_yx
        Start and end of the push, (y, x) in pixels.
    radius_px
        Reach of the push in pixels.
    label
        The class that changes.
    spacing
        Height and width of a pixel. The reach is then as far in both directions in millimetres, and `radius_px`
        counts pixels of the mean size.

    Raises
    ------
    EditError
        If `mask` is not a class map of one frame, or a position or the radius is not possible.
    """
    mask = checked_mask(mask, label)
    start, end = checked_point(from_yx, "The start of the push"), checked_point(to_yx, "The end of the push")
    scale = checked_scale(spacing)
    if not 0 < radius_px < np.inf:
        raise EditError(f"A reach of {radius_px} pixels is not possible; choose one above 0.")
    reach = radius_px * float(np.sqrt(scale.prod())) / scale
    # Steps so short that the map of each is one to one: the steepest slope of the falloff is 1.54 / reach.
    steps = min(400, max(1, int(np.ceil(float(np.hypot(*((end - start) / reach))) / 0.25))))
    box = box_around(np.stack([start, end], 1), float(reach.max()) + 1, mask.shape)
    if not (box.height and box.width) or (start == end).all():
        return mask.copy()
    positions = centres(box)
    way = (end - start) / steps
    for step in range(steps, 0, -1):
        centre = start + step * way
        offset = (positions - centre[:, None]) / reach[:, None]
        near = np.clip(1 - (offset**2).sum(0), 0, None) ** 2
        positions -= way[:, None] * near

    def pushed(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
        out = region.copy()
        moved = sample(region, positions, box).reshape(box.height, box.width)
        out[box.y0 : box.y1, box.x0 : box.x1] = moved
        return out

    return change(mask, label, pushed)


def sample(region: NDArray[np.bool_], positions: NDArray[np.float64], box: Box) -> NDArray[np.bool_]:
    """Return whether positions (2, N) lie inside the region's contour, which is looked for in the box alone."""
    from scipy import ndimage

    box = grow(box, 3, 3)
    part = cut(region, box)
    if part.all() or not part.any():
        return np.full(positions.shape[1], bool(part.any()))
    origin = np.array([[box.y0], [box.x0]])
    distance = signed_distance(part)
    inside: NDArray[np.bool_] = (
        ndimage.map_coordinates(distance, positions - origin, order=1, mode="constant", cval=-1.0) > 0
    )
    return inside
