"""The contours of a mask by marching squares, each class' as a closed ring of points.

A video has several in every frame, so they are followed here: the pixels are looked at by whole arrays, and what is
left for Python is a step a point; all classes go together. The points are those of `matae.segment.outline.outline`,
found many times sooner.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from matae.segment.cleanup import rectangle

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["contours"]

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


def contours(mask: NDArray[np.uint8]) -> list[tuple[int, NDArray[np.float64]]]:
    """Return each class of a mask with its longest contour, closed (N, 2) points (y, x), half-way between pixels.

    Parameters
    ----------
    mask
        (Y, X) classes; 0 is background. What touches the border has a closed contour too.
    """
    around = rectangle(mask)
    if around is None:
        return []
    part = mask[around]
    height, width = part.shape[0] + 2, part.shape[1] + 2
    padded = np.zeros((height, width), np.uint8)
    padded[1:-1, 1:-1] = part
    # Nearly all cells lie between four pixels of one class, and are looked at no further.
    corner = padded[:-1, :-1]
    is_edge = corner != padded[:-1, 1:]
    is_edge |= corner != padded[1:, :-1]
    is_edge |= corner != padded[1:, 1:]
    cells = np.flatnonzero(is_edge)
    pixels = cells + cells // (width - 1)
    # Few masks have more than three classes, and a search for those there are takes longer than to try them all.
    values = np.arange(1, int(part.max()) + 1, dtype=np.uint8)
    codes = np.zeros((len(values), len(cells)), np.uint8)
    for bit, step in enumerate((0, 1, width, width + 1)):
        codes |= (padded.reshape(-1)[pixels + step] == values[:, None]).view(np.uint8) << np.uint8(bit)
    at = np.flatnonzero((codes != 0) & (codes != 15))
    code = codes.reshape(-1)[at]
    which, cell = np.divmod(at, len(cells))
    # A side has the number of the pixel above or left of it, twice, and one more where that is above.
    first = 2 * (pixels[cell] + which * padded.size)
    number = np.array([0, 1, 3, 2 * width])
    enter, leave = (first + number[ways[0][code]] for ways in (_ENTER, _LEAVE))
    two = np.flatnonzero(_HAS_TWO[code])
    if len(two):
        enter, leave = (
            np.concatenate([found, first[two] + number[ways[1][code[two]]]])
            for found, ways in ((enter, _ENTER), (leave, _LEAVE))
        )
        which = np.concatenate([which, which[two]])
        order = np.argsort(which, kind="stable")
        enter, leave, which = enter[order], leave[order], which[order]
    # Where the way that leaves by a side goes on; of the table no more is looked at than was written.
    following = np.empty(2 * len(values) * padded.size, np.int32)
    following[enter] = np.arange(len(enter), dtype=np.int32)
    steps = following[leave].tolist()
    begins = np.searchsorted(which, np.arange(len(values) + 1)).tolist()
    found = []
    for value, (start, stop) in enumerate(itertools.pairwise(begins), start=1):
        if start < stop:
            side, is_below = np.divmod(enter[_longest(steps, start, stop)], 2)
            line, x = np.divmod(side, width)
            y = line - (value - 1) * height + 0.5 * is_below
            points = np.stack([y + (around[0].start - 1), x + 0.5 * (1 - is_below) + (around[1].start - 1)], 1)
            found.append((value, points))
    return found


def _longest(following: list[int], start: int, stop: int) -> list[int]:
    """Return the longest ring of what follows what from `start` to `stop`, its first once more at its end."""
    longest: list[int] = []
    left = stop - start
    seen = bytearray(left)
    first = start
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
                seen[at - first] = 1
            start = first + seen.index(0, start - first)
    return [*longest, longest[0]]
