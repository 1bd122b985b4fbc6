"""What the pictures of a site look like, and phantoms that look so: grey levels, and the size of the speckle.

A network that learns from synthetic hearts before it sees a labelled one learns the phantom's grey levels with them.
Both things that are taken from a site's clips need no label: how its grey levels are distributed, and how large a grain
of its speckle is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.phantom.config import PhantomError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Style", "in_style", "measure_style", "spanned"]

_QUANTILES = 256
_LOOKED_AT = 64  # frames whose speckle is measured: more say the same
_SLOW = 48  # what changes over more than this part of a side is anatomy, not speckle
_FARTHEST = 8  # part of a side up to which grains may reach
_EDGE = 64  # part of a side along the edge of the sector that is left out
_HEIGHT = 0.75  # of the autocorrelation: further down anatomy decides, and grains twice as large measured hardly larger


@dataclass(frozen=True)
class Style:
    """How pictures of a site look.

    Parameters
    ----------
    levels
        Quantiles of the grey levels inside the sector, evenly spaced from the darkest to the brightest, 0 to 255.
    grain
        Size of the speckle down and across the picture, in parts of its side; NaN where nothing varies.
    side
        Rows or columns of the pictures it was measured on, whichever are more: grains compare on a side only.
    """

    levels: tuple[float, ...]
    grain: tuple[float, float]
    side: int


def measure_style(frames: NDArray[np.uint8], inside: NDArray[np.bool_] | None = None) -> Style:
    """Return the style of frames; nobody has to have labelled them.

    The size of the speckle is the full width of the autocorrelation of the grey levels at three quarters of its height,
    as speckle is measured since R. F. Wagner et al., "Statistics of speckle in ultrasound B-scans", IEEE Trans Sonics
    Ultrason 30(3), 156-163, 1983: there of the envelope, here of what is on the screen, the compressed levels. Before
    that, each pixel loses the mean of its surroundings and is divided by their deviation, so that anatomy and gain
    count little. So it is no size of a resolution cell: it grows more slowly than one, and what is longer one way
    measures a little shorter the other way. It is for comparing pictures on the same grid. It is measured down and
    across the middle half of the picture below the near field, where beams run nearly downwards: along and across the
    beam, in a picture whose apex is at the top.

    Parameters
    ----------
    frames
        Pictures (N, Y, X) uint8.
    inside
        Pixels of the sector, (Y, X) or (N, Y, X) bool; what `spanned` says if None.

    Raises
    ------
    PhantomError
        If no pixel is inside, or all that are there are black.
    """
    inside = _inside(frames, inside)
    counts = np.bincount(frames[inside], minlength=256) if frames.size else np.zeros(256, np.int64)
    if not counts[1:].any():
        raise PhantomError("There is nothing but black in these pictures; name clips that show an echo.")
    ends = np.cumsum(counts)
    wanted = np.linspace(0, ends[-1] - 1, _QUANTILES)
    levels = np.searchsorted(ends, wanted, side="right")
    return Style(tuple(float(level) for level in levels), _grain(frames, inside), max(frames.shape[1:]))


def in_style(frames: NDArray[np.uint8], style: Style, inside: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """Return frames whose grey levels together are distributed as the site's.

    One curve for all of them, so that a dark frame stays darker than a bright one. It never falls: of two pixels the
    brighter one is not darker afterwards. What lies outside the sector is black.

    Parameters
    ----------
    frames
        Pictures (N, Y, X) uint8.
    style
        Of the site.
    inside
        As for `measure_style`.
    """
    inside = _inside(frames, inside)
    if not inside.any():
        return frames.copy()
    counts = np.bincount(frames[inside], minlength=256)
    # A level stands for all pixels that have it: it goes where the middle one of them belongs.
    ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
    curve = np.rint(np.interp(ranks, np.linspace(0, 1, len(style.levels)), style.levels)).astype(np.uint8)
    return np.where(inside, curve[frames], np.uint8(0))


def spanned(frames: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return what is taken for the sector where it is not known, (N, Y, X) bool: black pixels between others too.

    A pixel belongs to it if something is lit, or something is lit above, below, left and right of it.
    """
    lit = frames > 0
    between = np.ones_like(lit)
    for axis in (1, 2):
        before = np.logical_or.accumulate(lit, axis)
        after = np.flip(np.logical_or.accumulate(np.flip(lit, axis), axis), axis)
        between &= before & after
    return between


def _inside(frames: NDArray[np.uint8], inside: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    return spanned(frames) if inside is None else np.broadcast_to(inside, frames.shape)


def _grain(frames: NDArray[np.uint8], inside: NDArray[np.bool_]) -> tuple[float, float]:
    from scipy import ndimage

    n, *sides = frames.shape
    farthest = [max(1, side // _FARTHEST) for side in sides]
    alike = [np.zeros(far + 1) for far in farthest]
    pairs = [np.zeros(far + 1) for far in farthest]
    part = slice(sides[0] // 5, None), slice(sides[1] // 4, max(sides[1] // 4 + 1, 3 * sides[1] // 4))
    for i in np.unique(np.linspace(0, n - 1, min(n, _LOOKED_AT)).round().astype(int)):
        shown = inside[i]
        if edge := max(sides) // _EDGE:
            shown = ndimage.binary_erosion(shown, iterations=edge)
        shown = shown[part].astype(np.float32)
        texture = _texture(frames[i][part].astype(np.float32), shown, [side / _SLOW for side in sides])
        for axis, far in enumerate(farthest):
            field, there = (texture, shown) if axis == 0 else (texture.T, shown.T)
            for lag in range(min(far + 1, len(field))):
                ends = len(field) - lag
                alike[axis][lag] += float((field[lag:] * field[:ends]).sum())
                pairs[axis][lag] += float((there[lag:] * there[:ends]).sum())
    down, across = (_width(a, p) / side for a, p, side in zip(alike, pairs, sides, strict=True))
    return down, across


def _texture(frame: NDArray[np.float32], shown: NDArray[np.float32], slow: Sequence[float]) -> NDArray[np.float32]:
    """Return the levels without the mean of their surroundings, in parts of their deviation; 0 outside."""
    from scipy import ndimage

    def smooth(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(ndimage.gaussian_filter(values * shown, slow) / weight, np.float32)

    weight = np.maximum(ndimage.gaussian_filter(shown, slow), 1e-3)
    rest = (frame - smooth(frame)) * shown
    # One grey level more: where all is flat, rounding is no speckle.
    return np.asarray(rest / np.sqrt(smooth(rest**2) + 1), np.float32)


def _width(alike: NDArray[np.float64], pairs: NDArray[np.float64]) -> float:
    """Return the full width at `_HEIGHT`, pixels, of sums of products over so many pairs at each lag."""
    mean = alike / np.maximum(pairs, 1)
    if mean[0] <= 1e-6:
        return math.nan
    curve = mean / mean[0]
    below = np.flatnonzero(curve < _HEIGHT)
    if not below.size:
        return 2.0 * (len(curve) - 1)
    at = int(below[0])
    return 2.0 * (at - 1 + float((curve[at - 1] - _HEIGHT) / (curve[at - 1] - curve[at])))
