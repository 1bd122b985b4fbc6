"""How a changed structure is written into a mask: what it takes from the others, and what it leaves them.

Overlap is solved by anatomy, never by the order of drawing. The cavity takes the place of wall and atrium, the atrium
that of the wall, the wall only what is free: the order in which `matae.anatomy.combine` lays structures on each other.
The wall is worked on by its outer contour, the epicardium, which encloses the cavity; its inner contour is the
cavity's. Where the cavity draws back, the structure it bordered on follows: wall stays against cavity, atrium against
the mitral plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import CAVITY, STRUCTURES, WALL, combine, covered_by
from matae.edit.region import bounds, clip, grow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from numpy.typing import NDArray

__all__ = ["as_drawn", "change", "outlines", "put", "put_outlines", "together"]


def outlines(mask: NDArray[np.uint8], label: int) -> tuple[NDArray[np.bool_], ...]:
    """Return what a structure's contours enclose, (Y, X) bool each, the outer one first.

    The wall has two, the epicardium and the cavity's contour inside it; every other structure is its own region.
    """
    own: NDArray[np.bool_] = mask == label
    if label != WALL or not own.any():
        return (own,)
    cavity: NDArray[np.bool_] = mask == CAVITY
    return (own | cavity, cavity) if cavity.any() else (own,)


def put(mask: NDArray[np.uint8], region: NDArray[np.bool_], label: int) -> NDArray[np.uint8]:
    """Return a copy of the mask in which a structure takes up a region, as far as others do not keep their pixels.

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X).
    region
        Where the structure is now, (Y, X).
    label
        The structure. What the cavity gives up goes to the structure it bordered on there.
    """
    own = mask == label
    out = np.where(own, np.uint8(0), mask)
    free = out == 0
    for other in covered_by(label):
        free |= out == other
    out[region & free] = label
    if label == CAVITY and region.any():
        given_up = own & ~region
        if given_up.any() and _has_others(mask):
            _follow(out, given_up, mask, own, own)
    return out


def put_outlines(onto: NDArray[np.uint8], found: tuple[NDArray[np.bool_], ...], label: int) -> NDArray[np.uint8]:
    """Return a copy of another frame's mask with a structure as `outlines` gives it; that frame's others stay.

    Where the wall's inner contour lies outside the frame's own cavity, the wall reaches up to the cavity.
    """
    if len(found) == 1:
        return put(onto, found[0], label)
    outer, inner = found
    out = np.where(onto == label, np.uint8(0), onto)
    shell = outer & ~inner
    out[shell & (out == 0)] = label
    gap = inner & (out == 0)
    if gap.any() and (onto == CAVITY).any():
        _follow(out, gap, np.where(shell, np.uint8(label), np.uint8(0)), inner, outer | inner)
    return out


def change(
    mask: NDArray[np.uint8], label: int, tool: Callable[[NDArray[np.bool_]], NDArray[np.bool_]]
) -> NDArray[np.uint8]:
    """Return a copy of the mask in which one structure is what a tool makes of it.

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X).
    label
        The structure.
    tool
        Makes another region of a region, (Y, X) bool. Of the wall it gets what the epicardium encloses; the wall does
        not grow across the mitral plane, where the epicardium is open.
    """
    region, *inner = outlines(mask, label)
    changed = tool(region)
    if not inner:
        return put(mask, changed, label)
    out = np.where((mask == label) & ~changed, np.uint8(0), mask)
    added = changed & ~region & (out == 0)
    if added.any():
        _follow(out, added, np.where(mask == label, mask, np.uint8(0)), ~region, region | added)
    return out


def as_drawn(
    before: NDArray[np.uint8], after: NDArray[np.uint8], known: Collection[int] = range(1, len(STRUCTURES) + 1)
) -> NDArray[np.uint8]:
    """Return a drawing in which no structure took what is another's, and no class came in that nobody knows.

    Parameters
    ----------
    before, after
        The mask before and after a stroke of the brush, (Y, X). What was erased stays erased.
    known
        Classes that may be drawn; those with a name.

    Returns
    -------
    numpy.ndarray
        `after` itself where nothing has to be put back.
    """
    painted = (before != after) & (after != 0)
    if not painted.any():
        return after
    wrong = np.zeros(after.shape, np.bool_)
    for value in np.unique(after[painted]).tolist():
        here = painted & (after == value)
        if value in known:
            here &= ~np.isin(before, (0, *covered_by(value)))
        wrong |= here
    return np.where(wrong, before, after) if wrong.any() else after


def together(onto: NDArray[np.uint8], parts: Mapping[int, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return a frame's mask with several structures in place of its own, laid on each other by anatomy.

    Parameters
    ----------
    onto
        The mask the frame has now, (Y, X). Its classes that are not among `parts` keep their pixels.
    parts
        By class, a mask (Y, X) that holds it.
    """
    out = combine(((label, part == label) for label, part in parts.items()), onto.shape)
    stays = (onto != 0) & ~np.isin(onto, list(parts))
    return np.where(stays, onto, out)


def _has_others(mask: NDArray[np.uint8]) -> bool:
    """Say whether a mask holds anything but background and cavity."""
    return bool(mask.size) and int(mask.max()) > CAVITY


def _follow(
    out: NDArray[np.uint8],
    where: NDArray[np.bool_],
    source: NDArray[np.uint8],
    away: NDArray[np.bool_],
    around: NDArray[np.bool_],
) -> None:
    """Give free pixels the wall or atrium that is nearest to them in `source`; in place.

    Nothing comes of a place that is nearest to background, to the cavity or to a class without a name.

    Parameters
    ----------
    out
        The mask that is written.
    where
        Pixels that may be given.
    source
        Class of every pixel.
    away
        Pixels that do not count as near.
    around
        Holds `where`; what is near lies in its bounds or right beside them.
    """
    from scipy import ndimage

    box = bounds(around)
    if box is None:
        return
    box = clip(grow(box, 1, 1), out.shape)
    at = np.s_[box.y0 : box.y1, box.x0 : box.x1]
    if away[at].all():
        return
    rows, columns = ndimage.distance_transform_edt(away[at], return_distances=False, return_indices=True)
    nearest = source[at][rows, columns]
    mine = where[at] & (out[at] == 0) & np.isin(nearest, covered_by(CAVITY))
    out[at][mine] = nearest[mine]
