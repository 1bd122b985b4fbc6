"""From logits on the grid to a frame's mask in native pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.segment.results import FrameMask
from matae.segment.structures import find_structures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.nn.regions import Regions
    from matae.placement import Placement

__all__ = ["certainty", "frame_mask"]

_SURE = 6.25  # beyond it a sigmoid rounds to 0 or 255


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
    # Elsewhere every logit is surely of the background, and so is what lies between such logits.
    window = placement.native_window(logits.max(0) > -_SURE)
    if window is not None:
        native = placement.native_logits(logits, window)
        at = tuple(
            slice(start + part.start, start + part.stop)
            for start, part in zip((placement.box.y0, placement.box.x0), window, strict=True)
        )
        mask[at] = find_structures(native, regions)
        probability[at] = certainty(native[0] if len(native) == 1 else native.max(0))
    return FrameMask(int(index), mask, probability, int(np.count_nonzero(mask == 1)))


def certainty(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the probability of logits as uint8, 255 is certain.

    Nearly all pixels of a frame are certain to the last digit: only the others are computed.
    """
    certain = np.where(logits > 0, np.uint8(255), np.uint8(0))
    unsure = np.abs(logits) < _SURE
    certain[unsure] = np.rint(255 / (1 + np.exp(-logits[unsure])))
    return certain
