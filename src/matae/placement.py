"""Where a frame lies on a network's square grid, and exactly back: the one placing of the whole project.

Crop to the sector, blank what lies outside it, turn the apex up, scale so that a millimetre is as long in both
directions, pad to a square. What is segmented, trained on, replayed and exported goes through here, so a picture
looks at training as it does at inference, to the grey level. The resizing is Pillow's, in whole numbers: every
processor gives the same grey levels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np

from matae.cine import Box
from matae.errors import SegmentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from matae.cine import Cine

__all__ = ["Part", "Placement", "Target", "network_input", "whole_frame"]


class Part(Protocol):
    """What is looked at of a picture: `matae.segment.Sector`, or anything that answers the same."""

    @property
    def apex_down(self) -> bool:
        """Whether frames are turned upside down."""
        ...

    def box(self, shape: tuple[int, int]) -> Box:
        """Return the bounding box inside a picture of `shape` (rows, columns)."""
        ...

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels that are looked at, (Y, X) bool."""
        ...


class Target(NamedTuple):
    """The rectangle of the grid that the box is scaled to, in pixels of the grid, corner to corner."""

    top: float
    left: float
    height: float
    width: float


@dataclass(frozen=True)
class Placement:
    """Where a part of a native frame lies on a square grid.

    Parameters
    ----------
    shape
        Rows and columns of the native frame.
    box
        The part that is shown.
    aspect
        Relative size of a pixel (y, x).
    size
        Side of the grid, or None: native pixels, the whole frame, nothing turned.
    flip
        Whether the part is turned upside down, so that the apex is at the top.
    inside
        Pixels of the part that are shown, (box height, box width) bool; the others are black. All if None.
    stated
        Where the box lies on the grid, for data that were placed by another rule; None for the one of this module.
    """

    shape: tuple[int, int]
    box: Box
    aspect: tuple[float, float] = (1.0, 1.0)
    size: int | None = None
    flip: bool = False
    inside: NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)
    stated: Target | None = None

    @classmethod
    def of(cls, cine: Cine, part: Part, size: int) -> Placement:
        """Place the sector of a cine on a grid of `size` pixels a side.

        Raises
        ------
        SegmentError
            If the sector lies outside the picture.
        """
        box = part.box(cine.shape)
        where = part.mask(cine.shape)
        inside = where[box.y0 : box.y1, box.x0 : box.x1]
        if not inside.any():
            raise SegmentError("The sector outline lies outside the picture; draw it again or reset it.")
        aspect = (cine.scaled_for(where) if cine.regions else cine).pixel_aspect
        return cls(cine.shape, box, aspect, size, part.apex_down, inside)

    @property
    def is_native(self) -> bool:
        """Whether frames leave as they are."""
        return self.size is None

    @property
    def out_shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return self.shape if self.size is None else (self.size, self.size)

    @cached_property
    def target(self) -> Target:
        """The rectangle of the grid that the box fills: whole pixels, as near the middle as they go."""
        if self.stated is not None:
            return self.stated
        grid = self.size or 1
        rows, columns = self.box.height * self.aspect[0], self.box.width * self.aspect[1]
        height, width = (max(1, round(grid * n / max(rows, columns))) for n in (rows, columns))
        return Target((grid - height) // 2, (grid - width) // 2, height, width)

    @property
    def _scale(self) -> tuple[float, float]:
        return self.target.height / self.box.height, self.target.width / self.box.width

    def pixel_size(self, spacing: tuple[float, float] | None) -> tuple[float, float] | None:
        """Return millimetres (y, x) of a pixel of the grid."""
        if spacing is None or self.size is None:
            return spacing
        return spacing[0] / self._scale[0], spacing[1] / self._scale[1]

    def points(self, yx: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return native points (N, 2), pixel centres at integers, on the grid."""
        if self.size is None:
            return yx
        moved = yx + 0.5 - np.array([self.box.y0, self.box.x0])
        if self.flip:
            moved[:, 0] = self.box.height - moved[:, 0]
        placed: NDArray[np.float64] = moved * self._scale + np.array([self.target.top, self.target.left]) - 0.5
        return placed

    def native_points(self, yx: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points on the grid (N, 2) in native pixels."""
        if self.size is None:
            return yx
        moved = (yx + 0.5 - np.array([self.target.top, self.target.left])) / self._scale
        if self.flip:
            moved[:, 0] = self.box.height - moved[:, 0]
        native: NDArray[np.float64] = moved + np.array([self.box.y0, self.box.x0]) - 0.5
        return native

    def pictures(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return native frames (N, Y, X) uint8 on the grid, (N, size, size) uint8."""
        return np.stack([self.image(frame) for frame in frames])

    def image(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a native frame (Y, X) uint8 on the grid: what a network of that grid sees."""
        if self.size is None:
            return frame
        part = self._part(frame)
        return self._placed(part if self.inside is None else part * self.inside)

    def mask(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a native mask (Y, X) on the grid: every pixel gets the class that covers most of it."""
        if self.size is None:
            return mask
        return _by_share(self._part(mask), self._placed, self.out_shape)

    def native_mask(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a mask on the grid in native pixels, (Y, X); the outline is that of the grid."""
        if self.size is None:
            return mask
        return _by_share(mask, self._restored, self.shape)

    def to_native(self, logits: Tensor) -> Tensor:
        """Return logits (N, classes, box height, box width) at native size for logits on the grid.

        Logits go back and are thresholded there: resizing masks would cost a boundary's worth of accuracy.
        """
        from torch.nn import functional as F

        top, left, height, width = (int(value) for value in self.target)
        x = logits[..., top : top + height, left : left + width]
        x = F.interpolate(x.float(), (self.box.height, self.box.width), mode="bilinear", antialias=False)
        return x.flip(-2) if self.flip else x

    def native_logits(
        self, logits: NDArray[np.float32], window: tuple[slice, slice] | None = None
    ) -> NDArray[np.float32]:
        """Return logits (classes, box height, box width) at native size for those of one frame (classes, size, size).

        As `to_native`, without PyTorch; the last digits may differ.

        Parameters
        ----------
        logits
            On the grid.
        window
            Rows and columns of the box to return, all of it if None: see `native_window`.
        """
        top, left, height, width = (int(value) for value in self.target)
        rows, columns = window or (slice(None), slice(None))
        (above, below, down), (before, after, right) = self._between
        above, below, down = above[rows], below[rows], down[rows]
        before, after, right = before[columns], after[columns], right[columns]
        part = logits[:, top : top + height, left : left + width]
        # Along the rows first, while there are few of them, and along those alone that are wanted. Indexed, they would
        # come out with the maps innermost, which makes everything after it many times slower; what is taken does not.
        if len(above):
            lowest = int(min(above[0], above[-1]))
            part = part[:, lowest : int(max(below[0], below[-1])) + 1]
            above, below = above - lowest, below - lowest
        first = part.take(before, 2)
        rise = part.take(after, 2)
        rise -= first
        rise *= right
        first += rise
        native, rise = first.take(above, 1), first.take(below, 1)
        rise -= native
        rise *= down[:, None]
        native += rise
        return native

    def native_window(self, wanted: NDArray[np.bool_]) -> tuple[slice, slice] | None:
        """Return the rows and columns of the box to which pixels of the grid contribute, None where none does.

        Parameters
        ----------
        wanted
            Those pixels, (size, size) bool.
        """
        top, left, height, width = (int(value) for value in self.target)
        part = wanted[top : top + height, left : left + width]
        found = []
        for axis, (low, high, _) in zip((1, 0), self._between, strict=True):
            hit: NDArray[np.bool_] = np.asarray(part.any(axis))
            at = np.flatnonzero(hit[low] | hit[high])
            if not len(at):
                return None
            found.append(slice(int(at[0]), int(at[-1]) + 1))
        return found[0], found[1]

    @cached_property
    def _between(self) -> tuple[_Neighbours, _Neighbours]:
        """For each native row and column of the box, the two of the target it lies between, and where."""
        rows = _neighbours(int(self.target.height), self.box.height)
        if self.flip:
            rows = tuple(np.ascontiguousarray(part[::-1]) for part in rows)  # type: ignore[assignment]
        return rows, _neighbours(int(self.target.width), self.box.width)

    def _part(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        box = self.box
        return frame[box.y0 : box.y1, box.x0 : box.x1]

    def _placed(self, part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from PIL import Image

        top, left, height, width = (round(value) for value in self.target)
        upright = np.ascontiguousarray(part[::-1] if self.flip else part)
        picture = Image.fromarray(upright).resize((width, height), Image.Resampling.BILINEAR)
        square = np.zeros(self.out_shape, np.uint8)
        square[top : top + height, left : left + width] = np.asarray(picture)
        return square

    def _restored(self, share: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a picture on the grid in native pixels, of all of the frame that the grid shows, its padding too."""
        from PIL import Image

        size = self.size or 1
        upright = np.ascontiguousarray(share[::-1] if self.flip else share)
        top = size - self.target.top - self.target.height if self.flip else self.target.top
        rows = _shown(self.box.y0, self.shape[0], top, self._scale[0], size)
        columns = _shown(self.box.x0, self.shape[1], self.target.left, self._scale[1], size)
        native = np.zeros(self.shape, np.uint8)
        if rows.start < rows.stop and columns.start < columns.stop:
            picture = Image.fromarray(upright).resize(
                (columns.stop - columns.start, rows.stop - rows.start),
                Image.Resampling.BILINEAR,
                box=(columns.low, rows.low, columns.high, rows.high),
            )
            native[rows.start : rows.stop, columns.start : columns.stop] = np.asarray(picture)
        return native


_Neighbours: TypeAlias = "tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]"


def _neighbours(length: int, wanted: int) -> _Neighbours:
    """Return the neighbours for scaling a side bilinearly, pixel centre to pixel centre, in single precision."""
    scale = np.float32(length / wanted)
    place = np.maximum(scale * (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5), np.float32(0))
    low = np.minimum(place.astype(np.intp), length - 1)
    return low, np.minimum(low + 1, length - 1), place - low.astype(np.float32)


class _Shown(NamedTuple):
    """Native pixels ``start:stop`` along one side, and where on the grid they lie."""

    start: int
    stop: int
    low: float
    high: float


def _shown(first: int, length: int, corner: float, scale: float, size: int) -> _Shown:
    """Return the whole native pixels that lie on the grid, along one side."""
    small = 1e-6  # a pixel that ends at the grid's own edge is on it, whatever the last digit says
    start = max(0, math.ceil(first - corner / scale - small))
    stop = min(length, math.floor(first + (size - corner) / scale + small))
    low, high = (min(max(corner + (n - first) * scale, 0.0), float(size)) for n in (start, stop))
    return _Shown(start, stop, low, high)


def _by_share(
    mask: NDArray[np.uint8], scale: Callable[[NDArray[np.uint8]], NDArray[np.uint8]], shape: Sequence[int]
) -> NDArray[np.uint8]:
    best = np.full(tuple(shape), 127, np.uint8)  # half of 255: the background wins a tie
    found = np.zeros(tuple(shape), np.uint8)
    for value in np.unique(mask[mask > 0]):
        share = scale(np.where(mask == value, np.uint8(255), np.uint8(0)))
        more = share > best
        best[more], found[more] = share[more], value
    return found


def network_input(pictures: NDArray[np.uint8]) -> Tensor:
    """Return the input of a network, (N, 1, size, size) in 0-1, for pictures on its grid, (N, size, size) uint8."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(pictures))[:, None].float() / 255


def whole_frame(cine: Cine, size: int) -> Placement:
    """Return the placement of pictures that `Placement.image` made: a sector, apex up, square to a pixel."""
    return Placement(cine.shape, Box(0, 0, *cine.shape), size=size)
