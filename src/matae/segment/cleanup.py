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
    if not mask.any():
        return out
    # All of it happens inside each class's own rectangle: frames are large, cavities are not.
    places = [(value, at) for value, at in enumerate(ndimage.find_objects(mask), start=1) if at is not None]
    for value, at in places:
        labels, count = ndimage.label(mask[at] == value)
        part = labels == 1 + int(np.bincount(labels.ravel())[1:].argmax()) if count > 1 else labels > 0
        out[at][part] = value
    for value, at in places:
        # A hole may hold another class (cavity inside myocardium): only what nothing claims is filled.
        filled = ndimage.binary_fill_holes(out[at] == value)
        out[at][filled & (out[at] == 0)] = value
    return out
