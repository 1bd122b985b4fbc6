"""Finds the edges of a fan to the native pixel, and says how much of its outline the picture bears out.

A fan that was fitted to a reduced picture is near; each of its edges is then looked for along short lines across it,
and of the many places at which tissue ends the line or arc is taken that most of them agree on (M. A. Fischler and
R. C. Bolles, "Random sample consensus", Communications of the ACM 24(6), 1981, here with all pairs instead of random
ones, so that the same picture gives the same outline).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matae.segment.tissue import MOVING, SHARE, faintness, moving_level

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from matae.cine import Box, Cine
    from matae.segment.fan import Fan
    from matae.segment.tissue import Ground

    Points = NDArray[np.float64]
    Strength = Callable[[Points], NDArray[np.float64]]

__all__ = ["Support", "Tissue", "clipped", "sharpened", "side_support_of", "support_of"]

_LINES, _STEPS = 40, 41  # lines across an edge, and places along each
_REACH = 0.07  # of the depth that an edge is looked for on either side
_SAMPLED = 12  # frames of a clip
_ASKED = 160  # points of an outline, a multiple of eight
_LEAST_CUT = 4  # pixels; a shorter edge of the window is not looked for
_SMALL = 160 * 160  # pixels
_LEAST_STRETCH = 0.05  # of the size of an outline, that a straight side must reach to be one
_BORDERING = 2.0  # pixels from the border within which an outline runs along it
_OF_INNER = 0.4  # of the strength within, that is tissue still: less is the haze of compression


class Tissue:
    """How strongly tissue shows at native points.

    Parameters
    ----------
    cine
        The clip or still.
    box
        The part that is looked at; nothing shows beyond it.
    ground
        The background; None, of clips alone, where none is to be seen: tissue is what moves.
    """

    def __init__(self, cine: Cine, box: Box, ground: Ground | None, share: float = SHARE) -> None:
        self.box, self._ground = box, ground
        chosen = np.unique(np.linspace(0, cine.n_frames - 1, _SAMPLED).astype(int))
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        self._frames = [cine.frames[t][part] for t in chosen]
        self._least = 0.0 if ground is None else ground.level
        self._moves = 0.0
        if len(self._frames) >= MOVING:
            y, x = np.mgrid[0 : box.height - 1 : 40j, 0 : box.width - 1 : 40j]
            moving = self._values(np.floor(y + 0.5).astype(np.intp), np.floor(x + 0.5).astype(np.intp)).std(0)
            rim = np.concatenate([moving[0], moving[-1], moving[:, 0], moving[:, -1]])
            self._moves = max(0.5 * faintness(share), moving_level(moving, rim, share))
        self.level = self._least if ground is not None else self._moves
        # All of a small picture is worked out at once, sooner than the points that are asked for.
        self._all: NDArray[np.float64] | None = None
        if box.height * box.width <= _SMALL:
            self._all = self._strength(*np.mgrid[: box.height, : box.width])

    def _values(self, y: NDArray[np.intp], x: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.stack([frame[y, x] for frame in self._frames]).astype(np.float64)

    def __call__(self, points: Points) -> NDArray[np.float64]:
        """Return the strength at native points (..., 2), as (y, x): grey levels from the background, or of motion."""
        box = self.box
        y, x = (np.floor(points[..., axis] + 0.5).astype(np.intp) - (box.y0, box.x0)[axis] for axis in (0, 1))
        beyond = (y < 0) | (x < 0) | (y >= box.height) | (x >= box.width)
        y, x = np.clip(y, 0, box.height - 1), np.clip(x, 0, box.width - 1)
        found = self._strength(y, x) if self._all is None else self._all[y, x]
        found[beyond] = 0.0
        return found

    def _strength(self, y: NDArray[np.intp], x: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the strength at rows and columns of the box."""
        values = self._values(y, x)
        moving = values.std(0) if self._moves else np.zeros(y.shape)
        if self._ground is None:
            return np.asarray(moving)
        box = self.box
        ground = self._ground.at(y / max(box.height - 1, 1), x / max(box.width - 1, 1))
        found = np.abs((values.mean(0) if self._moves else values.max(0)) - ground)
        found[moving < 0.5 * self._moves] = 0.0  # furniture stands still
        return np.asarray(found)


class _Ends(NamedTuple):
    """Where tissue ends along lines across an edge: the offset outwards, and whether it ends at all."""

    offset: NDArray[np.float64]
    known: NDArray[np.bool_]


