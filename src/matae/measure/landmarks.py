r"""Apex and mitral hinge points from the shape of the cavity alone.

The base is the longest chord of the smoothed outline that its own arc follows to within 2.5 % of the cavity's length,
at most 45 degrees off the perpendicular of the cavity's main axis; each end then moves to the corner of the outline
beside it. The apex is
the middle of what lies furthest from the middle of the base (the guideline's "most distal point of the apex").

The same idea as the algorithm published with CAMUS (S. Leclerc et al., IEEE TMI 38(9), 2019), whose tolerances are
8 pixels of its own grid; here all are relative to the length of the cavity, so any grid and any spacing will do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import MeasureError
from matae.measure._plane import crossings, moments, resample, scale_of
from matae.measure.contour import contour

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Spacing

    Points = NDArray[np.float64]

__all__ = ["Landmarks", "find_landmarks", "landmarks", "tip"]

_RING = 240  # points of the evenly spaced outline
_ARC = 127  # of its basal part
_STEP = 3  # every third is an end of a candidate for the base
_SMOOTH = 3.0  # of those points, standard deviation: the base is looked for on an outline without stairs
_FLAT = 0.025  # of the length: how far the base may leave its chord
_REACH = 0.04  # of the length: how far a corner may lie from the end of the chord
_TIP = 0.01  # of the length: what counts as furthest
_LEAST = 6.0  # pixels, area and longest side
_STEEPEST = 0.5  # cosine of the largest angle (60 degrees) between the long axis and the vertical


@dataclass(frozen=True)
class Landmarks:
    """Apex and hinge points of the mitral valve.

    Parameters
    ----------
    apex, left, right
        (y, x) in pixels; left and right as seen on the screen. In the standard display of the apical four-chamber
        view the left one is the septal hinge point.
    by_hand
        A person placed at least one of them.
    """

    apex: tuple[float, float]
    left: tuple[float, float]
    right: tuple[float, float]
    by_hand: bool = False

    @property
    def base(self) -> tuple[float, float]:
        """Middle of the mitral annulus, (y, x) in pixels."""
        return (self.left[0] + self.right[0]) / 2.0, (self.left[1] + self.right[1]) / 2.0

    def as_array(self) -> Points:
        """Return apex, left and right as (3, 2)."""
        return np.array([self.apex, self.left, self.right], np.float64)

    @classmethod
    def from_array(cls, points: ArrayLike, *, by_hand: bool = False) -> Landmarks:
        """Return landmarks from (3, 2): apex, left, right.

        Raises
        ------
        MeasureError
            If the shape is another, a value is not finite, or two of them are the same point.
        """
        array = np.asarray(points, np.float64)
        if array.shape != (3, 2) or not np.isfinite(array).all():
            raise MeasureError("Landmarks are three points: apex, left and right hinge; place all three.")
        apex, left, right = ((float(y), float(x)) for y, x in array)
        made = cls(apex, left, right, by_hand)
        if min(np.hypot(*(array[0] - array[1])), np.hypot(*(array[0] - array[2])), made.length()) < 1e-6:
            raise MeasureError("Apex and hinge points lie on each other; move them apart.")
        return made

    def length(self, spacing: Spacing | None = None) -> float:
        """Return the long axis, apex to the middle of the annulus, in mm (pixels without spacing)."""
        step = (np.array(self.base) - self.apex) * scale_of(spacing)
        return float(np.hypot(*step))

    def moved(
        self,
        *,
        apex: tuple[float, float] | None = None,
        left: tuple[float, float] | None = None,
        right: tuple[float, float] | None = None,
    ) -> Landmarks:
        """Return the landmarks after a person moved some of them."""
        changed: dict[str, Any] = {"apex": apex, "left": left, "right": right}
        return replace(self, by_hand=True, **{name: point for name, point in changed.items() if point is not None})

    def shifted(self, dy: float, dx: float) -> Landmarks:
        """Return the landmarks moved by pixels."""
        return Landmarks.from_array(self.as_array() + np.array([dy, dx]), by_hand=self.by_hand)


def landmarks(
    mask: ArrayLike, spacing: Spacing | None = None, *, apex_down: bool = False, label: int | None = None
) -> Landmarks | None:
    """Find apex and mitral hinge points of a cavity.

    Parameters
    ----------
    mask
        (Y, X), any type; the largest part counts, its holes filled.
    spacing
        Pixel size in mm; square pixels when None.
    apex_down
        The apex is at the bottom of the picture.
    label
        Class to take; everything but 0 when None.

    Returns
    -------
    Landmarks or None
        None when the mask is empty or only a few pixels.

    Raises
    ------
    MeasureError
        If it is no single frame.
    """
    return find_landmarks(contour(mask, label), spacing, apex_down=apex_down)


def find_landmarks(points: Points, spacing: Spacing | None = None, *, apex_down: bool = False) -> Landmarks | None:
    """Find apex and hinge points on an outline (N, 2) in pixels; see `landmarks`."""
    from scipy.ndimage import gaussian_filter1d

    if len(points) < 4 or np.ptp(points, axis=0).max() < _LEAST / 2:
        return None
    scale = scale_of(spacing)
    area, centre, second = moments(points * scale)
    pixel = float(scale.mean())
    if area < _LEAST * scale.prod():
        return None
    down = _direction_of_base(second, apex_down=apex_down)
    # Right on the screen: the perpendicular whose x is positive.
    right = np.array([-down[1], down[0]]) * (1.0 if down[0] >= 0 else -1.0)
    frame = resample(_from_axis((points * scale - centre) @ np.stack([down, right], 1)), _RING)
    length = float(np.ptp(frame[:, 0]))
    # Which chord is longest must not hang on the stairs of the pixels; where its corners lie is read off the outline.
    arc = _basal_arc(gaussian_filter1d(frame, _SMOOTH, axis=0, mode="wrap"))
    flat = max(_FLAT * length, 0.75 * pixel)
    first, last = _straight_part(arc, *_base_chord(arc[::_STEP], flat), flat)
    reach = _REACH * length
    left_corner, right_corner = _corner(frame, first, last, reach), _corner(frame, last, first, reach)
    if left_corner[1] > right_corner[1]:
        left_corner, right_corner = right_corner, left_corner
    apex = tip(frame, (left_corner + right_corner) / 2.0)
    back = np.stack([down, right])
    found = (np.stack([apex, left_corner, right_corner]) @ back + centre) / scale
    if np.hypot(*(apex - (left_corner + right_corner) / 2.0)) < 1e-6 or not np.isfinite(found).all():
        return None
    return Landmarks.from_array(found)


def _from_axis(frame: Points) -> Points:
    """Return the outline from where the long axis leaves it at the apex.

    Where even spacing begins decides between which pixels its points fall: begun at a pixel, a heart upside down or in
    a mirror would be measured a little otherwise.
    """
    here, after = frame[:, 1], np.roll(frame[:, 1], -1)
    at = np.nonzero((here < 0) != (after < 0))[0]
    if not len(at):  # the centre of a crescent may lie beside it
        return frame
    part = here[at] / (here[at] - after[at])
    crossed = frame[at] + part[:, None] * (np.roll(frame, -1, axis=0)[at] - frame[at])
    first = int(crossed[:, 0].argmin())
    begun = np.roll(frame, -int(at[first]) - 1, axis=0)
    return np.concatenate([crossed[first : first + 1], begun])


def _direction_of_base(second: Points, *, apex_down: bool) -> Points:
    """Return the unit vector from apex to base: the main axis, as far as it is not too far from the vertical."""
    _, vectors = np.linalg.eigh(second)
    axis: Points = vectors[:, 1]
    if abs(axis[0]) < _STEEPEST:
        axis = np.array([1.0, 0.0])  # a nearly round or lying shape tells nothing
    upright = axis[0] > 0
    return -axis if upright == apex_down else axis


def _basal_arc(frame: Points) -> Points:
    """Return evenly spaced points of the outline's basal part, from its left end through the base to its right end."""
    limit = frame[:, 0].min() + 0.55 * np.ptp(frame[:, 0])
    lowest = int(frame[:, 0].argmax())
    turned = np.concatenate((frame[lowest:], frame[:lowest]))
    outside = np.nonzero(turned[:, 0] < limit)[0]
    ahead, behind = int(outside[0]), int(outside[-1])
    arc = np.concatenate([turned[behind + 1 :], turned[:ahead]])
    if arc[0, 1] > arc[-1, 1]:
        arc = arc[::-1]
    return resample(arc, _ARC, closed=False)


