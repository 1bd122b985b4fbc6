"""Reshape the cavity by its three handles: apex and the two mitral hinge points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.edit.region import (
    EditError,
    bounds,
    box_around,
    centres,
    checked_mask,
    checked_point,
    checked_scale,
    framed,
)
from matae.edit.structure import change
from matae.edit.warp import sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Spacing
    from matae.measure.landmarks import Landmarks

__all__ = ["reshape"]

_FLAT = 0.05
"""Three handles whose triangle is flatter than this (height by longest side) do not say where the cavity is."""

_REACH = 0.5
"""How far the local part reaches, as a share of the distance from the apex to the mitral plane."""

_TAIL = 0.15
"""How soon, as a share of the annulus, what lies beside a hinge point stops to turn with the mitral plane."""


def reshape(
    mask: ArrayLike,
    before: Landmarks,
    after: Landmarks,
    label: int = 1,
    *,
    spacing: Spacing | Sequence[float] | None = None,
) -> NDArray[np.uint8]:
    """Return the mask with one class reshaped so that its apex and mitral hinge points lie where the handles are.

    The whole cavity follows the similarity (shift, turn and size) that fits the three handles best; what is left at
    each handle is made up for locally, with a smooth falloff. Every handle arrives exactly, a straight mitral plane
    stays straight, and nothing folds. Affine maps and local warps alone were tried on CAMUS training frames and agreed
    less with the reference (docs/correcting.md).

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X); 0 is background.
    before, after
        Where the handles were and where they are now, in pixels; see `matae.measure.landmarks`.
    label
        The class that changes.
    spacing
        Height and width of a pixel; square pixels when None.

    Raises
    ------
    EditError
        If `mask` is not a class map of one frame, the handles lie on one line, or the apex was drawn through the
        mitral plane.
    """
    mask = checked_mask(mask, label)
    scale = checked_scale(spacing)
    old, new = _corners(before, scale), _corners(after, scale)
    if _turn(old) * _turn(new) < 0:
        raise EditError("The apex is on the other side of the mitral plane; draw it back, or swap the hinge points.")
    if np.array_equal(old, new):
        return mask.copy()
    matrix, shift = _similarity(new, old)
    start = np.linalg.solve(matrix, old - shift).astype(np.float64)  # where the similarity alone brings the handles
    left_over = float(np.hypot(*(new - start)).max())

    def reshaped(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
        box = bounds(region)
        if box is None:
            return region
        corners = np.array([[y, x] for y in (box.y0 - 1, box.y1) for x in (box.x0 - 1, box.x1)], float).T
        there = np.linalg.solve(matrix, corners * scale[:, None] - shift) / scale[:, None]
        target = box_around(there, 2.0 + left_over / float(scale.min()), region.shape)
        if not (target.height and target.width):
            return np.zeros_like(region)
        positions = _without_local_part(centres(target) * scale[:, None], start, new)
        positions = (matrix @ positions + shift) / scale[:, None]
        moved = sample(region, positions, box).reshape(target.height, target.width)
        return framed(moved, target, region.shape)

    return change(mask, label, reshaped)


def _corners(handles: Landmarks, scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return apex, left and right as columns (2, 3) in units of `scale`, or say that they lie on one line."""
    points = np.stack(
        [
            checked_point(handles.apex, "The apex"),
            checked_point(handles.left, "The left hinge point"),
            checked_point(handles.right, "The right hinge point"),
        ],
        axis=1,
    )
    points = points * scale[:, None]
    longest = max(float(np.hypot(*(points[:, a] - points[:, b]))) for a, b in ((0, 1), (1, 2), (2, 0)))
    if abs(_turn(points)) <= _FLAT * longest**2:
        raise EditError("The apex and the two hinge points lie on one line; draw them further apart.")
    return points


def _turn(points: NDArray[np.float64]) -> float:
    """Return twice the signed area of the triangle."""
    one, two = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    return float(one[0] * two[1] - one[1] * two[0])


def _similarity(
    source: NDArray[np.float64], goal: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return matrix and shift (2, 1) of the similarity that takes columns to columns with the least squares."""
    from_centre, to_centre = source.mean(1, keepdims=True), goal.mean(1, keepdims=True)
    a, b = source - from_centre, goal - to_centre
    along = float((a * b).sum())
    across = float((a[0] * b[1] - a[1] * b[0]).sum())
    matrix = np.array([[along, -across], [across, along]]) / float((a * a).sum())
    return matrix, to_centre - matrix @ from_centre


def _without_local_part(
    positions: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where positions (2, N) were before the handles went the last bit from `start` to `end`."""
    reach = _REACH * min(_height(start), _height(end))
    # Steps so short that the map of each is one to one: the steepest slope of the falloff is 1.72 / reach.
    steps = min(100, max(3, int(np.ceil(float(np.hypot(*(end - start)).max()) / (0.2 * reach)))))
    way = (end - start) / steps
    for step in range(steps, 0, -1):
        apex, left, right = (start + step * way).T[:, :, None]
        annulus = right - left
        share = ((positions - left) * annulus).sum(0) / float((annulus * annulus).sum())
        foot = left + np.clip(share, 0, 1) * annulus
        # Linear along the mitral plane, so it stays straight; beside it, the motion of its end without a kink.
        share = np.where(share > 1, 1 + _TAIL * (1 - np.exp((1 - np.maximum(share, 1)) / _TAIL)), share)
        share = np.where(share < 0, -_TAIL * (1 - np.exp(np.minimum(share, 0) / _TAIL)), share)
        near_apex = _falloff(positions - apex, reach)
        near_base = _falloff(positions - foot, reach)
        at_base = (1 - share) * way[:, 1:2] + share * way[:, 2:3]
        positions = positions - near_apex * way[:, :1] - near_base * at_base
    return positions


def _height(points: NDArray[np.float64]) -> float:
    """Return the distance of the apex from the mitral plane."""
    return abs(_turn(points)) / max(float(np.hypot(*(points[:, 2] - points[:, 1]))), 1e-12)


def _falloff(offset: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    near: NDArray[np.float64] = np.clip(1 - (offset * offset).sum(0) / reach**2, 0, None) ** 3
    return near
