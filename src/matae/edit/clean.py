"""Fill holes, keep the largest part, smooth the contour: tools of one press."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.edit.region import EditError, bounds, checked_mask, checked_scale, clip, framed, grow
from matae.edit.structure import change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Spacing

__all__ = ["fill_holes", "keep_largest", "smooth"]


def fill_holes(mask: ArrayLike, label: int = 1) -> NDArray[np.uint8]:
    """Return the mask with the holes of one class filled.

    A hole is what cannot be reached from the border of the picture. In the cavity's holes wall is filled too, for
    papillary muscle counts as cavity (ASE/EACVI 2015); a class without a name stays.

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X); 0 is background.
    label
        The class that changes.

    Raises
    ------
    EditError
        If `mask` is not a class map of one frame.
    """
    from scipy import ndimage

    def filled(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
        box = bounds(region)
        if box is None:
            return region
        return framed(ndimage.binary_fill_holes(region[box.y0 : box.y1, box.x0 : box.x1]), box, region.shape)

    return change(checked_mask(mask, label), label, filled)


def keep_largest(mask: ArrayLike, label: int = 1) -> NDArray[np.uint8]:
    """Return the mask with only the largest connected part of one class; pixels that touch at a corner are apart.

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X); 0 is background.
    label
        The class that changes.

    Raises
    ------
    EditError
        If `mask` is not a class map of one frame.
    """
    from scipy import ndimage

    def largest(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
        box = bounds(region)
        if box is None:
            return region
        parts, count = ndimage.label(region[box.y0 : box.y1, box.x0 : box.x1])
        if count == 1:
            return region
        return framed(parts == 1 + int(np.bincount(parts.ravel())[1:].argmax()), box, region.shape)

    return change(checked_mask(mask, label), label, largest)


def smooth(
    mask: ArrayLike, label: int = 1, spacing: Spacing | Sequence[float] | None = None, *, strength: float = 0.04
) -> NDArray[np.uint8]:
    """Return the mask with the contour of one class smoothed and its area kept.

    The region is blurred with a Gaussian and cut at the level that leaves as many pixels as there were: jags, thin
    bridges and specks go, and the volume measured from the mask stays.

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X); 0 is background.
    label
        The class that changes.
    spacing
        Height and width of a pixel, so that the blur is as wide in both directions; square pixels when None.
    strength
        Standard deviation of the blur as a share of the square root of the area.

    Raises
    ------
    EditError
        If `mask` is not a class map of one frame, or a number is out of range.
    """
    from scipy import ndimage

    mask = checked_mask(mask, label)
    scale = checked_scale(spacing)
    if not 0 <= strength <= 1:
        raise EditError(f"A smoothing of {strength} is not possible; choose from 0 (none) to 1.")

    def smoothed(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
        box = bounds(region)
        area = int(np.count_nonzero(region))
        if box is None or strength == 0:
            return region
        sigma = strength * np.sqrt(area * scale.prod()) / scale
        reach = np.ceil(3 * sigma).astype(int) + 1
        box = clip(grow(box, *reach.tolist()), region.shape)
        part = region[box.y0 : box.y1, box.x0 : box.x1].astype(np.float32)
        # A cavity that the border of the picture cuts goes on beyond it: the cut stays straight.
        blurred = ndimage.gaussian_filter(part, sigma, mode="nearest", truncate=3.0)
        level = np.partition(blurred.ravel(), blurred.size - area)[blurred.size - area]
        return framed(blurred >= max(level - 1e-6, 1e-6), box, region.shape)

    return change(mask, label, smoothed)
