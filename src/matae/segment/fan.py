"""A fan, and the weights of the pixels of a picture that lie in it: fitting one asks for hundreds of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Fan", "FanSums"]


class Fan(NamedTuple):
    """A sector of a ring opening downwards (or upwards, if `down` is False), in reduced pixels."""

    y: float
    x: float
    left: float  # angles from the vertical, radians, negative to the left
    right: float
    near: float
    far: float
    down: bool = True

    def polygon(self, points: int = 13) -> NDArray[np.float64]:
        """Return the outline (N, 2) as (y, x): `points` along the outer circle, then back along the inner one."""
        far = np.linspace(self.left, self.right, points)
        near = np.linspace(self.right, self.left, 5 if self.near > 2 else 1)
        radius = np.concatenate([np.full(len(far), self.far), np.full(len(near), self.near)])
        angle = np.concatenate([far, near])
        sign = 1 if self.down else -1
        return np.stack([self.y + sign * radius * np.cos(angle), self.x + radius * np.sin(angle)], 1)


class FanSums:
    """Adds up the weights of the pixels in a fan, row by row: hundreds of fans are tried.

    A row crosses a fan in the columns between its two edges, as far as the outer circle reaches, without those inside
    the inner one. Sums along the rows make each such stretch one subtraction.

    Parameters
    ----------
    weights
        (Y, X) real; the first row is that on the side of the fans' tips.
    window
        First row and column and last row and column of what may count, or None for all of it.
    """

    def __init__(self, weights: NDArray[Any], window: tuple[int, int, int, int] | None = None) -> None:
        rows, columns = weights.shape
        self._top, self._left, bottom, right = window or (0, 0, rows - 1, columns - 1)
        self._bottom, self._right = bottom + 1, right + 1
        self._columns = columns
        self._numbers = np.arange(rows, dtype=np.float64)
        # Flat, each row with the sum of nothing before it.
        self._sums = np.pad(np.cumsum(weights, axis=1, dtype=np.float64), ((0, 0), (1, 0))).ravel()
        self._starts = self._numbers * (columns + 1)

    def inside(self, fan: Fan) -> float:
        """Return the sum of the weights of the pixels whose centres lie in the fan and in the window.

        Parameters
        ----------
        fan
            Its tip is on the side of the first row, its edges are less than a right angle from the vertical.
        """
        first = max(self._top, math.floor(fan.y) + 1)
        last = min(self._bottom, math.floor(fan.y + fan.far) + 1)
        if first >= last or fan.left > fan.right:
            return 0.0
        below = self._numbers[first:last] - fan.y
        reach = np.sqrt(np.maximum(fan.far**2 - below**2, 0.0))
        low = np.ceil(np.maximum(below * math.tan(fan.left), -reach) + fan.x)
        high = np.floor(np.minimum(below * math.tan(fan.right), reach) + fan.x) + 1
        found = self._between(first, low, high)
        held = min(last, math.ceil(fan.y + fan.near)) - first  # rows that the inner circle reaches
        if held > 0:
            reach = np.sqrt(np.maximum(fan.near**2 - below[:held] ** 2, 0.0))
            # Its rim belongs to the fan.
            inner_low = np.maximum(np.floor(fan.x - reach) + 1, low[:held])
            inner_high = np.minimum(np.ceil(fan.x + reach), high[:held])
            found -= self._between(first, inner_low, inner_high)
        return found

    def _between(self, first: int, low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
        start = np.minimum(np.maximum(low, self._left), self._right)
        stop = np.maximum(np.minimum(high, self._right), start)
        rows = self._starts[first : first + len(low)]
        before, upto = (self._sums[(rows + columns).astype(np.intp)] for columns in (start, stop))
        return float(np.add.reduce(upto - before))
