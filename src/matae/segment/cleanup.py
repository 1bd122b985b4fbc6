"""From logits at native size to one anatomically possible mask a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["POSSIBLE", "one_part"]

POSSIBLE = 0.1
"""Probability from which a pixel may join two parts of a class; from 0.5 on it belongs to one."""

_THIN = 0.1  # of the square root of the largest part's area: a line that cuts a cavity is no wider
_PART = 0.1  # of that area: what is smaller is an island, no part of a ventricle


def one_part(mask: NDArray[np.uint8], possible: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Return the mask with one connected part a class, its holes filled.

    A ventricle is one cavity: islands and holes are errors of the network, not anatomy. A bright line across the
    cavity can cut its mask in two, though, and half a ventricle is no better: parts of some size hardly apart from the
    largest that hang together with it by possible pixels are joined to it, by those pixels inside their convex hull
    (hysteresis, as for edges: J. Canny, "A computational approach to edge detection", IEEE TPAMI 8(6), 1986).

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X) uint8; 0 is background.
    possible
        The same with a lower threshold (`POSSIBLE`): every pixel of `mask`, and more. Nothing is joined if None.
    """
    from scipy import ndimage

    out = np.zeros_like(mask)
    if not mask.any():
        return out
    # All of it happens inside each class's own rectangle: frames are large, cavities are not.
    places = [(value, at) for value, at in enumerate(ndimage.find_objects(mask), start=1) if at is not None]
    for value, at in places:
        own = mask[at] == value
        labels, count = ndimage.label(own)
        if count > 1:
            own = _largest(labels)
            if possible is not None:
                own = _joined(labels, own, possible[at] == value)
        out[at][own] = value
    for value, at in places:
        # A hole may hold another class (cavity inside myocardium): only what nothing claims is filled.
        filled = ndimage.binary_fill_holes(out[at] == value)
        out[at][filled & (out[at] == 0)] = value
    return out


def _largest(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = labels == 1 + int(np.bincount(labels.ravel())[1:].argmax())
    return found


def _joined(parts: NDArray[np.int32], largest: NDArray[np.bool_], possible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest part with those that hang together with it, and what joins them."""
    from scipy import ndimage

    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    large = sizes >= _PART * sizes.max()
    if large.sum() < 2:  # the usual: specks, whatever lies between
        return largest
    labels, _ = ndimage.label(possible | (parts > 0))
    together = labels == labels[largest][0]
    near = ndimage.distance_transform_edt(~largest) <= _THIN * np.sqrt(sizes.max())
    wanted: NDArray[np.bool_] = np.isin(parts, np.unique(parts[near & together & large[parts]]))
    while not np.array_equal(wanted, largest):
        from skimage.morphology import convex_hull_image

        labels, _ = ndimage.label(wanted | (together & convex_hull_image(wanted)))
        found: NDArray[np.bool_] = labels == labels[largest][0]
        if not (wanted & ~found).any():
            return found
        # What hangs together by a detour outside the hull is still apart inside it: without it, then.
        wanted = wanted & found
    return largest
