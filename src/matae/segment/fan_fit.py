"""Fits a fan, and the window that cuts it, to the part of a reduced picture that shows tissue."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matae.segment.fan import Fan, FanSums
from matae.segment.hull import convex_hull

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Fit", "fit_fan"]

_LOST, _DARK, _STILL = 3.0, 0.35, 1.0
"""Costs of a pixel: tissue that is left out, a gap between tissue that is taken in, what is beyond it that is."""
_TURNED = 0.04  # of the tissue's area, by which the tip must fit better at the bottom
_ASKEW = 0.1  # cost of a radian between the axis of the fan and the vertical, in areas of the tissue
_STEEPEST = 3.6  # columns from row to row: no side of a fan is flatter
_NARROWEST = 0.05  # difference of the slopes of both edges
_FIRST_STEP, _LAST_STEP = 0.06, 0.5  # of the search: of the height of the tissue; in reduced pixels
_MOST_ROUNDS = 40
_RIM = 160  # points of the tissue's border that a guess has to hold
_FITS = 0.1  # cost below which nothing else is tried


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
    hull = convex_hull(part)
    way = _Way(part, hull)
    cost, edges = way.searched(0)
    is_turned = False
    if cost >= _FITS:
        turned = _Way(part[::-1], hull[::-1])
        other = turned.searched(0)
        if other[0] + _TURNED < cost:
            way, is_turned = turned, True
            cost, edges = other
        if cost >= _FITS and len(way.starts) > 1:
            cost, edges = min((cost, edges), way.searched(1), key=lambda found: found[0])
    y, x, left, right, near, far = way.fans(edges[None])[0].tolist()
    fan = Fan(y, x, math.atan(left), math.atan(right), near, far)
    if not is_turned:
        return Fit(fan, cost, way.box)
    y0, x0, y1, x1 = way.box
    last = len(part) - 1
    return Fit(fan._replace(y=last - y, down=False), cost, (last - y1, x0, last - y0, x1))


class _Way:
    """What the fans of one way up cost, the first row being on the side of their tips."""

    def __init__(self, part: NDArray[np.bool_], hull: NDArray[np.bool_]) -> None:
        rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
        self.box = int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1])
        self._height = float(self.box[2] - self.box[0] + 1)
        self._total = float(part.sum())
        self._sums = FanSums(np.where(part, -_LOST, np.where(hull, _DARK, _STILL)), self.box)
        starts = np.array([_edges(fan, self.box) for fan in _guesses(part, self.box)])
        self.starts = starts[np.argsort(self.cost(starts), kind="stable")]

    def searched(self, number: int) -> tuple[float, NDArray[np.float64]]:
        """Return the least cost near one of the starts, and what is seen of that fan (6,)."""
        return _search(self.cost, self.starts[number], _FIRST_STEP * self._height)

    def cost(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the costs (N,) of fans by what is seen of them (N, 6), in areas of the tissue."""
        fans = self.fans(edges)
        beyond = np.maximum(0.0, fans[:, 0] + fans[:, 5] - self.box[2] - 1.0) / self._height
        askew = np.abs(np.arctan(fans[:, 2:4]).sum(1)) / 2
        missed = _LOST + self._sums.inside(fans) / self._total
        return np.asarray(missed + _ASKEW * askew + 0.02 * beyond)

    def fans(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return fans as `FanSums.inside` takes them (N, 6) from what is seen of them (N, 6); see `_edges`."""
        first, left_end, right_first, right_end, inner, outer = edges.T
        ends = np.stack([left_end - first, right_end - right_first]) / max(self._height - 1, 1.0)
        left, right = np.minimum(np.maximum(ends, -_STEEPEST), _STEEPEST)
        y = self.box[0] - (right_first - first) / np.maximum(right - left, _NARROWEST)
        x = first + left * (y - self.box[0])
        return np.stack([y, x, left, right, np.maximum(inner - y, 0.0), outer - y], 1)


def _edges(fan: Fan, box: tuple[int, int, int, int]) -> NDArray[np.float64]:
    """Return a fan as what is seen of it, in pixels: a change of one of the six hardly calls for one of another.

    They are the columns in which the left and the right edge cross the first and the last row of the box, and the rows
    in which the inner and the outer circle lie below the tip.
    """
    across = [fan.x + math.tan(angle) * (row - fan.y) for angle in (fan.left, fan.right) for row in (box[0], box[2])]
    return np.array([*across, fan.y + fan.near, fan.y + fan.far])


def _search(
    cost: Callable[[NDArray[np.float64]], NDArray[np.float64]], start: NDArray[np.float64], step: float
) -> tuple[float, NDArray[np.float64]]:
    """Return the least cost and where it is, as far as moving along the axes gets (pattern search).

    R. Hooke and T. A. Jeeves, "'Direct search' solution of numerical and statistical problems", Journal of the ACM
    8(2), 1961; here all moves of a round are asked for at once, and then those together that each lessen the cost.
    """
    count = len(start)
    moves = np.concatenate([np.eye(count), -np.eye(count)])
    at, least = start, float(cost(start[None])[0])
    for _ in range(_MOST_ROUNDS):
        costs = cost(at + step * moves).reshape(2, count)
        gains = np.maximum(least - costs, 0.0)
        way = np.where(gains[0] > gains[1], 1.0, -1.0) * (gains.max(0) > 0)
        single = np.zeros(count)
        single[gains.max(0).argmax()] = 1.0
        tried = at + step * np.stack([way, 2 * way, way * single, 2 * way * single])
        found = cost(tried)
        if found.min() < least - 1e-4:
            at, least = tried[int(found.argmin())], float(found.min())
        elif step <= _LAST_STEP:
            break
        else:
            step /= 2
    return least, at


def _guesses(part: NDArray[np.bool_], box: tuple[int, int, int, int]) -> list[Fan]:
    """Return the two smallest of the fans that hold the part, of many tips; they hold it to a pixel."""
    from scipy import ndimage

    rim = np.argwhere(part & ~ndimage.binary_erosion(part))
    y, x = rim[:: 1 + len(rim) // _RIM].T.astype(np.float64)
    y0, x0, y1, x1 = box
    height, width = y1 - y0 + 1.0, x1 - x0 + 1.0
    tips_y = y0 - height * np.array([-0.08, 0.0, 0.06, 0.12, 0.2, 0.3, 0.45, 0.65, 0.9])
    tips_x = x0 + width * np.linspace(0.2, 0.8, 13)
    tip_y, tip_x = (values.ravel() for values in np.meshgrid(tips_y, tips_x, indexing="ij"))
    rest = np.maximum(y - tip_y[:, None], 0.3)
    slope = (x - tip_x[:, None]) / rest
    slope.sort(axis=1)
    left, right = slope[:, len(y) // 150], slope[:, -1 - len(y) // 150]
    radius = np.hypot(x - tip_x[:, None], y - tip_y[:, None])
    near, far = radius.min(1), radius.max(1)
    # The area of each such fan within the box, counted on a coarse grid.
    grid_y, grid_x = (values.ravel() for values in np.mgrid[y0:y1:16j, x0:x1:16j])
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
            float(tip_y[i]), float(tip_x[i]), math.atan(left[i]), math.atan(right[i]), float(near[i]),
            float(far[i]) + 0.5,
        )
        for i in dict.fromkeys((first, other))
    ]  # fmt: skip
