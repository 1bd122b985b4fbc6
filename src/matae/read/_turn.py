"""How a picture is turned before it is shown: display matrices of videos, orientation tags of pictures."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_Value = TypeVar("_Value", bound="np.generic")

__all__ = ["ORIENTATIONS", "Turn", "turn_of_matrix"]


class Turn(NamedTuple):
    """One of the eight ways a rectangle lies on a screen.

    Parameters
    ----------
    transpose
        Rows become columns first.
    rows, columns
        The rows are then counted from below, the columns from the right.
    """

    transpose: bool = False
    rows: bool = False
    columns: bool = False

    def apply(self, picture: NDArray[_Value]) -> NDArray[_Value]:
        """Return a picture (Y, X) or (Y, X, C) as it is shown; a view."""
        if self.transpose:
            picture = picture.swapaxes(0, 1)
        return picture[:: -1 if self.rows else 1, :: -1 if self.columns else 1]


ORIENTATIONS: dict[int, Turn] = {
    1: Turn(),
    2: Turn(columns=True),
    3: Turn(rows=True, columns=True),
    4: Turn(rows=True),
    5: Turn(transpose=True),
    6: Turn(transpose=True, columns=True),
    7: Turn(transpose=True, rows=True, columns=True),
    8: Turn(transpose=True, rows=True),
}
"""By the value of the orientation tag of TIFF 6.0 and Exif (0x0112)."""


def turn_of_matrix(matrix: bytes) -> Turn | None:
    """Return how a display matrix turns a picture, None where it is no turn by quarters.

    Parameters
    ----------
    matrix
        Nine 32-bit integers (a, b, u, c, d, v, x, y, w) of an ISO base media file: a pixel (p, q) is shown at
        (a p + c q + x, b p + d q + y) in 16.16 fixed point.
    """
    if len(matrix) < 36:
        return None
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    size = max(abs(a), abs(b), abs(c), abs(d))
    slack = size // 50  # of a turn by a degree: ffmpeg takes it for none, too
    if size and max(abs(b), abs(c)) <= slack and min(abs(a), abs(d)) > slack:
        return Turn(rows=d < 0, columns=a < 0)
    if size and max(abs(a), abs(d)) <= slack and min(abs(b), abs(c)) > slack:
        return Turn(transpose=True, rows=b < 0, columns=c < 0)
    return None
