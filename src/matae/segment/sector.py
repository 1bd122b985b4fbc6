"""The ultrasound sector: which part of the picture is heart, which is screen furniture.

The network must not see text, scale ticks or an ECG trace, and a sector that fills the frame is what it was
trained on. The file's own region is used where it is sound; inside it (or in the whole picture) the sector is
the largest part that moves, and a fan is fitted to it. A person can always drag the outline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from matae.cine import B_MODE, Box
from matae.errors import SegmentError
from matae.segment.fan import Fan, FanCounts
from matae.segment.simplex import minimise

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Cine

__all__ = ["Sector", "SectorSource", "find_sector", "liveliness", "sector_from_polygon"]

SectorSource = Literal["fan", "outline", "file", "whole", "user"]

_WORK_SIDE = 96  # pixels of the longer side on which the fan is fitted
_SAMPLED_FRAMES = 48
_LEAST_SIDE = 16
_MARGIN = 0.02  # of the box, added when blanking, so that a tight fit never eats the wall


@dataclass(frozen=True, eq=False)
class Sector:
    """Outline of the sector in native pixels.

    Parameters
    ----------
    polygon
        Vertices (N, 2) as (y, x), pixel centres at integers.
    source
        ``fan`` (fitted), ``outline`` (convex outline of what moves), ``file`` (the file's region), ``whole``
        (the whole picture) or ``user``.
    apex_down
        The narrow end of the fan is at the bottom: frames are turned upside down for the network.
    """

    polygon: NDArray[np.float64]
    source: SectorSource
    apex_down: bool = False

    def box(self, shape: tuple[int, int]) -> Box:
        """Return the bounding box inside a picture of `shape` (rows, columns)."""
        low, high = self.polygon.min(0), self.polygon.max(0)
        y0, x0 = (int(np.clip(math.floor(v + 0.5), 0, n - 1)) for v, n in zip(low, shape, strict=True))
        y1, x1 = (int(np.clip(math.floor(v + 0.5) + 1, 1, n)) for v, n in zip(high, shape, strict=True))
        return Box(y0, x0, max(y1, y0 + 1), max(x1, x0 + 1))

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels inside the outline, with a small margin, as (Y, X) bool."""
        from matae.segment.filled import filled_polygon

        centre = self.polygon.mean(0)
        grown = centre + (self.polygon - centre) * (1 + 2 * _MARGIN)
        inside = filled_polygon(shape, grown)
        if min(np.ptp(self.polygon, axis=0)) < 2:
            # An outline without area (a picture of a row or two) holds no pixel centre: take its box.
            box = self.box(shape)
            inside[box.y0 : box.y1, box.x0 : box.x1] = True
        return inside

    def scaled(self, cine: Cine) -> Cine:
        """Return the cine with the pixel size that holds for this sector; see `matae.cine.Cine.scaled_for`."""
        return cine.scaled_for(self.mask(cine.shape)) if cine.regions else cine

    def describe(self) -> str:
        """Return in a few words where the outline comes from."""
        return {
            "fan": "fan found in the picture",
            "outline": "outline of the moving part",
            "file": "region stated by the file",
            "whole": "whole picture",
            "user": "drawn by hand",
        }[self.source]


def sector_from_polygon(polygon: ArrayLike, *, apex_down: bool = False) -> Sector:
    """Return the sector a person drew.

    Parameters
    ----------
    polygon
        Vertices (N, 2) as (y, x) in native pixels, N >= 3.
    apex_down
        Whether the display has the apex of the heart at the bottom.

    Raises
    ------
    SegmentError
        If the outline has fewer than three points or almost no area.
    """
    points = np.asarray(polygon, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise SegmentError("The sector outline needs at least three points; draw it again or reset it.")
    if np.ptp(points, axis=0).min() < 16:
        raise SegmentError("The sector outline is smaller than 16 pixels; draw it around the whole fan.")
    return Sector(points, "user", apex_down)


def find_sector(cine: Cine) -> Sector:
    """Find the sector of a cine.

    Parameters
    ----------
    cine
        Any cine or still.

    Returns
    -------
    Sector
        A fan where one fits, else the outline of what moves, else the file's region, else the whole picture.
    """
    box = _region(cine)
    step = max(1, round(max(box.height, box.width) / _WORK_SIDE))
    part = _tissue(_reduced(cine, box, step))
    origin = np.array([box.y0, box.x0], dtype=np.float64)
    fallback = Sector(_rectangle(box), "whole" if box == Box(0, 0, *cine.shape) else "file")
    if part is None:
        return fallback
    if part.mean() > 0.9:
        return fallback
    # A fan leaves corners empty: what fills its own box is a rectangular picture, and any cone would fit it badly.
    fan, apex_down = _fit_fan(part) if _fullness(part) < 0.95 else (None, False)
    polygon = _hull(part) if fan is None else fan.polygon()
    source: SectorSource = "outline" if fan is None else "fan"
    # From centres of the reduced pixels back to native ones.
    native = (polygon + 0.5) * step - 0.5 + origin
    low, high = _rectangle(box).min(0), _rectangle(box).max(0)
    return Sector(np.clip(native, low, high), source, apex_down)


def _region(cine: Cine) -> Box:
    rows, columns = cine.shape
    whole = Box(0, 0, rows, columns)
    stated = cine.region
    if stated is None and cine.b_modes:
        stated = max(zip(liveliness(cine), cine.b_modes, strict=True), key=lambda pair: pair[0])[1].box
    if stated is None:
        return _without_other_pictures(cine, whole)
    y0, x0, y1, x1 = stated
    box = Box(max(0, y0), max(0, x0), min(rows, y1), min(columns, x1))
    return _without_other_pictures(cine, box if box.height > 0 and box.width > 0 else whole)


def _without_other_pictures(cine: Cine, box: Box) -> Box:
    """Cut off what a spectrum, an M-mode strip, a trace or another B-mode picture takes of a box.

    A colour box lies within its B-mode picture and stays; so does a picture that holds the whole box.
    """
    for region in cine.regions:
        y0, x0 = max(box.y0, region.box.y0), max(box.x0, region.box.x0)
        y1, x1 = min(box.y1, region.box.y1), min(box.x1, region.box.x1)
        if region.kind == "colour flow" or y0 >= y1 or x0 >= x1 or Box(y0, x0, y1, x1) == box:
            continue
        left = [
            box._replace(y1=y0), box._replace(y0=y1), box._replace(x1=x0), box._replace(x0=x1),
        ]  # fmt: skip
        best = max(left, key=lambda part: max(0, part.height) * max(0, part.width))
        if region.kind == B_MODE and best.height * best.width < 0.5 * box.height * box.width:
            continue  # a picture within the picture: the rest would be a strip
        if best.height >= _LEAST_SIDE and best.width >= _LEAST_SIDE:
            box = best
    return box


def liveliness(cine: Cine) -> list[float]:
    """Return how much each B-mode region of a cine moves (of a still: how much it shows), in grey levels.

    Parameters
    ----------
    cine
        Any cine or still.
    """
    chosen = np.unique(np.linspace(0, cine.n_frames - 1, 12).astype(int))
    found = []
    for region in cine.b_modes:
        box = region.box
        frames = cine.frames[chosen, box.y0 : box.y1 : 2, box.x0 : box.x1 : 2].astype(np.float32)
        found.append(float(frames.std(0).mean() if len(frames) >= 4 else frames.std()))
    return found


def _rectangle(box: Box) -> NDArray[np.float64]:
    y1, x1 = box.y1 - 1, box.x1 - 1
    return np.array([[box.y0, box.x0], [box.y0, x1], [y1, x1], [y1, box.x0]], dtype=np.float64)


def _reduced(cine: Cine, box: Box, step: int) -> NDArray[np.float32]:
    # A few frames, block-averaged: enough to see what moves, in bounded memory.
    chosen = np.unique(np.linspace(0, cine.n_frames - 1, _SAMPLED_FRAMES).astype(int))
    rows, columns = -(-box.height // step), -(-box.width // step)
    # Down the columns along whole rows, then the few that are left across: far quicker than both at once. Sums of
    # grey levels are exact in float32.
    frame = np.empty((rows * step, columns * step), np.float32)
    across = np.ones(step, np.float32)
    reduced = np.empty((len(chosen), rows, columns), np.float32)
    for i, t in enumerate(chosen):
        frame[: box.height, : box.width] = cine.frames[t, box.y0 : box.y1, box.x0 : box.x1]
        frame[: box.height, box.width :] = frame[: box.height, box.width - 1, None]
        frame[box.height :] = frame[box.height - 1]
        reduced[i] = frame.reshape(rows, step, -1).sum(1).reshape(rows, columns, step) @ across
    return reduced / np.float32(step * step)


def _tissue(frames: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Return the largest moving (for a still: bright) part as (Y, X) bool, or None if there is none."""
    from scipy import ndimage

    brightest = frames.max(0)
    if len(frames) >= 4:
        moving = frames.std(0)
        level = max(0.3, 0.02 * float(np.percentile(moving, 95)))
        # Dark blood barely changes; it is inside the hull anyway. Still furniture never changes.
        part = moving > level
    else:
        part = brightest > max(2.0, 0.03 * float(np.percentile(brightest, 99)))
    part = _without_strips(part)
    size = max(1, round(0.02 * max(part.shape)))
    part = ndimage.binary_closing(np.pad(part, 2 * size), iterations=size)[2 * size : -2 * size, 2 * size : -2 * size]
    part = ndimage.binary_opening(ndimage.binary_fill_holes(part), iterations=2 * size)
    labels, count = ndimage.label(part)
    if not count:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    largest: NDArray[np.bool_] = ndimage.binary_fill_holes(labels == 1 + int(sizes.argmax()))
    return largest if largest.mean() > 0.05 else None


def _without_strips(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Remove flat parts wholly above or below the largest one: an ECG, a progress bar, a line of text.

    Done before gaps are closed, or a trace that runs close under the fan would be bridged to it.
    """
    from scipy import ndimage

    labels, count = ndimage.label(part, np.ones((3, 3)))
    if count < 2:
        return part
    main = ndimage.find_objects(labels)[int(np.bincount(labels.ravel())[1:].argmax())][0]
    kept = part.copy()
    for value, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        flat = columns.stop - columns.start >= 2 * (rows.stop - rows.start)
        if flat and (rows.start >= main.stop or rows.stop <= main.start):
            kept[rows, columns][labels[rows, columns] == value] = False
    return kept


def _fullness(part: NDArray[np.bool_]) -> float:
    """Return the share of its bounding box that a part fills."""
    rows, columns = np.nonzero(part)
    return float(len(rows) / ((np.ptp(rows) + 1) * (np.ptp(columns) + 1)))


def _hull(part: NDArray[np.bool_]) -> NDArray[np.float64]:
    from skimage.measure import approximate_polygon
    from skimage.morphology import convex_hull_image

    from matae.segment.outline import outline

    contour = outline(convex_hull_image(part))
    simple: NDArray[np.float64] = approximate_polygon(contour, 0.01 * max(part.shape))[:-1]
    return simple


def _fit_fan(part: NDArray[np.bool_]) -> tuple[Fan | None, bool]:
    """Fit a fan in both orientations; return it (None if none fits) and whether the apex is down."""
    fan, score = _fit_one(part, down=True)
    # Most displays have the transducer at the top: the other way must be clearly better.
    better, apex_down = score + 0.03, False
    if better < 1:
        turned, up = _fit_one(part, down=False)
        if up > better:
            fan, score, apex_down = turned, up, True
    return (fan if score > 0.85 else None), apex_down


def _fit_one(part: NDArray[np.bool_], *, down: bool) -> tuple[Fan, float]:
    rows, columns = np.nonzero(part)
    top, bottom = (rows.min(), rows.max()) if down else (rows.max(), rows.min())
    height = abs(int(bottom) - int(top)) + 1
    narrow = columns[np.abs(rows - top) <= max(1, 0.05 * height)]
    middle = float(narrow.mean())
    half = math.atan2(np.ptp(columns) / 2, 0.8 * height)
    sign = 1 if down else -1
    guess = (float(top) - sign, middle, -half, half, 1.0, height + 1.0)
    scale = (0.1 * height, 0.1 * height, 0.2, 0.2, 0.08 * height, 0.1 * height)
    counts = FanCounts(part if down else part[::-1])
    total = counts.total

    def fan(values: list[float]) -> Fan:
        y, x, left, right, near, far = (g + v * s for g, v, s in zip(guess, values, scale, strict=True))
        return Fan(y, x, max(left, -1.3), min(right, 1.3), max(near, 0.0), far, down)

    def cost(values: list[float]) -> float:
        inside, both = counts.inside(fan(values))
        # Moving pixels left out cost three times what still pixels taken in do: dim tissue hardly moves.
        return float(3 * (total - both) + (inside - both)) / total

    start = np.concatenate([np.zeros((1, 6)), np.eye(6)]).tolist()
    found = fan(minimise(cost, start, evaluations=500, x_tolerance=0.02, cost_tolerance=1e-3))
    inside, both = counts.inside(found)
    return found, both / max(1, inside + total - both)
