"""Thickness and mass of the left ventricle's wall in an apical view, at end-diastole.

The epicardium is the outline of wall and cavity together. Thickness is the shortest way from each point of the
endocardium to it, in the thirds of the long axis in which wall motion is told. Mass is 1.05 g/mL times the volume
between epicardium and endocardium, both by disks (or by area-length) of the same view or of two.

It is not the area-length mass of ASE/EACVI 2015, 1.05 [5/6 A1 (a + d + t) - 5/6 A2 (a + d)], which needs the areas A1
and A2 of a parasternal short-axis view. From apical views alone the long axis and both outlines are seen, and the
cross-section is taken to be round (one view) or elliptical (two).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import CAVITY, WALL
from matae.measure._plane import resample, scale_of
from matae.measure.contour import contour
from matae.measure.disks import Disks, area_length, cut_disks
from matae.measure.landmarks import Landmarks, tip
from matae.measure.motion import segment_names

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Spacing

    Points = NDArray[np.float64]

__all__ = ["DENSITY", "Wall", "WallSegment", "measure_wall"]

DENSITY = 1.05
"""Of the myocardium, g/mL (ASE/EACVI 2015)."""

_N = 120  # points of the endocardium
_SMOOTH = 3  # of them: the outline follows pixels, and its steps come nearer to the epicardium than the wall does
_BASE = 0.85  # of the long axis: beyond it the wall ends at the annulus
_BELOW = 0.1  # of the long axis: how far below a point its way may end, so that none ends where the wall ends


@dataclass(frozen=True)
class WallSegment:
    """Thickness of one of six parts of the wall.

    Parameters
    ----------
    name, side, level
        As in `matae.measure.motion.Segment`.
    thickness
        Mean, mm (pixels when not calibrated); NaN where none of the endocardium lies there.
    """

    name: str
    side: str
    level: str
    thickness: float


@dataclass(frozen=True, eq=False)
class Wall:
    """The wall of the left ventricle in one frame.

    Parameters
    ----------
    epicardium
        Cavity and wall together, cut into disks along an axis of their own.
    segments
        From the left hinge over the apex to the right hinge.
    thickness
        Mean of basal and middle segments, mm (pixels): the apex is cut obliquely in most clips.
    volume
        Of the myocardium by disks, mL (cubic pixels).
    area_length_volume
        The same by area-length.
    """

    epicardium: Disks
    segments: tuple[WallSegment, ...]
    thickness: float
    volume: float
    area_length_volume: float


def measure_wall(
    mask: ArrayLike, cavity: Disks, spacing: Spacing | None = None, *, view: str | None = None, mirrored: bool = False
) -> Wall | None:
    """Measure the wall of one frame.

    Parameters
    ----------
    mask
        (Y, X) classes as in `matae.anatomy`.
    cavity
        The cavity of the same frame.
    spacing
        Pixel size in mm, or None.
    view, mirrored
        As for `matae.measure.motion.wall_motion`.

    Returns
    -------
    Wall or None
        None without a wall, or where what is drawn of it goes round less than half of the cavity.
    """
    classes = np.asarray(mask)
    if not (classes == WALL).any():
        return None
    scale, marks = scale_of(spacing), cavity.landmarks
    outer, inner = contour((classes == WALL) | (classes == CAVITY)), contour(classes, CAVITY)
    if len(outer) < 6 or len(inner) < 6:
        return None
    apex = tip(outer * scale, np.array(marks.base) * scale) / scale
    own = Landmarks((float(apex[0]), float(apex[1])), marks.left, marks.right)
    epicardium = cut_disks(outer, spacing, landmarks=own)
    if epicardium is None or epicardium.volume <= cavity.volume or epicardium.length <= cavity.length:
        return None
    levels, sides, thickness = _thickness(inner * scale, outer * scale, marks.as_array() * scale)
    around = (levels > 0) & (levels < _BASE)
    if not around.any() or (thickness[around] > float(scale.mean())).mean() < 0.5:
        return None
    names = segment_names(view, mirrored=mirrored)
    places = [(0, 2), (0, 1), (0, 0), (1, 0), (1, 1), (1, 2)]
    segments = []
    for name, (side, third) in zip(names, places, strict=True):
        here = around & (sides == side) & (levels >= third / 3) & (levels < (third + 1) / 3)
        mean = float(thickness[here].mean()) if here.any() else float("nan")
        segments.append(WallSegment(name, ("left", "right")[side], ("apical", "mid", "basal")[third], mean))
    thick = [part.thickness for part in segments if part.level != "apical" and np.isfinite(part.thickness)]
    per = 1000.0 if cavity.calibrated else 1.0
    by_area = area_length(epicardium.area, epicardium.length) - area_length(cavity.area, cavity.length)
    return Wall(
        epicardium,
        tuple(segments),
        float(np.mean(thick)) if thick else float("nan"),
        epicardium.volume - cavity.volume,
        by_area / per,
    )


def _thickness(inner: Points, outer: Points, marks: Points) -> tuple[Points, NDArray[np.int64], Points]:
    """Return of points along the endocardium: place on the long axis (apex 0, base 1), side, way to the epicardium."""
    ring = resample(inner, _N)
    half = _SMOOTH // 2
    ring = np.mean([np.roll(ring, shift, 0) for shift in range(-half, half + 1)], axis=0)
    apex, base = marks[0], (marks[1] + marks[2]) / 2
    length = max(float(np.hypot(*(base - apex))), 1e-12)
    down = (base - apex) / length
    right = np.array([-down[1], down[0]]) * (1.0 if down[0] >= 0 else -1.0)
    levels, across = (ring - apex) @ down / length, (ring - apex) @ right
    around = resample(outer, 2 * _N)
    ends = np.stack([around, np.roll(around, -1, 0)])
    below = ((ends - apex) @ down / length).max(0)
    return levels, (across > 0).astype(np.int64), _nearest(ring, ends, below[None] <= levels[:, None] + _BELOW)


def _nearest(points: Points, ends: Points, allowed: NDArray[np.bool_]) -> Points:
    """Return the distance of each point (N, 2) from the edges (2, M, 2) allowed to it, (N, M) bool; 0 without any."""
    start, step = ends[0], ends[1] - ends[0]
    size = np.maximum((step**2).sum(1), 1e-24)
    from_start = points[:, None] - start  # (N, M, 2)
    along = np.clip((from_start * step).sum(2) / size, 0.0, 1.0)
    squared = ((from_start - along[..., None] * step) ** 2).sum(2)
    found = np.sqrt(np.where(allowed, squared, np.inf).min(1))
    return np.where(np.isfinite(found), found, 0.0)
