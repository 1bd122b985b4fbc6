"""Where a native frame lies on a square grid, and back.

The same placing as the network's own: cropped to the sector, apex up, square pixels, padded to a square, so that
what is trained on looks like what is segmented later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.cine import Box
from matae.errors import ExchangeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Fit"]


@dataclass(frozen=True)
class Fit:
    """A square of native pixels and the side of the grid it is scaled to.

    Parameters
    ----------
    shape
        Rows and columns of the native frame.
    box
        The part that is shown; it is centred in the square.
    aspect
        Relative size of a pixel (y, x).
    size
        Side of the grid, or None: native pixels, the whole frame, nothing turned.
    flip
        Whether the frame is turned upside down, so that the apex is at the top.
    """

    shape: tuple[int, int]
    box: Box
    aspect: tuple[float, float] = (1.0, 1.0)
    size: int | None = None
    flip: bool = False

    @property
    def is_native(self) -> bool:
        """Whether frames leave as they are."""
        return self.size is None

    @property
    def out_shape(self) -> tuple[int, int]:
        """Rows and columns of what leaves."""
        return self.shape if self.size is None else (self.size, self.size)

    def _canvas(self) -> tuple[int, int, float, float]:
        """Return the top left corner of the square in native pixels, and its height and width there."""
        side = max(self.box.height * self.aspect[0], self.box.width * self.aspect[1])
        height, width = side / self.aspect[0], side / self.aspect[1]
        # Whole pixels to the corner: where the sides are whole too, nothing is resampled needlessly.
        top = self.box.y0 - math.floor((height - self.box.height) / 2)
        left = self.box.x0 - math.floor((width - self.box.width) / 2)
        return top, left, height, width

    def pixel_size(self, spacing: tuple[float, float] | None) -> tuple[float, float] | None:
        """Return millimetres (y, x) of a pixel that leaves."""
        if spacing is None or self.size is None:
            return spacing
        _, _, height, width = self._canvas()
        return spacing[0] * height / self.size, spacing[1] * width / self.size

    def points(self, yx: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return native points (N, 2), pixel centres at integers, on the grid."""
        if self.size is None:
            return yx
        top, left, height, width = self._canvas()
        moved = (yx + 0.5 - (top, left)) * (self.size / height, self.size / width)
        if self.flip:
            moved[:, 0] = self.size - moved[:, 0]
        return moved - 0.5

    def native_points(self, yx: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points on the grid (N, 2) in native pixels."""
        if self.size is None:
            return yx
        top, left, height, width = self._canvas()
        moved = yx + 0.5
        if self.flip:
            moved[:, 0] = self.size - moved[:, 0]
        return moved * (height / self.size, width / self.size) + (top, left) - 0.5

    def image(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a native frame (Y, X) uint8 on the grid."""
        return frame if self.size is None else self._resized(frame, smooth=True)

    def mask(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a native mask on the grid: every pixel gets the class that covers most of it."""
        if self.size is None:
            return mask
        return self._by_share(mask, lambda share: self._resized(share, smooth=False), self.out_shape)

    def native_mask(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a mask on the grid in native pixels; the outline is that of the grid."""
        if self.size is None:
            return mask
        return self._by_share(mask, self._restored, self.shape)

    def _by_share(self, mask: NDArray[np.uint8], scale: Any, shape: tuple[int, int]) -> NDArray[np.uint8]:
        best = np.full(shape, 127, np.uint8)  # half of 255: the background wins a tie
        found = np.zeros(shape, np.uint8)
        for value in np.unique(mask[mask > 0]):
            share = scale(np.where(mask == value, np.uint8(255), np.uint8(0)))
            more = share > best
            best[more], found[more] = share[more], value
        return found

    def _resized(self, frame: NDArray[np.uint8], *, smooth: bool) -> NDArray[np.uint8]:
        from PIL import Image

        side = self.size or 1
        top, left, height, width = self._canvas()
        rows, columns = math.ceil(height), math.ceil(width)
        canvas = np.zeros((rows, columns), np.uint8)
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + rows, self.shape[0]), min(left + columns, self.shape[1])
        canvas[y0 - top : y1 - top, x0 - left : x1 - left] = frame[y0:y1, x0:x1]
        picture = Image.fromarray(canvas).resize(
            (side, side),
            Image.Resampling.BICUBIC if smooth else Image.Resampling.BILINEAR,
            box=(0, 0, width, height),
        )
        values = np.asarray(picture)
        return np.ascontiguousarray(values[::-1]) if self.flip else values

    def _restored(self, share: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from PIL import Image

        top, left, height, width = self._canvas()
        rows, columns = max(1, round(height)), max(1, round(width))
        upright = np.ascontiguousarray(share[::-1]) if self.flip else share
        canvas = np.asarray(Image.fromarray(upright).resize((columns, rows), Image.Resampling.BILINEAR))
        native = np.zeros(self.shape, np.uint8)
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + rows, self.shape[0]), min(left + columns, self.shape[1])
        native[y0:y1, x0:x1] = canvas[y0 - top : y1 - top, x0 - left : x1 - left]
        return native

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, for the manifest."""
        return {
            "shape": list(self.shape), "box": list(self.box), "aspect": list(self.aspect), "size": self.size,
            "flip": self.flip,
        }  # fmt: skip

    @classmethod
    def from_json(cls, values: Any, where: str) -> Fit:
        """Return what `to_json` wrote.

        Raises
        ------
        ExchangeError
            If the values make no sense.
        """
        try:
            rows, columns = (int(v) for v in values["shape"])
            box = Box(*(int(v) for v in values["box"]))
            aspect_y, aspect_x = (float(v) for v in values["aspect"])
            size = None if values["size"] is None else int(values["size"])
            flip = bool(values["flip"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ExchangeError(f"{where}: the placing of a clip is damaged; export the data again.") from None
        sound = 0 < rows <= 20_000 and 0 < columns <= 20_000 and 0 <= box.y0 < box.y1 <= rows
        sound = sound and 0 <= box.x0 < box.x1 <= columns and 0.05 < aspect_y / max(aspect_x, 1e-9) < 20
        if not sound or not (size is None or 8 <= size <= 4096) or not math.isfinite(aspect_y):
            raise ExchangeError(f"{where}: the placing of a clip makes no sense; export the data again.")
        return cls((rows, columns), box, (aspect_y, aspect_x), size, flip)
