"""A fan, and how many pixels of a picture lie in it: fitting one asks for hundreds of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Fan", "FanCounts"]


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


class FanCounts:
    """Counts the pixels of a part in a fan, row by row: hundreds of fans are tried.

    A row crosses a fan in the columns between its two edges, as far as the outer circle reaches, without those inside
    the inner one. Sums along the rows make each such stretch one subtraction.

    Parameters
    ----------
    part
        (Y, X) bool; the first row is that on the side of the fans' tips.
    """

    def __init__(self, part: NDArray[np.bool_]) -> None:
        self.total = int(part.sum())
        self._rows, self._columns = part.shape
        self._numbers = np.arange(self._rows, dtype=np.float64)
        # Flat, each row with the sum of nothing before it.
        self._sums = np.pad(np.cumsum(part, axis=1), ((0, 0), (1, 0))).ravel()
        self._starts = self._numbers * (self._columns + 1)

    def inside(self, fan: Fan) -> tuple[int, int]:
        """Return how many pixels of the picture lie in the fan, and how many of them belong to the part.

        Parameters
        ----------
        fan
            Its edges are less than a right angle from the vertical.
        """
        y = fan.y if fan.down else self._rows - 1 - fan.y
        first = max(0, math.floor(y) + 1)
        last = min(self._rows, math.floor(y + fan.far) + 1)
        if first >= last or fan.left > fan.right:
            return 0, 0
        below = self._numbers[first:last] - y
        reach = np.sqrt(np.maximum(fan.far**2 - below**2, 0.0))
        low = np.ceil(np.maximum(below * math.tan(fan.left), -reach) + fan.x)
        high = np.floor(np.minimum(below * math.tan(fan.right), reach) + fan.x) + 1
        inside, both = self._between(first, low, high)
        held = min(last, math.ceil(y + fan.near)) - first  # rows that the inner circle reaches
        if held > 0:
            reach = np.sqrt(np.maximum(fan.near**2 - below[:held] ** 2, 0.0))
            # Its rim belongs to the fan.
            inner_low = np.maximum(np.floor(fan.x - reach) + 1, low[:held])
            inner_high = np.minimum(np.ceil(fan.x + reach), high[:held])
            without, of_both = self._between(first, inner_low, inner_high)
            inside, both = inside - without, both - of_both
        return inside, both

    def _between(self, first: int, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[int, int]:
        start = np.minimum(np.maximum(low, 0), self._columns)
        stop = np.maximum(np.minimum(high, self._columns), start)
        rows = self._starts[first : first + len(low)]
        before, upto = (self._sums[(rows + columns).astype(np.intp)] for columns in (start, stop))
        return int(np.add.reduce(stop - start)), int(np.add.reduce(upto - before))
