"""The frames between corrected ones, by motion from both sides and by shape; and where the three disagree.

A corrected mask is carried forward by the motion in the picture (`matae.edit.propagate`), the next corrected one back.
Their signed distances are blended: the nearer a corrected frame is, the more what was carried from it counts. Where one
of them, or the shape interpolated between the two (`matae.edit.interpolate`), says inside and another outside, the
border is uncertain.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from matae.edit.interpolate import interpolate
from matae.edit.propagate import propagate
from matae.edit.region import EditError, bounds, checked_mask, checked_scale, clip, cut, framed, grow, signed_distance
from matae.edit.structure import outlines, put_outlines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Spacing

__all__ = ["SHAPE_SHARE", "Filled", "fill_between"]

SHAPE_SHARE = 0.0
"""How much the interpolated shape counts beside what was carried by motion: on synthetic hearts any of it made the
masks worse (`benchmarks/fill_between.py`). Where motion and shape disagree is marked as uncertain all the same."""
_MARGIN = 4


@dataclass(frozen=True, eq=False)
class Filled:
    """A frame between corrected ones.

    Parameters
    ----------
    frame
        0-based.
    mask
        (Y, X) uint8.
    uncertain
        Where motion from before, motion from after and shape do not agree, (Y, X) bool.
    """

    frame: int
    mask: NDArray[np.uint8]
    uncertain: NDArray[np.bool_]


def fill_between(
    images: NDArray[np.uint8],
    keys: Mapping[int, ArrayLike],
    frames: Iterable[int],
    *,
    label: int = 1,
    spacing: Spacing | Sequence[float] | None = None,
    onto: Mapping[int, ArrayLike] | None = None,
    shape_share: float = SHAPE_SHARE,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[Filled]:
    """Fill frames that lie between corrected ones.

    Parameters
    ----------
    images
        Grey frames of the cine, (T, Y, X) uint8.
    keys
        Masks of the corrected frames, (Y, X) each, by frame.
    frames
        The frames wanted. A corrected frame is given back as it is, with nothing uncertain.
    label
        The class that is filled.
    spacing
        Height and width of a pixel; square pixels when None.
    onto
        Masks that the frames have now, by frame: their other classes stay as far as anatomy lets them, see
        `matae.edit.structure`. Background where a frame is not given.
    shape_share
        In 0-1: 0 blends what was carried by motion alone, 1 is `interpolate`.
    should_stop
        Asked before each frame; True ends it.

    Yields
    ------
    Filled
        In order of time.

    Raises
    ------
    EditError
        If a frame does not lie between two corrected ones or in the cine, or the masks do not fit together.
    """
    masks = {int(frame): checked_mask(mask, label) for frame, mask in sorted(keys.items())}
    wanted = sorted({int(frame) for frame in frames})
    if images.ndim != 3 or any(mask.shape != images.shape[1:] for mask in masks.values()):
        raise EditError(f"The masks do not fit frames of {images.shape[1:]}; fill between frames of one cine.")
    if masks and (min(masks) < 0 or max(masks) >= len(images)):
        raise EditError(f"A corrected frame is not in the cine; choose frames from 1 to {len(images)}.")
    if not 0 <= shape_share <= 1:
        raise EditError(f"The share of the shape is {shape_share}; choose one of 0 to 1.")
    # It also says what is wrong with frames and masks, before anything is given back.
    shapes = interpolate(masks, wanted, label=label, spacing=spacing, onto=onto)
    return _filled(images, masks, wanted, shapes, dict(onto or {}), label, spacing, shape_share, should_stop)


def _filled(  # noqa: PLR0917 - the generator behind `fill_between`, which has checked all of it
    images: NDArray[np.uint8],
    masks: Mapping[int, NDArray[np.uint8]],
    wanted: Sequence[int],
    shapes: Mapping[int, NDArray[np.uint8]],
    onto: Mapping[int, ArrayLike],
    label: int,
    spacing: Spacing | Sequence[float] | None,
    shape_share: float,
    should_stop: Callable[[], bool] | None,
) -> Iterator[Filled]:
    scale, corrected = checked_scale(spacing), list(masks)
    empty = np.zeros(images.shape[1:], np.uint8)
    nothing = np.zeros(images.shape[1:], bool)
    gaps = {frame: (first, last) for first, last in pairwise(corrected) for frame in wanted if first < frame < last}
    carried: dict[tuple[int, int], tuple[dict[int, NDArray[np.uint8]], ...]] = {}
    for frame in wanted:
        if should_stop is not None and should_stop():
            return
        if frame not in gaps:
            yield Filled(frame, shapes[frame], nothing)
            continue
        gap = gaps[frame]
        if gap not in carried:
            between = [t for t in wanted if gaps.get(t) == gap]
            carried = {
                gap: tuple(
                    dict(
                        propagate(
                            images, masks[end], end, between, label=label, spacing=spacing, onto=None,
                            should_stop=should_stop,
                        )
                    )
                    for end in gap
                )
            }  # fmt: skip
        before, after = (side.get(frame) for side in carried[gap])
        if before is None or after is None:
            return  # it was told to stop
        share = (frame - gap[0]) / (gap[1] - gap[0])
        base = checked_mask(onto.get(frame, empty), label)
        # The shape alone, not yet cut by what else is in the frame.
        (shape,) = interpolate({t: masks[t] for t in gap}, [frame], label=label, spacing=spacing).values()
        three = [outlines(mask, label) for mask in (before, after, shape)]
        weights = np.array([(1 - shape_share) * (1 - share), (1 - shape_share) * share, shape_share])
        if any(not region.any() for parts in three for region in parts) or len({len(parts) for parts in three}) > 1:
            yield Filled(frame, shapes[frame], _apart([parts[0] for parts in three]))
            continue
        found = tuple(_blend(regions, weights, scale) for regions in zip(*three, strict=True))
        unsure = np.logical_or.reduce([_apart(regions) for regions in zip(*three, strict=True)])
        yield Filled(frame, put_outlines(base, found, label), unsure)


def _blend(
    regions: Sequence[NDArray[np.bool_]], weights: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return where the weighted mean of the signed distances is inside."""
    tight = bounds(np.logical_or.reduce(list(regions)))
    if tight is None:
        return np.zeros(regions[0].shape, bool)
    box = grow(tight, _MARGIN, _MARGIN)
    inside = sum(
        weight * signed_distance(cut(region, box), scale) for region, weight in zip(regions, weights, strict=True)
    )
    shape = regions[0].shape
    kept = clip(box, shape)
    part = np.asarray(inside > 0)[
        kept.y0 - box.y0 : kept.y1 - box.y0, kept.x0 - box.x0 : kept.x1 - box.x0
    ]  # fmt: skip
    return framed(part, kept, shape)


def _apart(regions: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Return the pixels that are in some of the regions and not in all."""
    found: NDArray[np.bool_] = np.logical_or.reduce(list(regions)) & ~np.logical_and.reduce(list(regions))
    return found
