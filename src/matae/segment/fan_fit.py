"""Fits a fan, and the window that cuts it, to the part of a reduced picture that shows tissue."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matae.segment.fan import Fan, FanSums
from matae.segment.simplex import minimise

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Fit", "fit_fan"]

_LOST, _DARK, _STILL = 3.0, 0.35, 1.0
"""Costs of a pixel: tissue that is left out, a gap between tissue that is taken in, what is beyond it that is."""
_TURNED = 0.04  # of the tissue's area, by which the tip must fit better at the bottom
_ASKEW = 0.1  # cost of a radian between the axis of the fan and the vertical, in areas of the tissue
_STEEP = 1.3  # radians; no side of a fan is flatter


class Fit(NamedTuple):
    """A fan in reduced pixels, the cost of it in areas of the tissue, and the box of the tissue (y0, x0, y1, x1)."""

    fan: Fan
    cost: float
    box: tuple[int, int, int, int]


def fit_fan(part: NDArray[np.bool_]) -> Fit:
    """Return the fan that holds a part best; most displays have the tip at the top, the other way must be better.

    Parameters
    ----------
    part
        (Y, X) bool, at least a pixel.
    """
    from skimage.morphology import convex_hull_image

    hull = convex_hull_image(part)
    upright = _fit_one(part, hull)
    if upright.cost < _TURNED:
        return upright
    turned = _fit_one(part[::-1], hull[::-1])
    if turned.cost + _TURNED > upright.cost:
        return upright
    y0, x0, y1, x1 = turned.box
    last = len(part) - 1
    return Fit(turned.fan._replace(y=last - turned.fan.y, down=False), turned.cost, (last - y1, x0, last - y0, x1))


def _fit_one(part: NDArray[np.bool_], hull: NDArray[np.bool_]) -> Fit:
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    box = int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1])
    total = float(part.sum())
    weights = np.where(part, -_LOST, np.where(hull, _DARK, _STILL))
    sums = FanSums(weights, box)
    height = float(box[2] - box[0] + 1)
    best: Fit | None = None
    for guess in _guesses(part, hull, box):
        scale = (0.1 * height, 0.06 * height, 0.12, 0.12, 0.05 * height, 0.05 * height)

        def fan(values: list[float], guess: Fan = guess, scale: tuple[float, ...] = scale) -> Fan:
            y, x, left, right, near, far = (g + v * s for g, v, s in zip(guess[:6], values, scale, strict=True))
            return Fan(y, x, max(left, -_STEEP), min(right, _STEEP), max(near, 0.0), far)

        def cost(values: list[float]) -> float:
            tried = fan(values)
            beyond = max(0.0, tried.y + tried.far - box[2] - 1.0) / height
            askew = abs(tried.left + tried.right) / 2
            return _LOST + sums.inside(tried) / total + _ASKEW * askew + 0.02 * beyond

        start = np.concatenate([np.zeros((1, 6)), np.eye(6)]).tolist()
        values = minimise(cost, start, evaluations=350, x_tolerance=0.02, cost_tolerance=1e-3)
        found = Fit(fan(values), cost(values), box)
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None  # noqa: S101
    return best


def _guesses(part: NDArray[np.bool_], hull: NDArray[np.bool_], box: tuple[int, int, int, int]) -> list[Fan]:
    """Return the two smallest of the fans that hold the part, of many tips; they hold it to a pixel."""
    from scipy import ndimage

    rim = np.argwhere(part & ~ndimage.binary_erosion(part))
    y, x = (rim[:, axis].astype(np.float64) for axis in (0, 1))
    y0, x0, y1, x1 = box
    height, width = y1 - y0 + 1.0, x1 - x0 + 1.0
    tips_y = y0 - height * np.array([-0.08, 0.0, 0.06, 0.12, 0.2, 0.3, 0.45, 0.65, 0.9])
    tips_x = x0 + width * np.linspace(0.2, 0.8, 13)
    tip_y, tip_x = (values.ravel() for values in np.meshgrid(tips_y, tips_x, indexing="ij"))
    rest = np.maximum(y - tip_y[:, None], 0.3)
    slope = (x - tip_x[:, None]) / rest
    left, right = np.percentile(slope, (0.7, 99.3), axis=1)
    radius = np.hypot(x - tip_x[:, None], y - tip_y[:, None])
    near, far = radius.min(1), np.percentile(radius, 99.5, axis=1)
    # The area of each such fan within the box, counted on a coarse grid.
    grid_y, grid_x = (values.ravel() for values in np.mgrid[y0:y1:24j, x0:x1:24j])
    below = grid_y - tip_y[:, None]
    across = grid_x - tip_x[:, None]
    inside = (across >= left[:, None] * below) & (across <= right[:, None] * below) & (below > 0)
    inside &= below**2 + across**2 <= far[:, None] ** 2
    askew = np.abs(np.arctan(left) + np.arctan(right)) / 2
    cost = inside.mean(1) + _ASKEW * askew * float(part.sum()) / (height * width)
    order = np.argsort(cost, kind="stable")
    first = int(order[0])
    other = next((int(i) for i in order if abs(tip_y[i] - tip_y[first]) > 0.15 * height), first)
    return [
        Fan(
            float(tip_y[i]), float(tip_x[i]), max(math.atan(left[i]), -_STEEP), min(math.atan(right[i]), _STEEP),
            float(near[i]), float(far[i]) + 0.5,
        )
        for i in dict.fromkeys((first, other))
    ]  # fmt: skip