def _base_chord(arc: Points, flat: float) -> tuple[int, int]:
    """Return the ends, as places on the full arc, of the longest chord that its arc follows to within `flat`."""
    i, j = np.triu_indices(len(arc), 2)
    chord = arc[j] - arc[i]
    size = np.hypot(chord[:, 0], chord[:, 1])
    level = (chord[:, 1] > 0) & (np.abs(chord[:, 0]) <= chord[:, 1])
    # Nothing much shorter than the base can be it, and most pairs are: leave them out before the costly part.
    level &= size > 0.25 * np.ptp(arc[:, 1])
    if not level.any():
        wide = int(arc[:, 1].argmin()), int(arc[:, 1].argmax())
        return min(wide) * _STEP, max(wide) * _STEP
    i, j, chord, size = i[level], j[level], chord[level], size[level]
    unit = chord / size[:, None]
    start = unit[:, 0] * arc[i, 1] - unit[:, 1] * arc[i, 0]
    # Most chords fail at one of three places between their ends already; only the others are followed all along.
    near = np.ones(len(i), bool)
    for quarter in (1, 2, 3):
        k = i + (j - i) * quarter // 4
        near &= np.abs(unit[:, 0] * arc[k, 1] - unit[:, 1] * arc[k, 0] - start) <= flat
    if near.any():
        i, j, size, unit, start = i[near], j[near], size[near], unit[near], start[near]
    # Distance of each arc point from each chord: a difference of two projections on the chord's normal.
    height = np.abs(unit[:, :1] * arc[:, 1] - unit[:, 1:] * arc[:, 0] - start[:, None])
    index = np.arange(len(arc))
    height[(index < i[:, None]) | (index > j[:, None])] = 0.0
    strays = height.max(1)
    fits = strays <= flat
    best = int(np.where(fits, size, 0).argmax()) if fits.any() else int((strays / size).argmin())
    return int(i[best]) * _STEP, int(j[best]) * _STEP