def _ends(tissue: Tissue, base: Points, outwards: Points, reach: float) -> _Ends:
    """Look along lines through `base` (N, 2), `reach` pixels to either side."""
    offsets = np.linspace(-reach, reach, _STEPS)
    strength = tissue(base[:, None] + offsets[:, None] * outwards[:, None])
    inner = np.sort(strength[:, : _STEPS // 2], axis=1)[:, [round(0.7 * (_STEPS // 2 - 1))]]
    shown = strength > np.maximum(tissue.level, _OF_INNER * inner)
    sums = np.pad(np.cumsum(shown, axis=1), ((0, 0), (1, 0)))
    behind = np.zeros(shown.shape, bool)
    behind[:, 5:] = sums[:, 5:-1] - sums[:, :-6] >= 3  # of the five places before
    ends = shown & behind
    last = _STEPS - 1 - np.argmax(ends[:, ::-1], axis=1)
    known = ends.any(1) & (last < _STEPS - 1)
    return _Ends(offsets[last] + reach / (_STEPS - 1), known)


def _agreed(place: NDArray[np.float64], ends: _Ends, powers: tuple[int, ...], tolerance: float) -> NDArray[np.float64]:
    """Return the polynomial (its factors of `powers`) of `place` that most of the ends agree on; 0 if too few do."""
    none = np.zeros(len(powers))
    at, offset = place[ends.known], ends.offset[ends.known]
    if len(at) < max(6, len(place) // 6):
        return none
    design = np.stack([at**power for power in powers], 1)
    if len(powers) == 1:
        tried = offset[:, None] / design
    else:
        first, second = np.triu_indices(len(at), 4)
        pairs = np.stack([design[first], design[second]], 1)
        fine = np.abs(np.linalg.det(pairs)) > 1e-3
        if not fine.any():
            return none
        values = np.stack([offset[first], offset[second]], 1)[fine]
        tried = np.linalg.solve(pairs[fine], values[..., None])[..., 0]
    away = offset - tried @ design.T
    # Beyond the edge there is nothing; within it some tissue is too dark to show.
    votes = (np.abs(away) < tolerance).sum(1) - 0.7 * (away >= 2 * tolerance).sum(1)
    near = np.abs(away[int(votes.argmax())]) < tolerance
    if near.sum() < max(len(powers) + 2, len(place) // 6):
        return none
    return np.asarray(np.linalg.lstsq(design[near], offset[near], rcond=None)[0])


def sharpened(fan: Fan, tissue: Tissue, window: tuple[float, float, float, float]) -> Points:
    """Return the outline of a fan with each edge where the native picture has it, (N, 2), not yet cut by the window.

    Parameters
    ----------
    fan
        In native pixels.
    tissue
        What shows.
    window
        First row and column, last row and column that tissue was seen in.
    """
    sign = 1.0 if fan.down else -1.0
    tip, reach = np.array([fan.y, fan.x]), _REACH * fan.far
    tolerance = max(1.0, 0.006 * fan.far)
    sides = []
    radius = np.linspace(fan.near + 0.08 * (fan.far - fan.near), 0.97 * fan.far, _LINES)
    for side, hand in ((fan.left, -1.0), (fan.right, 1.0)):
        along = np.array([sign * np.cos(side), np.sin(side)])
        outwards = hand * np.array([-sign * np.sin(side), np.cos(side)])
        base = tip + radius[:, None] * along
        ends = _ends(tissue, base, np.broadcast_to(outwards, base.shape), reach)
        ends = _Ends(ends.offset, ends.known & _within(base + ends.offset[:, None] * outwards, window, 0.5 * tolerance))
        place = (radius - radius.mean()) / np.ptp(radius)
        shift, turn = _agreed(place, ends, (0, 1), tolerance)
        at = tip + radius.mean() * along + shift * outwards
        sides.append((at, along + turn / np.ptp(radius) * outwards))
    tip = _crossing(sides, tip)
    left, right = (float(np.arctan2(way[1], sign * way[0])) for _, way in sides)
    middle, width = (left + right) / 2, right - left

    def arc(radius: float, powers: tuple[int, ...], hand: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return angles and radii of an arc, looked for around the one that was fitted."""
        old = np.linspace(fan.left, fan.right, _LINES + 2)[1:-1]
        was = np.array([fan.y, fan.x]) + radius * np.stack([sign * np.cos(old), np.sin(old)], 1) - tip
        angle = np.linspace(left, right, _LINES + 2)[1:-1]
        order = np.arctan2(was[:, 1], sign * was[:, 0])
        base = np.interp(angle, order, np.hypot(was[:, 0], was[:, 1]))
        way = np.stack([sign * np.cos(angle), np.sin(angle)], 1)
        ends = _ends(tissue, tip + base[:, None] * way, hand * way, reach)
        moved = tip + (base + hand * ends.offset)[:, None] * way
        ends = _Ends(base + hand * ends.offset - base.mean(), ends.known & _within(moved, window, 0.5 * tolerance))
        place = (angle - middle) / width
        factors = _agreed(place, _Ends(hand * ends.offset, ends.known), powers, tolerance)
        if not factors.any():
            return angle, base
        fine = np.linspace(-0.5, 0.5, 33)
        bent = np.stack([fine**power for power in powers], 1) @ factors
        return middle + fine * width, np.asarray(base.mean() + hand * bent)

    far_angle, far = arc(fan.far, (0, 2), 1.0)
    near_angle, near = (np.array([middle]), np.zeros(1)) if fan.near < 2 else arc(fan.near, (0,), -1.0)
    far_angle, near_angle = _to_the_sides(far_angle, left, right), _to_the_sides(near_angle, left, right)
    angle = np.concatenate([far_angle, near_angle[::-1]])
    reached = np.concatenate([far, np.maximum(near[::-1], 0.0)])
    return np.asarray(tip + reached[:, None] * np.stack([sign * np.cos(angle), np.sin(angle)], 1))


def _to_the_sides(angle: NDArray[np.float64], left: float, right: float) -> NDArray[np.float64]:
    """Stretch the angles of an arc to both sides."""
    return angle if len(angle) < 2 else np.asarray(np.interp(angle, (angle[0], angle[-1]), (left, right)))


def _within(points: Points, window: tuple[float, float, float, float], inset: float) -> NDArray[np.bool_]:
    """Whether points lie within the window, not on its edge: there it is the window that ends the tissue."""
    y0, x0, y1, x1 = window
    y, x = points[:, 0], points[:, 1]
    return (y > y0 + inset) & (y < y1 - inset) & (x > x0 + inset) & (x < x1 - inset)


def _crossing(sides: list[tuple[Points, Points]], tip: Points) -> Points:
    (at, way), (other, across) = sides
    both = np.stack([way, -across], 1)
    if abs(np.linalg.det(both)) < 0.05:
        return tip
    return np.asarray(at + np.linalg.solve(both, other - at)[0] * way)


def clipped(polygon: Points, tissue: Tissue, window: tuple[float, float, float, float]) -> Points:
    """Return an outline cut by the window, each edge of it where the native picture has it, and by the picture.

    Parameters
    ----------
    polygon
        Vertices (N, 2).
    tissue
        What shows.
    window
        First row and column, last row and column that tissue was seen in.
    """
    box = tissue.box
    picture = (box.y0 - 0.49, box.x0 - 0.49, box.y1 - 0.51, box.x1 - 0.51)
    size = float(np.ptp(polygon, axis=0).max())
    for axis, hand, edge, limit in zip((0, 1, 0, 1), (-1.0, -1.0, 1.0, 1.0), window, picture, strict=True):
        is_cut = (hand * (polygon[:, axis] - edge)).max() > 0.012 * size and hand * (limit - edge) > 0.004 * size
        where = _window_edge(_cut(polygon, axis, limit, hand), tissue, axis, hand, edge) if is_cut else limit
        polygon = _cut(polygon, axis, hand * min(hand * where, hand * limit), hand)
    return polygon


def _window_edge(polygon: Points, tissue: Tissue, axis: int, hand: float, edge: float) -> float:
    """Return the row or column at which the window ends a fan, looked for around where tissue was seen to end."""
    across = polygon[:, 1 - axis][hand * (polygon[:, axis] - edge) > -1e-6]
    if len(across) == 0 or np.ptp(across) <= _LEAST_CUT:
        return edge
    size = float(np.ptp(polygon, axis=0).max())
    base, outwards = np.empty((_LINES, 2)), np.zeros((_LINES, 2))
    base[:, axis], base[:, 1 - axis] = edge, np.linspace(across.min(), across.max(), _LINES + 2)[1:-1]
    outwards[:, axis] = hand
    ends = _ends(tissue, base, outwards, 0.03 * size)
    return edge + hand * float(_agreed(np.ones(_LINES), ends, (0,), max(1.0, 0.006 * size))[0])


def _cut(polygon: Points, axis: int, limit: float, hand: float) -> Points:
    """Return the part of a polygon on one side of a line along an axis (I. E. Sutherland and G. W. Hodgman, 1974)."""
    within = hand * (polygon[:, axis] - limit) <= 0
    if within.all() or not within.any():
        return polygon
    kept = []
    for here, there, is_in, will_be in zip(polygon, np.roll(polygon, -1, 0), within, np.roll(within, -1), strict=True):
        if is_in:
            kept.append(here)
        if is_in != will_be:
            kept.append(here + (limit - here[axis]) / (there[axis] - here[axis]) * (there - here))
    return np.array(kept)


class Support(NamedTuple):
    """How much of an outline the picture bears out.

    Parameters
    ----------
    without
        Share of the outline with no tissue just beyond it.
    both
        Share with none beyond it and tissue just within it.
    least
        The least such share of an eighth of the outline.
    bordering
        Share of the outline that runs along the border of what is looked at: tissue ends there whatever it is.
    """

    without: float
    both: float
    least: float
    bordering: float


def support_of(polygon: Points, tissue: Tissue) -> Support:
    """Return how much of an outline (N, 2), N >= 3, the picture bears out."""
    closed = np.concatenate([polygon, polygon[:1]])
    step = np.hypot(*np.diff(closed, axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(step)])
    at = (np.arange(_ASKED) + 0.5) * length[-1] / _ASKED
    points = np.stack([np.interp(at, length, closed[:, axis]) for axis in (0, 1)], 1)
    edge = np.clip(np.searchsorted(length, at) - 1, 0, len(step) - 1)
    along = np.diff(closed, axis=0)[edge] / np.maximum(step[edge], 1e-9)[:, None]
    turn = np.sign(np.sum(closed[:-1, 1] * closed[1:, 0] - closed[1:, 1] * closed[:-1, 0])) or 1.0
    outwards = -turn * np.stack([along[:, 1], -along[:, 0]], 1)
    size = float(np.ptp(polygon, axis=0).max())

    def across(low: float, high: float) -> NDArray[np.float64]:
        return tissue(points[:, None] + np.linspace(low, high, 8)[:, None] * outwards[:, None])

    within, level = _within_edge(points, outwards, size, tissue)
    outer = across(max(0.012 * size, 2.0), max(0.045 * size, 6.0))
    ends = (outer > level[:, None]).mean(1) <= 0.3
    both = ends & within
    beyond = points + _BORDERING * outwards
    first, last = np.array([tissue.box.y0, tissue.box.x0]), np.array([tissue.box.y1 - 1, tissue.box.x1 - 1])
    bordering = ((beyond < first) | (beyond > last)).any(1)
    return Support(
        float(ends.mean()), float(both.mean()), float(both.reshape(8, -1).mean(1).min()), float(bordering.mean())
    )


def side_support_of(polygon: Points, tissue: Tissue) -> float:
    """Return the share with tissue just within it of the worse straight side of an outline (N, 2); 1 without any.

    Such a side runs down a column, as the edge of a scanner's window does; the border of what is looked at is none. Of
    a window's upper and lower edge nothing is asked: near field and depth are dark in many a picture.
    """
    closed = np.concatenate([polygon, polygon[:1]])
    size = float(np.ptp(polygon, axis=0).max())
    turn = np.sign(np.sum(closed[:-1, 1] * closed[1:, 0] - closed[1:, 1] * closed[:-1, 0])) or 1.0
    box, least = tissue.box, 1.0
    for start, way in zip(closed, np.diff(closed, axis=0), strict=False):
        length = float(np.hypot(*way))
        if abs(way[1]) > 1e-6 or length < max(_LEAST_STRETCH * size, 1e-9):
            continue
        outwards = -turn * np.array([way[1], -way[0]]) / length
        y, x = start + way / 2 + _BORDERING * outwards
        if box.y0 <= y <= box.y1 - 1 and box.x0 <= x <= box.x1 - 1:
            points = start + np.linspace(0.05, 0.95, _LINES)[:, None] * way
            within, _ = _within_edge(points, np.broadcast_to(outwards, points.shape), size, tissue)
            least = min(least, float(within.mean()))
    return least


def _within_edge(
    points: Points, outwards: Points, size: float, tissue: Tissue
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return whether there is tissue just within points of an outline, and what counts as tissue there, (N,) each."""
    depth = np.linspace(-max(0.035 * size, 5.0), -max(0.004 * size, 1.0), 8)
    inner = tissue(points[:, None] + depth[:, None] * outwards[:, None])
    level = np.maximum(tissue.level, _OF_INNER * np.median(inner, axis=1))
    return (inner > level[:, None]).mean(1) >= 0.5, level
