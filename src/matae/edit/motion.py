"""Follow a region from frame to frame: dense optical flow near its contour, on a small grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.edit.region import bounds, clip, cut, grow, signed_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Tracker"]

_GRID = 128
"""Longest side of the grid that motion is estimated on, in pixels."""

_MARGIN = 0.3
"""What is looked at around the region, as a share of its size: the wall and what lies behind it."""

_ITERATIONS = (2, 2)
"""Refinements a frame, on the halved grid and on the full one."""

_WINDOW = 0.13
"""Standard deviation of the window whose pixels move together, as a share of the grid's longest side."""

_ANCHOR = 0.3
"""How much the first frame counts beside the one before, against drift."""

_WALL = 0.02
"""How far from the contour the picture counts, a standard deviation as a share of that side. Narrow on purpose: the
outer wall moves less than the inner one, and blood moves on its own."""

_STIFF = 0.05
"""Damping where the picture says nothing, relative to its mean gradient."""


class Tracker:
    """The motion of everything around a region since its first frame.

    Positions of the first frame are followed (total Lagrangian): each picture is pulled back to the first frame by the
    motion known so far and compared there with the one before it and with the first one, so errors do not add up
    freely, and the region is carried in one step from the frame it was drawn in, so it does not wear off.

    Parameters
    ----------
    image
        First frame, (Y, X) uint8.
    region
        What is followed, (Y, X) bool; there must be something in it.
    scale
        Size of a pixel (y, x).
    """

    def __init__(self, image: NDArray[np.uint8], region: NDArray[np.bool_], scale: NDArray[np.float64]) -> None:
        tight = bounds(region)
        if tight is None:
            raise ValueError("nothing to follow")
        self._shape = region.shape
        size = max(tight.height * scale[0], tight.width * scale[1])
        margin = np.ceil(_MARGIN * size / scale).astype(int) + 4
        self._box = box = clip(grow(tight, *margin.tolist()), region.shape)
        step = max(box.height * scale[0], box.width * scale[1]) / _GRID
        step = max(step, float(scale.min()))
        self._grid = (
            max(8, round(box.height * scale[0] / step)),
            max(8, round(box.width * scale[1] / step)),
        )
        self._per_grid = np.array([box.height / self._grid[0], box.width / self._grid[1]])
        self._contours = [self._to_grid(points) for points in _contours(region)]
        self._levels = [2, 1] if min(self._grid) >= 24 else [1]
        near = self._nearness(region)
        self._weights = [_shrink(near, level) for level in self._levels]
        first = self._look(image)
        self._first = first
        self._before = first
        self._flow = np.zeros((2, *self._grid), np.float32)

    def _to_grid(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        origin = np.array([self._box.y0, self._box.x0])
        found: NDArray[np.float64] = (points + 0.5 - origin) / self._per_grid - 0.5
        return found

    def _nearness(self, region: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the weight of each grid pixel: what lies at the contour counts, blood and the outer wall little."""
        part = cut(region, self._box)
        distance = signed_distance(part) if not part.all() else np.zeros(part.shape, np.float32)
        distance = _resize(distance, self._grid) / np.float32(self._per_grid.mean())
        reach = _WALL * max(self._grid)
        weight: NDArray[np.float32] = (0.02 + np.exp(-0.5 * (distance / reach) ** 2)).astype(np.float32)
        return weight

    def _look(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the frame on the grid, its local brightness and contrast taken out."""
        from scipy import ndimage

        box = self._box
        small = _resize(image[box.y0 : box.y1, box.x0 : box.x1].astype(np.float32), self._grid)
        small = ndimage.gaussian_filter(small, 1.0, mode="nearest", truncate=3.0)
        wide = 0.12 * max(self._grid)
        mean = ndimage.gaussian_filter(small, wide, mode="nearest", truncate=2.0)
        small = small - mean
        spread = ndimage.gaussian_filter(small * small, wide, mode="nearest", truncate=2.0)
        seen: NDArray[np.float32] = small / np.sqrt(spread + 16.0)
        return seen

    def follow(self, image: NDArray[np.uint8]) -> None:
        """Take the next frame, (Y, X) uint8."""
        seen = self._look(image)
        template = (1 - _ANCHOR) * self._before + _ANCHOR * self._first
        for level, weight, rounds in zip(self._levels, self._weights, _ITERATIONS[-len(self._levels) :], strict=True):
            self._flow = self._flow + _step(self._flow, _shrink(template, level), _shrink(seen, level), weight, rounds)
        self._before = _pull(seen, self._flow)

    def region(self) -> NDArray[np.bool_]:
        """Return where the region is now, (Y, X) bool."""
        from scipy import ndimage

        moved = []
        origin = np.array([self._box.y0, self._box.x0])
        for points in self._contours:
            shift = np.stack(
                [ndimage.map_coordinates(part, points.T, order=1, mode="nearest") for part in self._flow], 1
            )
            moved.append((points + shift + 0.5) * self._per_grid - 0.5 + origin)
        return _fill(moved, self._shape)


def _step(
    flow: NDArray[np.float32],
    template: NDArray[np.float32],
    seen: NDArray[np.float32],
    weight: NDArray[np.float32],
    rounds: int,
) -> NDArray[np.float32]:
    """Return what some rounds of weighted Lucas-Kanade, on the grid of the pictures given, change in the flow."""
    from scipy import ndimage

    def window(values: NDArray[np.float32]) -> NDArray[np.float32]:
        sigma = _WINDOW * max(values.shape)
        out: NDArray[np.float32] = ndimage.gaussian_filter(values, sigma, mode="constant", truncate=2.5)
        return out

    finer = np.float32(flow.shape[1] / template.shape[0]), np.float32(flow.shape[2] / template.shape[1])
    known = np.stack([_resize(part, template.shape) / by for part, by in zip(flow, finer, strict=True)])
    gy, gx = np.gradient(template)
    yy, xx, yx = window(weight * gy * gy), window(weight * gx * gx), window(weight * gy * gx)
    damp = np.float32(_STIFF) * (yy + xx).max() / 2 + np.float32(1e-8)
    yy, xx = yy + damp, xx + damp
    determinant = yy * xx - yx * yx
    now = known
    for _ in range(rounds):
        wrong = weight * (template - _pull(seen, now))
        by, bx = window(gy * wrong), window(gx * wrong)
        now = now + np.stack([(xx * by - yx * bx) / determinant, (yy * bx - yx * by) / determinant])
    change: NDArray[np.float32] = np.stack(
        [_resize(part * by, flow.shape[1:]) for part, by in zip(now - known, finer, strict=True)]
    )
    return change


def _pull(image: NDArray[np.float32], flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the image shows where each pixel of the first frame is now."""
    from scipy import ndimage

    y, x = np.indices(image.shape, dtype=np.float32)
    out: NDArray[np.float32] = ndimage.map_coordinates(image, [y + flow[0], x + flow[1]], order=1, mode="nearest")
    return out


def _resize(values: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the values on another grid over the same area, without aliasing."""
    from PIL import Image

    if values.shape == tuple(shape):
        return values.astype(np.float32)
    picture = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(picture.resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


def _shrink(values: NDArray[np.float32], level: int) -> NDArray[np.float32]:
    if level == 1:
        return values
    return _resize(values, (max(4, values.shape[0] // level), max(4, values.shape[1] // level)))


def _contours(region: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Return every closed contour (N, 2) of the region, holes too."""
    from skimage.measure import find_contours

    tight = bounds(region)
    if tight is None:
        return []
    box = grow(tight, 1, 1)
    found = find_contours(cut(region, box).astype(np.float32), 0.5)
    return [points + np.array([box.y0, box.x0]) for points in found]


def _fill(contours: list[NDArray[np.float64]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels whose centre lies inside an odd number of contours, which are closed."""
    starts = np.concatenate([points[:-1] for points in contours])
    ends = np.concatenate([points[1:] for points in contours])
    # Every edge crosses the rows from its upper end up to, but not with, its lower one; left to right, each crossing
    # changes between outside and inside.
    first, last = (np.ceil(side(starts[:, 0], ends[:, 0])).astype(int) for side in (np.minimum, np.maximum))
    first, last = first.clip(0, shape[0]), last.clip(0, shape[0])
    count = last - first
    edge = np.repeat(np.arange(len(count)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count - first, count)
    share = (row - starts[edge, 0]) / (ends[edge, 0] - starts[edge, 0])
    column = np.ceil(starts[edge, 1] + share * (ends[edge, 1] - starts[edge, 1])).astype(int).clip(0, shape[1])
    out = np.zeros(shape, bool)
    if len(row):
        top, left = int(row.min()), int(column.min())
        size = (int(row.max()) - top + 1, int(column.max()) - left + 1)
        crossings = np.bincount((row - top) * size[1] + column - left, minlength=size[0] * size[1]).reshape(size)
        inside = np.logical_xor.accumulate(crossings % 2 == 1, axis=1)
        out[top : top + size[0], left : left + size[1]] = inside[:, : shape[1] - left]
    return out
