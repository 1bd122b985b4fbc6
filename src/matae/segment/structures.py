"""From the logits of a frame to its structures, by anatomy: what lies inside what, and on which side.

Structures are decided from the inside out, whatever order the network has them in. What lies inside another structure
comes first, as if it were alone: the cavity of a model of three structures is found as that of a model of the cavity.
The outline around it encloses it; the wall is what lies between the two. What lies beside them gets the pixels where
its probability is the larger one. Of each outline the largest part stays.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matae.anatomy import ATRIUM, CAVITY, WALL
from matae.segment.cleanup import (
    LIKELY,
    PART,
    POSSIBLE,
    connected,
    enclosed_by,
    is_plain,
    one_part,
    one_part_of,
    rectangle,
    runs,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from matae.nn.regions import Regions

__all__ = ["LOPSIDED", "THRESHOLDS", "find_structures"]

THRESHOLDS = (0.0, *(math.log(p / (1 - p)) for p in (LIKELY, POSSIBLE)))
"""Logits from which a pixel is found, likely and possible."""

LOPSIDED = 0.05
"""Of the cavity's diameter: a wall whose centre is nearer to the cavity's has no open end."""


def find_structures(
    logits: NDArray[np.float32], regions: Regions, largest: NDArray[np.float32] | None = None
) -> NDArray[np.uint8]:
    """Return the class of every pixel of a frame, one connected outline a structure, none overlapping another.

    Parameters
    ----------
    logits
        One map a region, (regions, Y, X), at the size the mask is wanted in.
    regions
        What each logit stands for.
    largest
        Of the logits of each pixel, where whoever asks has them already.

    Returns
    -------
    ndarray
        (Y, X) uint8; 0 is background, other numbers are those of `regions`.
    """
    if not regions.is_nested:
        return _one_class_a_pixel(logits, regions)
    maps = {cover: logits[i] for i, cover in enumerate(regions.covers)}
    # By the classes they cover, never by their place: networks may have them in any order.
    covers = sorted(maps, key=lambda cover: (len(cover), cover))
    inner = [cover for cover in covers if any(set(cover) < set(other) for other in covers)]
    around = [cover for cover in covers if len(cover) > 1]
    beside = [cover for cover in covers if cover not in inner and cover not in around]
    whole = np.zeros(tuple(logits.shape[1:]), np.uint8)
    # It all happens where something is possible: pictures are large, hearts are not.
    at = rectangle((logits.max(0) if largest is None else largest) > THRESHOLDS[-1])
    if at is None:
        return whole
    maps = {cover: each[at] for cover, each in maps.items()}
    mask = whole[at]
    for cover in inner:
        mask[_outlined(maps[cover], free=mask == 0)] = cover[0]
    inside = mask.copy()
    for cover in around:
        mine = [other for other in inner if set(other) < set(cover)]
        strength = reduce(np.maximum, (maps[other] for other in mine), maps[cover])
        own = strength > 0
        for other in beside:
            own &= ~((maps[other] > 0) & (maps[other] > strength))
        enclosed = reduce(np.logical_or, (inside == other[0] for other in mine), np.zeros(mask.shape, bool))
        own &= inside == 0
        own |= enclosed
        at = rectangle(own)
        if at is not None:
            shell = _with(own[at], enclosed[at]) & (mask[at] == 0)
            mask[at][_without_islands(shell)] = next(v for v in cover if all(v not in other for other in mine))
    if beside:
        strengths = maps[beside[0]][None] if len(beside) == 1 else np.stack([maps[cover] for cover in beside])
        _add_beside(strengths, [cover[0] for cover in beside], mask)
    return whole


def _one_class_a_pixel(logits: NDArray[np.float32], regions: Regions) -> NDArray[np.uint8]:
    if len(logits) == 1:  # the common case needs no search for the likeliest class
        value = np.uint8(regions.values[0])
        return _one_part_above(lambda level: (logits[0] > level).view(np.uint8) * value)
    which = logits.argmax(0)
    best = np.take_along_axis(logits, which[None], 0)[0]
    numbers = np.array(regions.values, np.uint8)[which]
    return _one_part_above(lambda level: np.where(best > level, numbers, np.uint8(0)))


def _one_part_above(mask: Callable[[float], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return one part a class of the mask above a logit; lower ones are looked at where parts may be joined."""
    found, *lower = THRESHOLDS
    return one_part_of(mask(found), lambda: (mask(lower[0]), mask(lower[1])))


