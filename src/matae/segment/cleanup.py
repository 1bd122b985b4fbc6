"""From logits at native size to one anatomically possible mask a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.segment.hull import convex_hull

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = [
    "LIKELY",
    "PART",
    "POSSIBLE",
    "connected",
    "enclosed_by",
    "is_plain",
    "one_part",
    "one_part_of",
    "rectangle",
    "runs",
]

LIKELY = 0.25
"""Probability that pixels need all the way from one part of a class to another, so that they are parts of one."""

POSSIBLE = 0.1
"""Probability from which a pixel between such parts is theirs; elsewhere it needs 0.5."""

PART = 0.1
"""Of the largest part's area: what is smaller is an island, no part of a ventricle."""

_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)  # scipy makes its own anew at every call


def one_part(
    mask: NDArray[np.uint8], likely: NDArray[np.uint8] | None = None, possible: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Return the mask with one connected part a class, its holes filled.

    A ventricle is one cavity: islands and holes are errors of the network, not anatomy. A bright line across the
    cavity can cut its mask in two, though, and half a ventricle is no better: parts of some size that hang together
    with the largest by likely pixels are joined to it, by the possible pixels inside their convex hull (hysteresis, as
    for edges: J. Canny, "A computational approach to edge detection", IEEE TPAMI 8(6), 1986). Whether they do is a
    question of the one pixel where the best way between them is least likely, not of how many pixels they are apart:
    that number hangs on the last digits of a processor's arithmetic.

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X) uint8; 0 is background.
    likely, possible
        The same with lower thresholds, `LIKELY` and `POSSIBLE`: every pixel of the one before, and more. Nothing is
        joined if `likely` is None; `possible` is `likely` if None.
    """
    return one_part_of(mask, None if likely is None else lambda: (likely, likely if possible is None else possible))


def one_part_of(
    mask: NDArray[np.uint8], lower: Callable[[], tuple[NDArray[np.uint8], NDArray[np.uint8]]] | None = None
) -> NDArray[np.uint8]:
    """Return what `one_part` does; the masks of lower thresholds are made only where something might be joined.

    Few frames have a class in several parts of some size: for all others the two masks need not be made.

    Parameters
    ----------
    mask
        As for `one_part`.
    lower
        Returns `likely` and `possible`; called once at most. Nothing is joined if None.
    """
    out = np.zeros_like(mask)
    # All of it happens inside each class's own rectangle: frames are large, cavities are not.
    places = _places(mask)
    levels: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
    plain = set()
    for value, at in places:
        own = mask[at] == value
        if is_plain(own):
            plain.add(value)
        elif (parts := connected(own))[1] > 1:
            labels = parts[0]
            own = _largest(labels)
            large = _large(labels)
            # The usual are specks, whatever lies between.
            if lower is not None and large.sum() > 1:
                levels = levels or lower()
                own = _joined(labels, own, large, *(level[at] == value for level in levels))
        out[at][own] = value
    for value, at in places:
        if value in plain and levels is None:
            continue  # nothing was joined at its cost either
        # A hole may hold another class (cavity inside myocardium): only what nothing claims is filled.
        holes = _holes(out[at] == value)
        if holes is not None:
            out[at][holes & (out[at] == 0)] = value
    return out


def is_plain(part: NDArray[np.bool_]) -> bool:
    """Return whether a part is one, by its sides, and without holes; it may be so all the same where the answer is no.

    Nearly every outline of a network is, and its rows tell it several times sooner than the search for connected parts.
    A run of pixels in a row is a node, runs that touch in the rows above and below it are its neighbours. If all runs
    but one have a neighbour above them, or all but one below, they hang together. Each pair of neighbours beyond those
    that a tree of the runs has encloses something: counted by sides and corners, a hole of what
    `scipy.ndimage.binary_fill_holes` fills.

    Parameters
    ----------
    part
        (Y, X).
    """
    starts, ends, row = runs(part)
    count = len(starts)
    if count == 0:
        return False
    by_corners = np.searchsorted(starts, ends - row, "right") - np.searchsorted(ends, starts - row, "left")
    if by_corners.sum() != count - 1:
        return False
    first, last = np.searchsorted(ends, starts - row, "right"), np.searchsorted(starts, ends - row, "left")
    if np.count_nonzero(first == last) == 1:  # without a neighbour above
        return True
    first, last = np.searchsorted(ends, starts + row, "right"), np.searchsorted(starts, ends + row, "left")
    return bool(np.count_nonzero(first == last) == 1)


def runs(part: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
    """Return where the runs of pixels of a part's rows start and end, row by row, and by how much a row is further on.

    Between one row and the next are two places more than a row has, so that no run goes on in the next.
    """
    height, width = part.shape
    padded = np.zeros((height + 1, width + 2), bool)
    padded[:-1, 1:-1] = part
    flat = padded.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return edges[::2], edges[1::2], width + 2


def _places(mask: NDArray[np.uint8]) -> list[tuple[int, tuple[slice, slice]]]:
    """Return each class and its rectangle."""
    from scipy import ndimage

    around = rectangle(mask)
    if around is None:
        return []
    part = mask[around]
    if part.max() == 1:
        return [(1, around)]
    top, left = around[0].start, around[1].start
    return [
        (value, (slice(top + at[0].start, top + at[0].stop), slice(left + at[1].start, left + at[1].stop)))
        for value, at in enumerate(ndimage.find_objects(part), start=1)
        if at is not None
    ]


def rectangle(mask: NDArray[Any]) -> tuple[slice, slice] | None:
    """Return the rectangle around what is not 0, rows and columns, None where there is nothing."""
    rows = np.flatnonzero(mask.any(1))
    if not len(rows):
        return None
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    columns = np.flatnonzero(mask[part].any(0))
    return part, slice(int(columns[0]), int(columns[-1]) + 1)


def _holes(part: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the holes of a part, as `scipy.ndimage.binary_fill_holes` has them, None where there is none.

    Most parts have none, which one look at the background around them tells.
    """
    labels, count = _around(part)
    if count == 1:
        return None
    inside: NDArray[np.bool_] = (labels > 1)[1:-1, 1:-1]  # the first is the one that holds the corner
    return inside


