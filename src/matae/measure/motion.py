"""How walls and annulus move from end-diastole to end-systole.

Wall motion is taken in the heart's own axes: half-widths of the cavity at equal fractions of its own long axis, at
end-diastole and at end-systole. So a heart that only shifts or rocks as a whole shows none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.measure._plane import crossings, is_calibrated, scale_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.cine import Spacing
    from matae.measure.disks import Disks
    from matae.measure.landmarks import Landmarks

    Points = NDArray[np.float64]

__all__ = [
    "SEGMENTS",
    "AnnulusMotion",
    "Segment",
    "annulus_motion",
    "contour_shortening",
    "segment_names",
    "wall_motion",
]

SEGMENTS: dict[str, tuple[str, str, str, str, str, str]] = {
    "A4C": (
        "basal inferoseptal", "mid inferoseptal", "apical septal",
        "apical lateral", "mid anterolateral", "basal anterolateral",
    ),
    "A2C": (
        "basal inferior", "mid inferior", "apical inferior", "apical anterior", "mid anterior", "basal anterior",
    ),
    "A3C": (
        "basal inferolateral", "mid inferolateral", "apical lateral",
        "apical anterior", "mid anteroseptal", "basal anteroseptal",
    ),
    "": ("basal left", "mid left", "apical left", "apical right", "mid right", "basal right"),
}  # fmt: skip
"""Names of the six segments a view shows, from the left hinge over the apex to the right hinge (17-segment model)."""

_LEVELS = 30  # cuts along the axis, ten a segment


@dataclass(frozen=True)
class Segment:
    """One of six parts of the wall.

    Parameters
    ----------
    name
        As in `SEGMENTS`.
    side
        ``left`` or ``right`` on the screen.
    level
        ``basal``, ``mid`` or ``apical``: thirds of the long axis.
    inward_px, inward_mm
        How far the wall comes nearer to the long axis, mean over the segment; mm only when calibrated.
    inward_percent
        The same relative to its distance at end-diastole.
    area_change_percent
        By how much the area between it and the axis shrinks.
    """

    name: str
    side: str
    level: str
    inward_px: float
    inward_mm: float | None
    inward_percent: float
    area_change_percent: float


@dataclass(frozen=True)
class AnnulusMotion:
    """Travel of the mitral annulus towards the apex, end-diastole to end-systole.

    Parameters
    ----------
    middle, left, right
        mm (pixels when not calibrated), along the end-diastolic long axis; the middle of the annulus and its hinges.
    percent
        Travel of the middle relative to the end-diastolic length.
    calibrated
        Whether the unit is mm.
    """

    middle: float
    left: float
    right: float
    percent: float
    calibrated: bool


def segment_names(view: str | None, *, mirrored: bool = False) -> tuple[str, ...]:
    """Return the names of the six segments of a view, from the left hinge on the screen to the right one."""
    names = SEGMENTS.get(view or "", SEGMENTS[""])
    return names[::-1] if mirrored and view in SEGMENTS else names


def wall_motion(
    ed_points: Points,
    es_points: Points,
    ed: Landmarks,
    es: Landmarks,
    *,
    spacing: Spacing | None = None,
    view: str | None = None,
    mirrored: bool = False,
) -> tuple[Segment, ...]:
    """Return the motion of six segments of the wall.

    Parameters
    ----------
    ed_points, es_points
        Outlines (N, 2) in pixels.
    ed, es
        Their landmarks.
    spacing
        Pixel size in mm, or None.
    view
        ``A4C``, ``A2C``, ``A3C``; segments are called left and right otherwise.
    mirrored
        The display is the other way round than usual: names are swapped, sides are not.

    Returns
    -------
    tuple of Segment
        From the left hinge over the apex to the right hinge.
    """
    names = segment_names(view, mirrored=mirrored)
    before, after = _half_widths(ed_points, ed, spacing), _half_widths(es_points, es, spacing)
    lengths = ed.length(spacing), es.length(spacing)
    pixel = float(np.sqrt(scale_of(spacing).prod()))
    places = [(0, 2), (0, 1), (0, 0), (1, 0), (1, 1), (1, 2)]
    found = []
    for name, (side, third) in zip(names, places, strict=True):
        wide = float(before[side, third].mean())
        narrow = float(after[side, third].mean())
        area = wide * lengths[0]
        found.append(
            Segment(
                name=name,
                side=("left", "right")[side],
                level=("apical", "mid", "basal")[third],
                inward_px=(wide - narrow) / pixel,
                inward_mm=wide - narrow if is_calibrated(spacing) else None,
                inward_percent=_percent(wide - narrow, wide),
                area_change_percent=_percent(area - narrow * lengths[1], area),
            )
        )
    return tuple(found)


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole > 0 else 0.0


def _half_widths(points: Points, marks: Landmarks, spacing: Spacing | None) -> Points:
    """Distance of the left and the right wall from the long axis, (2, 3, 10), apex to base."""
    scale = scale_of(spacing)
    apex, base = np.array(marks.apex) * scale, np.array(marks.base) * scale
    length = max(float(np.hypot(*(base - apex))), 1e-12)
    down = (base - apex) / length
    right = np.array([-down[1], down[0]]) * (1.0 if down[0] >= 0 else -1.0)
    local = points * scale - apex
    low, high = crossings(local @ down, local @ right, (np.arange(_LEVELS) + 0.5) / _LEVELS * length)
    widths: Points = np.nan_to_num(np.stack([-low, high])).reshape(2, 3, -1)
    return widths


def annulus_motion(ed: Landmarks, es: Landmarks, spacing: Spacing | None = None) -> AnnulusMotion:
    """Return how far the mitral annulus moves towards the apex (what M-mode calls MAPSE, here from the outline).

    Parameters
    ----------
    ed, es
        Landmarks at end-diastole and end-systole.
    spacing
        Pixel size in mm, or None.
    """
    scale = scale_of(spacing)
    length = max(ed.length(spacing), 1e-12)
    up = (np.array(ed.apex) - np.array(ed.base)) * scale / length
    middle, left, right = (
        float((np.array(there) - np.array(here)) * scale @ up)
        for here, there in ((ed.base, es.base), (ed.left, es.left), (ed.right, es.right))
    )
    return AnnulusMotion(middle, left, right, 100.0 * middle / length, is_calibrated(spacing))


def contour_length(disks: Disks, spacing: Spacing | None = None) -> float:
    """Return the length of the wall from hinge to hinge over the apex, without the mitral closure.

    It runs through the ends of the disks: the steps of the pixels would lengthen it.
    """
    marks = disks.landmarks
    left, right = disks.chords[::-1, 0], disks.chords[:, 1]
    line = np.concatenate([[marks.left], left, [marks.apex], right, [marks.right]]) * scale_of(spacing)
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def contour_shortening(ed: Disks, es: Disks, spacing: Spacing | None = None) -> float:
    """Return 100 (L_ES - L_ED) / L_ED of the wall's length in percent: negative when it shortens.

    This is contour shortening, **not** speckle-tracking strain: points of the wall are not followed.
    """
    before = contour_length(ed, spacing)
    return 100.0 * (contour_length(es, spacing) - before) / before if before > 0 else 0.0