def _straight_part(arc: Points, first: int, last: int, flat: float) -> tuple[Points, Points]:
    """Return the ends of the straight part of the base.

    The longest chord within a tolerance uses that tolerance up at one end: it leans. So a line is fitted to the
    middle of its arc, and followed outwards as long as the arc stays near.
    """
    inner = (last - first) // 6
    middle = arc[first + inner : last - inner + 1]
    centre = middle.mean(0)
    along = np.linalg.eigh((middle - centre).T @ (middle - centre))[1][:, 1]
    away = np.abs((arc - centre) @ np.array([-along[1], along[0]])) > flat / 2.0
    left, right = first + inner, last - inner
    while left > 0 and not away[left - 1]:
        left -= 1
    while right < len(arc) - 1 and not away[right + 1]:
        right += 1
    return arc[left], arc[right]


def _corner(frame: Points, end: Points, other: Points, reach: float) -> Points:
    """Return the corner of the outline within `reach` of a chord's end: outermost half-way between along and below."""
    outward = (end - other) / max(float(np.hypot(*(end - other))), 1e-12)
    below = np.array([abs(outward[1]), -outward[0] * np.sign(outward[1] or 1.0)])
    near = frame[np.hypot(*(frame - end).T) <= reach]
    if not len(near):
        return end
    found: Points = near[int((near @ (outward + below)).argmax())]
    return found


def tip(frame: Points, base: Points) -> Points:
    """Return the apex: where the line from the base through the middle of the most distant points leaves the cavity.

    Parameters
    ----------
    frame
        Outline (N, 2) in mm, or in pixels of square shape.
    base
        Middle of the annulus in the same unit.
    """
    distance = np.hypot(*(frame - base).T)
    far = frame[distance >= (1.0 - _TIP) * distance.max()].mean(0)
    axis = (far - base) / max(float(np.hypot(*(far - base))), 1e-12)
    along, across = (frame - base) @ axis, (frame - base) @ np.array([-axis[1], axis[0]])
    _, high = crossings(across, along, np.zeros(1))
    reach = float(high[0]) if np.isfinite(high[0]) else float(distance.max())
    tip: Points = base + axis * reach
    return tip
