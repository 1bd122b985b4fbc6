"""Where a point of tissue was at end-diastole: the map that makes speckle move with the wall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.phantom.shape import Instant

    Points = NDArray[np.float32]

__all__ = ["to_rest"]

_REACH = np.float32(35.0)  # mm over which the motion of the epicardium dies away in the surroundings
_RIGHT_VENTRICLE = np.float32(0.30)  # its free wall comes this much nearer to the septum at end-systole


def to_rest(s: Points, x: Points, now: Instant, rest: Instant, roof: float) -> tuple[Points, Points]:
    """Map points in heart coordinates at one instant to the same tissue at end-diastole.

    Along the axis the map is linear from the apex (fixed) to the annulus, and from the annulus to the roof of the
    atria (fixed). Across it, it is linear in the cavity and in each wall, and its displacement dies away outside.

    Parameters
    ----------
    s, x
        Points in mm, any shape.
    now, rest
        The ventricle at this instant and at end-diastole.
    roof
        Position of the roof of the atria along the axis, mm.

    Returns
    -------
    tuple of numpy.ndarray
        `s` and `x` at end-diastole.
    """
    lift = np.clip(np.float32(now.slant) * x, -10.0, 10.0)
    annulus, annulus0 = now.length + lift, rest.length + lift
    below = np.clip((roof - s) / (roof - annulus), 0, 1)
    s0 = np.where(s < 0, s, np.where(s <= annulus, s * (annulus0 / annulus), s + (annulus0 - annulus) * below))
    left, right = now.cavity_edges(s)
    left0, right0 = rest.cavity_edges(s0)
    out_left, out_right = now.wall_edges(s)
    out_left0, out_right0 = rest.wall_edges(s0)
    tiny = np.float32(1e-3)
    cavity = left0 + (x - left) * ((right0 - left0) / np.maximum(right - left, tiny))
    wall_r = right0 + (x - right) * ((out_right0 - right0) / np.maximum(out_right - right, tiny))
    wall_l = left0 + (x - left) * ((left0 - out_left0) / np.maximum(left - out_left, tiny))
    gap_r, gap_l = np.maximum(x - out_right, 0), np.maximum(out_left - x, 0)
    free_r = x + (out_right0 - out_right) * np.exp(-gap_r / _REACH)
    squeeze = _RIGHT_VENTRICLE * np.float32(now.contraction - rest.contraction)
    fade = np.exp(-gap_l / _REACH)
    free_l = x + (out_left0 - out_left) * fade - squeeze * gap_l * fade
    x0 = np.where(
        x < out_left,
        free_l,
        np.where(x < left, wall_l, np.where(x <= right, cavity, np.where(x <= out_right, wall_r, free_r))),
    )
    # In the atria the pull of the annulus fades towards the roof.
    x0 = np.where(s > annulus, x + (x0 - x) * below, x0)
    return s0.astype(np.float32), x0.astype(np.float32)