def _around(part: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Return the connected parts of the background of a part with a border of one pixel, and their number."""
    background = np.ones((part.shape[0] + 2, part.shape[1] + 2), bool)
    np.logical_not(part, out=background[1:-1, 1:-1])
    return connected(background)


def connected(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Return the number of the connected part of every pixel, 0 outside, and how many there are; sides connect."""
    from scipy import ndimage

    labels, count = ndimage.label(mask, _CROSS)
    return labels, int(count)


def enclosed_by(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a part with its holes filled."""
    holes = _holes(part)
    return part if holes is None else part | holes


def _largest(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = labels == 1 + int(np.bincount(labels.ravel())[1:].argmax())
    return found


def _large(parts: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return of each part's number whether it has some size."""
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    found: NDArray[np.bool_] = sizes >= PART * sizes.max()
    return found


def _joined(
    parts: NDArray[np.int32],
    largest: NDArray[np.bool_],
    large: NDArray[np.bool_],
    likely: NDArray[np.bool_],
    possible: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return the largest part with those of some size that hang together with it, and what joins them."""
    labels, _ = connected(likely | (parts > 0))
    wanted: NDArray[np.bool_] = (labels == labels[largest][0]) & large[parts]
    while not np.array_equal(wanted, largest):
        labels, _ = connected(wanted | ((likely | possible) & convex_hull(wanted)))
        found: NDArray[np.bool_] = labels == labels[largest][0]
        if not (wanted & ~found).any():
            return found
        # What hangs together by a detour outside the hull is still apart inside it: without it, then.
        wanted = wanted & found
    return largest