def _outlined(logits: NDArray[np.float32], free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return one connected part without holes of what a sigmoid alone says."""
    return _one_part_above(lambda level: ((logits > level) & free).view(np.uint8)) > 0


def _with(own: NDArray[np.bool_], enclosed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the part of an outline that holds what it encloses, filled; the largest where it encloses nothing."""
    if is_plain(own):
        return own
    if enclosed.any():
        parts, count = connected(own)
        if count > 1:
            kept = np.zeros(count + 1, bool)
            kept[parts[enclosed]] = True
            own = kept[parts]
        return enclosed_by(own)
    return one_part(own.astype(np.uint8)) > 0


def _without_islands(shell: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a shell without crumbs; what it encloses may part it into two walls, and both stay."""
    if is_plain(shell):
        return shell
    parts, count = connected(shell)
    if count < 2:
        return shell
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    kept: NDArray[np.bool_] = (sizes >= PART * sizes.max())[parts]
    return kept & shell


def _add_beside(strengths: NDArray[np.float32], values: list[int], mask: NDArray[np.uint8]) -> None:
    """Add the structures that lie beside what a mask holds already, each where it is likelier than the others."""
    apex = _towards_apex(mask)
    best = strengths[0] if len(strengths) == 1 else strengths.max(0)
    at = rectangle((best > THRESHOLDS[-1]) & (mask == 0))
    if at is None:
        return
    best, free = best[at], mask[at] == 0
    which = strengths[:, *at].argmax(0) if len(values) > 1 else 0
    numbers = np.where(free, np.array(values, np.uint8)[which], np.uint8(0))

    def above(level: float) -> NDArray[np.uint8]:
        found = np.where(best > level, numbers, np.uint8(0))
        return found if apex is None else _beyond_the_base(found, apex, (at[0].start, at[1].start))

    found = _one_part_above(above)
    mask[at][free] = found[free]


class _Apex(NamedTuple):
    """The cavity's pixels, the sums of their rows and columns, and the direction of its apex times a positive number.

    Whole numbers: which side something lies on is the same wherever the picture begins, and on every processor.
    """

    pixels: int
    centre: tuple[int, int]
    towards: tuple[int, int]


def _towards_apex(mask: NDArray[np.uint8]) -> _Apex | None:
    """Return the cavity's centre and the direction of its apex, None where that cannot be told.

    The wall surrounds the cavity but at its base, where the mitral valve is: its centre lies towards the apex.
    """
    (cavity, *centre), (wall, *middle) = (_sums(mask == value) for value in (CAVITY, WALL))
    if not cavity or not wall:
        return None
    towards = tuple(w * cavity - c * wall for w, c in zip(middle, centre, strict=True))
    apart = math.hypot(*towards)
    if not apart > LOPSIDED * math.sqrt(cavity) * (cavity * wall):
        return None
    return _Apex(cavity, (centre[0], centre[1]), (towards[0], towards[1]))


def _sums(part: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Return how many pixels a part has, and the sums of their rows and columns."""
    starts, ends, row = runs(part)
    lengths = ends - starts
    rows, columns = np.divmod(starts, row)
    # A run's columns are as many as it is long, and on average in its middle.
    return int(lengths.sum()), int(rows @ lengths), int(lengths @ (2 * columns + lengths - 1)) // 2


def _beyond_the_base(found: NDArray[np.uint8], apex: _Apex, corner: tuple[int, int]) -> NDArray[np.uint8]:
    """Return classes without those parts of an atrium that lie on the apex' side of the ventricle."""
    at = rectangle(found == ATRIUM)
    if at is None:
        return found
    atrium = found[at] == ATRIUM
    begins = at[0].start + corner[0], at[1].start + corner[1]
    if is_plain(atrium):
        pixels, *sums = _sums(atrium)
        if not _ahead(apex, begins, pixels, sums) > 0:
            return found
        apical = atrium
    else:
        parts, _ = connected(atrium)
        each, sizes = parts.ravel(), np.bincount(parts.ravel())
        places = np.broadcast_arrays(*np.ogrid[: float(parts.shape[0]), : float(parts.shape[1])])
        moments = [np.bincount(each, along.ravel()).astype(np.int64) for along in places]
        ahead = _ahead(apex, begins, sizes, moments) > 0
        ahead[0] = False  # the background
        if not ahead.any():
            return found
        apical = ahead[parts]
    kept = found.copy()
    kept[at][apical] = 0
    return kept


def _ahead(apex: _Apex, begins: tuple[int, int], pixels: Any, sums: Sequence[Any]) -> Any:
    """Return how far parts lie on the apex' side of the cavity, on average, times a positive number."""
    ahead: Any = 0.0
    for axis in (0, 1):
        whole = sums[axis] + pixels * begins[axis]
        ahead = ahead + np.float64(apex.pixels * whole - pixels * apex.centre[axis]) * float(apex.towards[axis])
    return ahead
