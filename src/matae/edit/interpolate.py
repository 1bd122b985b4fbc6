"""The frames between two corrected ones: signed distances blended along a moving, growing shape."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from matae.edit.copying import paste
from matae.edit.region import (
    EditError,
    bounds,
    box_around,
    centres,
    checked_mask,
    checked_scale,
    cut,
    framed,
    grow,
    signed_distance,
)
from matae.edit.structure import outlines, put_outlines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Box, Spacing

__all__ = ["interpolate"]


def interpolate(
    keys: Mapping[int, ArrayLike],
    frames: Iterable[int],
    *,
    label: int = 1,
    spacing: Spacing | Sequence[float] | None = None,
    onto: Mapping[int, ArrayLike] | None = None,
) -> dict[int, NDArray[np.uint8]]:
    """Return the masks of frames that lie between corrected ones.

    Each frame takes its shape from the corrected frame before and the one after it. Position, size and direction of
    the two (centre and second moments) are interpolated first, along the shortest deformation between them, and the
    signed distances are blended on top of it (Raya and Udupa 1990). So a ventricle that moves does not vanish on the
    way, as it does where distances alone are blended.

    Parameters
    ----------
    keys
        Masks of the corrected frames, (Y, X) each, by frame.
    frames
        The frames wanted. A corrected frame is returned as it is.
    label
        The class that changes.
    spacing
        Height and width of a pixel; square pixels when None.
    onto
        Masks that the frames have now, by frame: their other classes stay as far as anatomy lets them, see
        `matae.edit.structure`. Background where a frame is not given.

    Returns
    -------
    dict
        One (Y, X) uint8 mask for each frame wanted. Where the class is in only one of the two corrected frames, the
        nearer one is copied: a shape cannot come from nothing.

    Raises
    ------
    EditError
        If a frame does not lie between two corrected ones, or the masks do not fit together.
    """
    masks = {int(frame): checked_mask(mask, label) for frame, mask in sorted(keys.items())}
    if not masks:
        raise EditError("No corrected frame to interpolate from; correct two frames and choose those between them.")
    shape = next(iter(masks.values())).shape
    if any(mask.shape != shape for mask in masks.values()):
        raise EditError("The corrected frames differ in size; interpolate between frames of one cine.")
    wanted, corrected = sorted({int(frame) for frame in frames}), list(masks)
    outside = [frame for frame in wanted if not corrected[0] <= frame <= corrected[-1]]
    if outside:
        raise EditError(
            f"Frame {outside[0] + 1} does not lie between two corrected frames ({corrected[0] + 1} to "
            f"{corrected[-1] + 1} are); correct one on its other side, or propagate."
        )
    scale = checked_scale(spacing)
    empty = np.zeros(shape, np.uint8)
    base = {frame: checked_mask((onto or {}).get(frame, empty), label) for frame in wanted}
    if any(mask.shape != shape for mask in base.values()):
        raise EditError("The masks to write on differ in size from the corrected ones; take both from one cine.")
    out = {frame: masks[frame].copy() for frame in wanted if frame in masks}
    for first, last in pairwise(corrected):
        between = [frame for frame in wanted if first < frame < last]
        if not between:
            continue
        ends = [[_shape_of(region, scale) for region in outlines(masks[frame], label)] for frame in (first, last)]
        pairs = list(zip(*ends, strict=False))
        for frame in between:
            share = (frame - first) / (last - first)
            found = tuple(_between(a, b, share, scale, shape) for a, b in pairs if a is not None and b is not None)
            if len(found) < max(map(len, ends)):
                out[frame] = paste(masks[first if share <= 0.5 else last], base[frame], label)
            else:
                out[frame] = put_outlines(base[frame], found, label)
    return {frame: out[frame] for frame in wanted}


@dataclass(frozen=True, eq=False)
class _Shape:
    """A region by its first moments and its signed distance, lengths in units of `scale`."""

    box: Box
    distance: NDArray[np.float32]
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    """Covariance of the positions inside, (2, 2)."""


def _shape_of(region: NDArray[np.bool_], scale: NDArray[np.float64]) -> _Shape | None:
    tight = bounds(region)
    if tight is None:
        return None
    points = np.argwhere(region[tight.y0 : tight.y1, tight.x0 : tight.x1])
    points = (points + np.array([tight.y0, tight.x0])) * scale
    centre = points.mean(0)
    offset = points - centre
    # A pixel has a spread of its own, so that one pixel or one row of them is a shape too.
    spread = offset.T @ offset / len(points) + np.diag(scale**2) / 12
    # Distances are needed some way around the shape: where the other one reaches beyond it.
    box = grow(tight, tight.height // 2 + 3, tight.width // 2 + 3)
    return _Shape(box, signed_distance(cut(region, box), scale), centre, spread)


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the symmetric root of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    root: NDArray[np.float64] = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root


def _between(
    first: _Shape, last: _Shape, share: float, scale: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return the region at a share of the way from one shape to another."""
    from scipy import ndimage

    # The shortest way between two normal distributions (McCann 1997): a symmetric stretch without a turn. Round
    # shapes, whose long axis has no direction, need no exception.
    root = _root(first.spread)
    inverse = np.linalg.inv(root)
    stretch = inverse @ _root(root @ last.spread @ root) @ inverse
    part_way = (1 - share) * np.eye(2) + share * stretch
    centre = (1 - share) * first.centre + share * last.centre
    to_first = np.linalg.inv(part_way)
    to_last = stretch @ to_first
    corners = []
    for end, back in ((first, to_first), (last, to_last)):
        y, x = (end.box.y0, end.box.y1 - 1), (end.box.x0, end.box.x1 - 1)
        points = np.array([[a, b] for a in y for b in x], float) * scale
        corners.append((centre + (points - end.centre) @ np.linalg.inv(back).T) / scale)
    box = box_around(np.concatenate(corners).T, 1.0, shape)
    offset = centres(box).T * scale - centre
    blend = np.zeros(len(offset))
    for end, back, weight in ((first, to_first, 1 - share), (last, to_last, share)):
        where = (end.centre + offset @ back.T) / scale - [end.box.y0, end.box.x0]
        # Distances in the end's own size, brought to the size the shape has here.
        size = 1 / np.sqrt(abs(np.linalg.det(back)))
        blend += weight * size * ndimage.map_coordinates(end.distance, where.T, order=1, mode="nearest")
    return framed((blend > 0).reshape(box.height, box.width), box, shape)
