"""Carry a corrected mask to other frames by following the motion in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.edit.motion import Tracker
from matae.edit.region import EditError, checked_mask, checked_scale
from matae.edit.structure import outlines, put_outlines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Spacing

__all__ = ["propagate"]


def propagate(
    images: NDArray[np.uint8],
    mask: ArrayLike,
    start: int,
    frames: Sequence[int],
    *,
    label: int = 1,
    spacing: Spacing | Sequence[float] | None = None,
    onto: Mapping[int, ArrayLike] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Carry the mask of one frame to others by optical flow, one frame after the other.

    Parameters
    ----------
    images
        Grey frames of the cine, (T, Y, X) uint8.
    mask
        The corrected mask, (Y, X).
    start
        The frame it belongs to.
    frames
        The frames wanted, before and after `start`; `start` itself is left out.
    label
        The class that is carried.
    spacing
        Height and width of a pixel; square pixels when None.
    onto
        Masks that the frames have now, by frame: their other classes stay as far as anatomy lets them, see
        `matae.edit.structure`. Background where a frame is not given.
    should_stop
        Asked before each frame; True ends it.

    Yields
    ------
    tuple
        Frame and its (Y, X) uint8 mask: those after `start` going forward, then those before it going back.

    Raises
    ------
    EditError
        If a frame is not in the cine, or the mask is not one of it.
    """
    mask = checked_mask(mask, label)
    if images.ndim != 3 or images.shape[1:] != mask.shape:
        raise EditError(f"A mask of {mask.shape} does not fit frames of {images.shape[1:]}; propagate within one cine.")
    wanted = {int(frame) for frame in frames}
    missing = [frame for frame in sorted(wanted | {int(start)}) if not 0 <= frame < len(images)]
    if missing:
        raise EditError(f"Frame {missing[0] + 1} is not in the cine; choose frames from 1 to {len(images)}.")
    scale = checked_scale(spacing)
    empty = np.zeros(mask.shape, np.uint8)
    base = {frame: checked_mask((onto or {}).get(frame, empty), label) for frame in wanted}
    if any(one.shape != mask.shape for one in base.values()):
        raise EditError("The masks to write on differ in size from the corrected one; take both from one cine.")
    return _carry(images, outlines(mask, label), int(start), scale, label=label, onto=base, should_stop=should_stop)


def _carry(
    images: NDArray[np.uint8],
    regions: tuple[NDArray[np.bool_], ...],
    start: int,
    scale: NDArray[np.float64],
    *,
    label: int,
    onto: Mapping[int, NDArray[np.uint8]],
    should_stop: Callable[[], bool] | None,
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    for step in (1, -1):
        goals = [frame for frame in onto if (frame - start) * step > 0]
        if not goals:
            continue
        trackers = [Tracker(images[start], region, scale) for region in regions if region.any()]
        last = max(goals, key=lambda frame: abs(frame - start))
        for frame in range(start + step, last + step, step):
            if should_stop is not None and should_stop():
                return
            for tracker in trackers:
                tracker.follow(images[frame])
            if frame in onto:
                yield frame, put_outlines(onto[frame], tuple(t.region() for t in trackers) or regions, label)
