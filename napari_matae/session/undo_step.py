"""What one action changed, frame by frame: enough to take it back and to do it again, and small.

Only the rectangle that changed is kept, before and after, and compressed: a brush stroke is some hundred bytes and a
whole mask of 600 x 800 pixels a few thousand, where napari's own history takes 25 bytes a pixel.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.store.types import FrameStatus, Origin

__all__ = ["FrameChange", "Patch", "UndoStep"]

_LEVEL = 1  # the fastest: masks are flat, and more effort hardly makes them smaller


@dataclass(frozen=True)
class Patch:
    """The part of one mask that changed.

    Parameters
    ----------
    box
        Smallest rectangle that holds every changed pixel.
    before, after
        Its pixels, compressed.
    """

    box: Box
    before: bytes
    after: bytes

    @classmethod
    def between(cls, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Patch | None:
        """Return what turns one mask (Y, X) into another, or None if they are equal."""
        changed = before != after
        rows = np.flatnonzero(changed.any(axis=1))
        if rows.size == 0:
            return None
        columns = np.flatnonzero(changed[rows[0] : rows[-1] + 1].any(axis=0))
        box = Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
        return cls(box, _pack(_cut(before, box)), _pack(_cut(after, box)))

    def fits(self, mask: NDArray[np.uint8], *, forward: bool) -> bool:
        """Return whether the mask is as this change left it (or, going forward, found it)."""
        stated = self._side(self.before if forward else self.after)
        return bool(np.array_equal(_cut(mask, self.box), stated))

    def write(self, mask: NDArray[np.uint8], *, forward: bool) -> None:
        """Do it to a mask, in place; or take it back."""
        _cut(mask, self.box)[...] = self._side(self.after if forward else self.before)

    @property
    def n_bytes(self) -> int:
        """Memory it takes."""
        return len(self.before) + len(self.after)

    def _side(self, packed: bytes) -> NDArray[np.uint8]:
        return np.frombuffer(zlib.decompress(packed), np.uint8).reshape(self.box.height, self.box.width)


@dataclass(frozen=True)
class FrameChange:
    """What a step did to one frame.

    Parameters
    ----------
    frame
        0-based frame.
    patch
        What became of its mask, or None where only its status changed.
    before, after
        Its status; None where it has no mask.
    implied
        Dice that the network's probabilities imply, before and after, where one proposal took the place of another;
        None where it is not known.
    origins
        The networks that made the two, likewise.
    """

    frame: int
    patch: Patch | None
    before: FrameStatus | None
    after: FrameStatus | None
    implied: tuple[float | None, float | None] = (None, None)
    origins: tuple[Origin | None, Origin | None] = (None, None)


@dataclass(frozen=True)
class UndoStep:
    """One thing a person can take back.

    Parameters
    ----------
    text
        What it was, as the reader knows it: "brush", "interpolation".
    changes
        One for each frame it touched, in order of time.
    here
        The frame on screen when it was done; it is shown again where the step changed that frame.
    """

    text: str
    changes: tuple[FrameChange, ...] = field(default_factory=tuple)
    here: int = 0

    @property
    def frames(self) -> list[int]:
        """Frames it touched."""
        return [change.frame for change in self.changes]

    @property
    def shows(self) -> int:
        """Frame to look at when it is done or taken back."""
        return self.here if self.here in self.frames or not self.changes else self.changes[0].frame

    @property
    def n_bytes(self) -> int:
        """Memory its masks take."""
        return sum(change.patch.n_bytes for change in self.changes if change.patch is not None)


def _cut(mask: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    return mask[box.y0 : box.y1, box.x0 : box.x1]


def _pack(part: NDArray[np.uint8]) -> bytes:
    return zlib.compress(np.ascontiguousarray(part).tobytes(), _LEVEL)
