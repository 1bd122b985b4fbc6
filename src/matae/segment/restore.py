"""From logits on the grid to a frame's mask in native pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from matae.segment.cleanup import LIKELY, POSSIBLE, one_part
from matae.segment.results import FrameMask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.placement import Placement

__all__ = ["THRESHOLDS", "certainty", "frame_mask"]

THRESHOLDS = (0.0, *(math.log(p / (1 - p)) for p in (LIKELY, POSSIBLE)))
"""Logits from which a pixel is found, likely and possible."""

_SURE = 6.25  # beyond it a sigmoid rounds to 0 or 255


def frame_mask(index: int, logits: NDArray[np.float32], placement: Placement, shape: tuple[int, int]) -> FrameMask:
    """Return the result of one frame.

    Parameters
    ----------
    index
        0-based frame.
    logits
        Of the network, (classes, grid, grid).
    placement
        Where the frame lies on the grid.
    shape
        Rows and columns of the native frame.
    """
    native = placement.native_logits(logits)
    if len(native) == 1:  # the common case needs no search for the likeliest class
        best = native[0]
        classes = [(best > least).view(np.uint8) for least in THRESHOLDS]
    else:
        which = native.argmax(0)
        best = np.take_along_axis(native, which[None], 0)[0]
        classes = [np.where(best > least, which + 1, 0).astype(np.uint8) for least in THRESHOLDS]
    mask, probability = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    box = placement.box
    mask[box.y0 : box.y1, box.x0 : box.x1] = one_part(*classes)
    probability[box.y0 : box.y1, box.x0 : box.x1] = certainty(best)
    return FrameMask(int(index), mask, probability, int(np.count_nonzero(mask == 1)))


def certainty(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the probability of logits as uint8, 255 is certain.

    Nearly all pixels of a frame are certain to the last digit: only the others are computed.
    """
    certain = np.where(logits > 0, np.uint8(255), np.uint8(0))
    unsure = np.abs(logits) < _SURE
    certain[unsure] = np.rint(255 / (1 + np.exp(-logits[unsure])))
    return certain
