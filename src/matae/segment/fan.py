"""A fan, and the weights of the pixels of a picture that lie in it: fitting one asks for hundreds of them."""

from __future__ import annotations

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
    """Adds up the weights of the pixels in fans, row by row: hundreds of fans are tried.

    A row crosses a fan in the columns between its two edges, as far as the outer circle reaches, without those inside
    the inner one. Sums along the rows make each such stretch one subtraction, of many fans at once.

    Parameters
    ----------
    weights
        (Y, X) real; the first row is that on the side of the fans' tips.
    window
        First row and column and last row and column of what may count, or None for all of it.
    """

    def __init__(self, weights: NDArray[Any], window: tuple[int, int, int, int] | None = None) -> None:
        rows, columns = weights.shape
        top, self._left, bottom, right = window or (0, 0, rows - 1, columns - 1)
        self._right = right + 1
        self._numbers = np.arange(top, bottom + 1, dtype=np.float64)
        # Flat, each row with the sum of nothing before it.
        self._sums = np.pad(np.cumsum(weights, axis=1, dtype=np.float64), ((0, 0), (1, 0))).ravel()
        self._starts = self._numbers * (columns + 1)

    def inside(self, fans: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of the weights of the pixels whose centres lie in the window and in each fan, (N,).

        Parameters
        ----------
        fans
            (N, 6): row and column of each tip, on the side of the first row, the columns that its left and its right
            edge move by from row to row, and the radii of the inner and the outer circle.
        """
        y, x, left, right, near, far = fans.T[:, :, None]
        below = self._numbers - y
        squared = below * below
        room = far * far - squared
        reach = np.sqrt(np.maximum(room, 0.0))
        low = np.ceil(np.maximum(below * left, -reach) + x)
        high = np.floor(np.minimum(below * right, reach) + x) + 1
        high[(below <= 0) | (room < 0) | (far < 0)] = -np.inf
        found = self._between(low, high, slice(None))
        # The inner circle reaches a few rows; its rim belongs to the fan.
        held = slice(0, int(np.searchsorted(self._numbers, float((y + near).max()))))
        if held.stop:
            room = (near * near - squared)[:, held]
            reach = np.sqrt(np.maximum(room, 0.0))
            inner_low = np.maximum(np.floor(x - reach) + 1, low[:, held])
            inner_high = np.minimum(np.ceil(x + reach), high[:, held])
            inner_high[room <= 0] = -np.inf
            found -= self._between(inner_low, inner_high, held)
        return found

    def _between(self, low: NDArray[np.float64], high: NDArray[np.float64], rows: slice) -> NDArray[np.float64]:
        start = np.minimum(np.maximum(low, self._left), self._right)
        stop = np.maximum(np.minimum(high, self._right), start)
        starts = self._starts[rows]
        before, upto = (self._sums[(starts + columns).astype(np.intp)] for columns in (start, stop))
        return np.asarray((upto - before).sum(1))
