"""The outline of a mask as a sub-pixel contour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["outline"]


def outline(mask: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the longest contour of a mask as closed (N, 2) points (y, x); empty if the mask is.

    The mask is padded first, so a mask that touches the border still has a closed contour.

    Parameters
    ----------
    mask
        (Y, X); non-zero is inside.
    """
    from skimage.measure import find_contours

    contours = find_contours(np.pad(mask != 0, 1).astype(np.float32), 0.5)
    if not contours:
        return np.empty((0, 2))
    longest: NDArray[np.float64] = max(contours, key=len) - 1.0
    return longest
