"""From logits at native size to one anatomically possible mask a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["keep_largest"]


def keep_largest(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mask with one connected part a class, its holes filled.

    A ventricle is one cavity: islands and holes are errors of the network, not anatomy.

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X) uint8; 0 is background.
    """
    from scipy import ndimage

    out = np.zeros_like(mask)
    for value, around in enumerate(ndimage.find_objects(mask), start=1):
        if around is None:
            continue
        # All that follows happens inside the class's own rectangle: frames are large, cavities are not.
        labels, count = ndimage.label(mask[around] == value)
        part = labels == 1 + int(np.bincount(labels.ravel())[1:].argmax()) if count > 1 else labels > 0
        filled = ndimage.binary_fill_holes(part)
        # A hole may be another class (cavity inside myocardium): only background is filled.
        out[around][part | (filled & (mask[around] == 0) & (out[around] == 0))] = value
    return out
