"""The ultrasound sector: which part of the picture is heart, which is screen furniture.

The network must not see text, scale ticks or an ECG trace, and a sector that fills the frame is what it was
trained on. The file's own region is used where it is sound; inside it (or in the whole picture) a fan is fitted to
the largest part that shows tissue, each of its edges is looked for to the native pixel, and what the picture bears
out of the outline says how sure it is. A person can always drag the outline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from matae.cine import B_MODE, Box
from matae.errors import SegmentError
from matae.segment.fan_edges import Support, Tissue, clipped, sharpened, side_support_of, support_of
from matae.segment.fan_fit import fit_fan
from matae.segment.tissue import MOVING, SHARE, largest_part, tissue_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Cine

__all__ = ["Sector", "SectorSource", "find_sector", "liveliness", "sector_from_polygon"]

SectorSource = Literal["fan", "outline", "file", "whole", "user"]

_WORK_SIDE = 112  # pixels of the longer side on which the fan is fitted
_SAMPLED_FRAMES = 48
_LEAST_SIDE = 16
_FULL = 0.97  # share of the picture from which on all of it is tissue
_FLAT = 0.3  # height of a part divided by its width, below which it is no sector
_RECTANGULAR = 0.95  # share of its own box from which on a part is no fan
_SHARES = (SHARE, 0.35 * SHARE, 0.12 * SHARE)  # the first look, and a second one for what is faint
_SURE = 0.75  # confidence from which on a sector is used
_MOSTLY = 0.5  # of a fan's outline, beyond which it is the border of the picture that ends it
_CUT = 2 / 3  # of a straight side of a fan, that must have tissue just within it
_DOUBTED = 0.5  # confidence that a fan with another straight side has at most
_HARDLY = 0.1  # confidence up to which nothing is believed of what was found
_ROOM = 0.1  # of its height and width, that what was found is given on every side where it is not used
_LOGIT_WHERE_ALL_IS_SEEN = 4.2
_LOGIT = np.array([12.9, 7.3, 3.9, 1.8])
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
    confidence
        How likely the outline that was found is the sector, 0 to 1; None where none was looked for.
    """

    polygon: NDArray[np.float64]
    source: SectorSource
    apex_down: bool = False
    confidence: float | None = None

    @property
    def is_unsure(self) -> bool:
        """Whether the sector was looked for and not found well enough, so that more of the picture is taken."""
        return self.confidence is not None and self.confidence < _SURE

    @property
    def notices(self) -> list[str]:
        """A sentence for the user where the sector is unsure, with what to do next."""
        if not self.is_unsure:
            return []
        notice = (
            f"The ultrasound sector was not found for sure, so {self._used} is used; if text or a trace stands in it, "
            "draw the sector with 'Adjust sector' or give --sector."
        )
        return [notice]

    @property
    def _used(self) -> str:
        if self.source == "outline":
            return "the box around what shows"
        return "the whole picture" if self.source == "whole" else "all of the file's region"

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
        if self.is_unsure:
            return f"not found for sure, {self._used} is used"
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
        A fan where one fits, the outline of a rectangular picture, or else the file's region or the whole picture.
        Where the picture bears an outline out too little, `Sector.is_unsure` says so. Its polygon is then the box of
        what shows and a tenth more on every side, source ``outline``, where black lies all around that and something
        bears it out, and otherwise all of the region or of the picture.
    """
    box = _region(cine)
    rectangle = _rectangle(box)
    kept: SectorSource = "whole" if box == Box(0, 0, *cine.shape) else "file"
    step = max(1, round(max(box.height, box.width) / _WORK_SIDE))
    reduced = _reduced(cine, box, step)
    best = Sector(rectangle, kept, confidence=0.0)
    for share in _SHARES[: len(_SHARES) if len(reduced) >= MOVING else 1]:
        found = _look(cine, box, reduced, step, share)
        if found is not None and (found.confidence or 0.0) > (best.confidence or 0.0):
            best = found
        if not best.is_unsure:
            return best
    around = _around(best, box)
    if around is not None:  # which way up it seemed to be stands
        return replace(best, polygon=_rectangle(around), source="outline")
    # Most pictures are upright, and what is hardly seen is no evidence of the contrary.
    apex_down = best.apex_down and (best.confidence or 0.0) > _HARDLY
    return replace(best, polygon=rectangle, source=kept, apex_down=apex_down)


def _around(found: Sector, box: Box) -> Box | None:
    """Return the box around what was found, with room for what is too dark to show, within the box looked at.

    A scanner's screen is mostly not tissue, and a network that is shown all of it misses the heart. Where tissue
    reaches the border, the picture is cut to it already, and what was found may be the brighter part of it: None. None,
    too, where hardly anything bears out what was found: tissue may show elsewhere.
    """
    low, high = found.polygon.min(0), found.polygon.max(0)
    first, last = np.array([box.y0, box.x0]), np.array([box.y1 - 1, box.x1 - 1])
    if (found.confidence or 0.0) <= _HARDLY or ((low - first) < 1).any() or ((last - high) < 1).any():
        return None
    room = _ROOM * (high - low)
    (y0, x0), (y1, x1) = np.floor(np.maximum(low - room, first)), np.ceil(np.minimum(high + room, last))
    return Box(int(y0), int(x0), int(y1) + 1, int(x1) + 1)


def _look(cine: Cine, box: Box, reduced: NDArray[np.float32], step: int, share: float) -> Sector | None:
    """Look for the sector once, tissue being what moves or shows a share of the most; None where nothing does."""
    seen = tissue_of(reduced, share)
    part = None if seen is None else largest_part(seen[0])
    if seen is None or part is None or _is_strip(part):
        return None
    rectangle = _rectangle(box)
    if part.mean() > _FULL:
        return Sector(rectangle, "whole" if box == Box(0, 0, *cine.shape) else "file", confidence=1.0)
    tissue = Tissue(cine, box, seen[1], share)
    if _fullness(part) > _RECTANGULAR:
        # A fan leaves corners empty: what fills its own box is a rectangular picture, and any fan would fit it badly.
        polygon = np.clip(_hull(part) * step + np.array([box.y0, box.x0]) + (step - 1) / 2, rectangle[0], rectangle[2])
        return Sector(polygon, "outline", confidence=_confidence(support_of(polygon, tissue), 0.0))
    fit = fit_fan(part)
    if fit.fan.near >= fit.fan.far:
        return None
    # From centres of the reduced pixels back to native ones.
    origin = np.array([box.y0, box.x0], dtype=np.float64) + (step - 1) / 2
    y, x = step * np.array([fit.fan.y, fit.fan.x]) + origin
    fan = fit.fan._replace(y=float(y), x=float(x), near=fit.fan.near * step, far=fit.fan.far * step)
    window = tuple(step * np.array(fit.box) + np.tile(origin, 2) + step * np.array([-0.5, -0.5, 0.5, 0.5]))
    polygon = clipped(sharpened(fan, tissue, window), tissue, window)
    support = support_of(polygon, tissue)
    # Of tissue that fills the picture, a dark chamber leaves a part that a fan fits well; nothing shows that it is one.
    confidence = 0.0 if support.bordering > _MOSTLY else _confidence(support, fit.cost)
    # Where the gain is low, tissue fades into the black; the window of a scanner ends it at an edge.
    if side_support_of(polygon, tissue) < _CUT:
        confidence = min(confidence, _DOUBTED)
    return Sector(polygon, "fan", not fit.fan.down, confidence)


def _confidence(support: Support, cost: float) -> float:
    """Return how likely an outline has an IoU of 0.95 or more with the true sector, 0 to 1.

    A logistic regression over 432 layouts of `matae.phantom.layouts` (seeds 1000 to 1017 of each kind, as stills and
    as clips); the record of `benchmarks/sector.py` is of others.
    """
    missing = np.array([1 - support.without, 1 - support.both, 1 - support.least, min(cost, 0.5)])
    return 1.0 / (1.0 + math.exp(float(_LOGIT @ missing) - _LOGIT_WHERE_ALL_IS_SEEN))


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


def _fullness(part: NDArray[np.bool_]) -> float:
    """Return the share of its bounding box that a part fills."""
    rows, columns = np.nonzero(part)
    return float(len(rows) / ((np.ptp(rows) + 1) * (np.ptp(columns) + 1)))


def _is_strip(part: NDArray[np.bool_]) -> bool:
    """Return whether a part is flatter than any sector: a bar of buttons, a row of text, where nothing else shows."""
    rows, columns = np.nonzero(part)
    return float(np.ptp(rows) + 1) < _FLAT * float(np.ptp(columns) + 1)


def _hull(part: NDArray[np.bool_]) -> NDArray[np.float64]:
    from skimage.measure import approximate_polygon
    from skimage.morphology import convex_hull_image

    from matae.segment.outline import outline

    contour = outline(convex_hull_image(part))
    simple: NDArray[np.float64] = approximate_polygon(contour, 0.01 * max(part.shape))[:-1]
    return simple
