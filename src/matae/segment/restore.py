"""From logits on the grid to a frame's mask in native pixels."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import numpy as np

from matae.segment.results import FrameMask
from matae.segment.structures import find_structures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.nn.regions import Regions
    from matae.placement import Placement

__all__ = ["SURE", "certainty", "frame_mask"]

SURE = 6.25
"""Logit beyond which a sigmoid rounds to 0 or 255."""
_SURELY_NOT = np.float32(-2 * SURE)


def frame_mask(
    index: int, logits: NDArray[np.float32], placement: Placement, shape: tuple[int, int], regions: Regions
) -> FrameMask:
    """Return the result of one frame.

    Parameters
    ----------
    index
        0-based frame.
    logits
        Of the network, (regions, grid, grid).
    placement
        Where the frame lies on the grid.
    shape
        Rows and columns of the native frame.
    regions
        What each logit stands for.
    """
    mask, probability = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    cavity = 0
    found = _native(logits, placement)
    if found is not None:
        native, window = found
        at = tuple(
            slice(start + part.start, start + part.stop)
            for start, part in zip((placement.box.y0, placement.box.x0), window, strict=True)
        )
        largest = native[0] if len(native) == 1 else native.max(0)
        mask[at] = structures = find_structures(native, regions, largest)
        probability[at] = certainty(largest)
        cavity = int(np.count_nonzero(structures == 1))
    return FrameMask(int(index), mask, probability, cavity)


def _native(
    logits: NDArray[np.float32], placement: Placement
) -> tuple[NDArray[np.float32], tuple[slice, slice]] | None:
    """Return native logits of the part of the box where one is not surely of the background, and that part.

    Elsewhere every logit is surely of the background, and so is what lies between such logits. So it is with each map
    beside its own structure: it is scaled where that may be, and is `_SURELY_NOT` elsewhere. None where nothing may be.
    """
    windows = [placement.native_window(each > -SURE) for each in logits]
    there = [each for each in windows if each is not None]
    if not there:
        return None
    around = tuple(
        slice(min(each[axis].start for each in there), max(each[axis].stop for each in there)) for axis in (0, 1)
    )
    native = _room((len(logits), *(part.stop - part.start for part in around)))
    native.fill(_SURELY_NOT)
    for number, window in enumerate(windows):
        if window is not None:
            rows, columns = (
                slice(part.start - whole.start, part.stop - whole.start)
                for part, whole in zip(window, around, strict=True)
            )
            native[number, rows, columns] = placement.native_logits(logits[number : number + 1], window)[0]
    return native, (around[0], around[1])


class _Room(threading.local):
    values = np.empty(0, np.float32)


_KEPT = _Room()


def _room(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an array for native logits: that of the frame before, for new memory takes longer than to fill it."""
    size = math.prod(shape)
    if not size <= len(_KEPT.values) <= 8 * size:
        _KEPT.values = np.empty(size, np.float32)
    return _KEPT.values[:size].reshape(shape)


def certainty(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the probability of logits as uint8, 255 is certain.

    Nearly all pixels of a frame are certain to the last digit: only the others are computed.
    """
    certain = np.multiply(logits > 0, np.uint8(255), order="C")  # flat below, whatever the order of the logits
    unsure = np.flatnonzero((logits < SURE) & (logits > -SURE))
    certain.reshape(-1)[unsure] = np.rint(255 / (1 + np.exp(-logits.reshape(-1)[unsure])))
    return certain
