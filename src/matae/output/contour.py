"""The contour of a mask by marching squares, as a closed ring of points.

A video has several in every frame, so they are followed here: the pixels are looked at by whole arrays, and what is
left for Python is a step a point. The points are those of `matae.segment.outline.outline`, found many times sooner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["contour"]

# Sides of a cell between four pixels; a contour crosses a side whose two pixels differ.
_TOP, _LEFT, _RIGHT, _BOTTOM = range(4)
# Ways through a cell by which of its pixels are inside (1 top left, 2 top right, 4 bottom left, 8 bottom right), what
# is inside to the right. Pixels that touch by their corners alone are apart: two ways.
_WAYS = {
    1: [(_LEFT, _TOP)], 2: [(_TOP, _RIGHT)], 3: [(_LEFT, _RIGHT)], 4: [(_BOTTOM, _LEFT)], 5: [(_BOTTOM, _TOP)],
    6: [(_TOP, _RIGHT), (_BOTTOM, _LEFT)], 7: [(_BOTTOM, _RIGHT)], 8: [(_RIGHT, _BOTTOM)],
    9: [(_LEFT, _TOP), (_RIGHT, _BOTTOM)], 10: [(_TOP, _BOTTOM)], 11: [(_LEFT, _BOTTOM)], 12: [(_RIGHT, _LEFT)],
    13: [(_RIGHT, _TOP)], 14: [(_TOP, _LEFT)],
}  # fmt: skip
_ENTER, _LEAVE = (
    [np.array([ways[number][end] if number < len(ways := _WAYS.get(code, [])) else 0 for code in range(16)], np.intp)
     for number in (0, 1)] for end in (0, 1)
)  # fmt: skip
_HAS_TWO = np.array([len(_WAYS.get(code, [])) == 2 for code in range(16)])


def contour(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the longest contour of a mask as closed (N, 2) points (y, x), half-way between pixels.

    Parameters
    ----------
    mask
        (Y, X), with a pixel inside at least. What touches the border has a closed contour too.
    """
    rows = np.flatnonzero(mask.any(1))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[top:bottom].any(0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    padded = np.zeros((bottom - top + 2, right - left + 2), np.uint8)
    padded[1:-1, 1:-1] = mask[top:bottom, left:right]
    across = padded[:, :-1] | (padded[:, 1:] << 1)
    codes = (across[:-1] | (across[1:] << 2)).ravel()
    cells = np.flatnonzero((codes != 0) & (codes != 15))
    code, width = codes[cells], padded.shape[1]
    # A side has the number of the pixel above or left of it, twice, and one more where that is above.
    first = 2 * (cells + cells // (width - 1))
    number = np.array([0, 1, 3, 2 * width])
    enter, leave = (first + number[ways[0][code]] for ways in (_ENTER, _LEAVE))
    two = np.flatnonzero(_HAS_TWO[code])
    if len(two):
        enter, leave = (
            np.concatenate([found, first[two] + number[ways[1][code[two]]]])
            for found, ways in ((enter, _ENTER), (leave, _LEAVE))
        )
    # Where the way that leaves by a side goes on; of the table no more is looked at than was written.
    following = np.empty(2 * padded.size, np.int32)
    following[enter] = np.arange(len(enter), dtype=np.int32)
    ring = _longest(following[leave].tolist())
    side, is_below = np.divmod(enter[ring], 2)
    y, x = np.divmod(side, width)
    return np.stack([y + 0.5 * is_below + (top - 1), x + 0.5 * (1 - is_below) + (left - 1)], 1)


def _longest(following: list[int]) -> list[int]:
    """Return the longest ring of what follows what, its first once more at its end."""
    longest: list[int] = []
    left = len(following)
    seen = bytearray(left)
    start = 0
    while left > len(longest):  # no ring that is left can be longer otherwise
        ring, at = [start], following[start]
        while at != start:
            ring.append(at)
            at = following[at]
        left -= len(ring)
        if len(ring) > len(longest):
            longest = ring
        if left > len(longest):
            for at in ring:
                seen[at] = 1
            start = seen.index(0, start)
    return [*longest, longest[0]]
