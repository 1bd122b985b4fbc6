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
    for value in np.unique(mask[mask > 0]):
        labels, count = ndimage.label(mask == value)
        if count > 1:
            sizes = np.bincount(labels.ravel())
            part = labels == 1 + int(sizes[1:].argmax())
        else:
            part = labels > 0
        filled = ndimage.binary_fill_holes(part)
        # A hole may be another class (cavity inside myocardium): only background is filled.
        out[part | (filled & (mask == 0) & (out == 0))] = value
    return out
