r"""Volumes by the guideline's formulas: summation of disks (modified Simpson) and area-length.

Disks stand perpendicular to the long axis, which runs from the apex to the middle of the mitral annulus:

.. math:: V = \frac{\pi}{4} \sum_{i=1}^{n} a_i b_i \frac{L}{n}

with both diameters equal in a single plane, and L the longer of the two axes in two planes. Each diameter is cut in
the middle of its disk. R. Lang et al., J Am Soc Echocardiogr 28:1-39, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import MeasureError
from matae.measure._plane import crossings, is_calibrated, scale_of, signed_area
from matae.measure.contour import contour
from matae.measure.landmarks import Landmarks, find_landmarks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Spacing

    Points = NDArray[np.float64]

__all__ = [
    "N_DISKS",
    "Disks",
    "SinglePlane",
    "area_length",
    "biplane",
    "chords_at",
    "cut_disks",
    "disks",
    "ejection_fraction",
    "single_plane",
]

N_DISKS = 20


@dataclass(frozen=True, eq=False)
class Disks:
    """A cavity as a stack of disks.

    Parameters
    ----------
    landmarks
        Apex and hinge points.
    length
        Long axis, mm (pixels when not calibrated).
    chords
        Ends of each diameter, (n, 2, 2) as (y, x) in pixels, apex to base, the screen's left end first.
    diameters
        (n,), mm (pixels when not calibrated).
    area
        Area inside the outline, mm2 (pixels).
    volume
        Single-plane summation of disks, mL (cubic pixels).
    calibrated
        Whether the units are mm and mL.
    """

    landmarks: Landmarks
    length: float
    chords: NDArray[np.float64]
    diameters: NDArray[np.float64]
    area: float
    volume: float
    calibrated: bool


def disks(
    mask: ArrayLike,
    spacing: Spacing | None = None,
    *,
    landmarks: Landmarks | None = None,
    n: int = N_DISKS,
    apex_down: bool = False,
    label: int | None = None,
) -> Disks | None:
    """Cut a cavity into disks.

    Parameters
    ----------
    mask
        (Y, X), any type; the largest part counts, its holes filled.
    spacing
        Pixel size in mm, or None.
    landmarks
        Placed by hand; found when None.
    n
        Number of disks.
    apex_down
        The apex is at the bottom of the picture.
    label
        Class to take; everything but 0 when None.

    Returns
    -------
    Disks or None
        None when the mask is empty or only a few pixels.

    Raises
    ------
    MeasureError
        If it is no single frame, or `n` is not positive.
    """
    return cut_disks(contour(mask, label), spacing, landmarks=landmarks, n=n, apex_down=apex_down)


def cut_disks(
    points: Points,
    spacing: Spacing | None = None,
    *,
    landmarks: Landmarks | None = None,
    n: int = N_DISKS,
    apex_down: bool = False,
) -> Disks | None:
    """Cut an outline (N, 2) in pixels into disks; see `disks`."""
    if n < 1:
        raise MeasureError(f"{n} disks make no volume; give 1 or more.")
    marks = landmarks or find_landmarks(points, spacing, apex_down=apex_down)
    if marks is None or len(points) < 3:
        return None
    chords, diameters = chords_at(points, marks, (np.arange(n) + 0.5) / n, spacing)
    scale, length = scale_of(spacing), marks.length(spacing)
    volume = float(np.pi / 4.0 * (diameters**2).sum() * length / n)
    return Disks(
        landmarks=marks,
        length=length,
        chords=chords,
        diameters=diameters,
        area=abs(signed_area(points * scale)),
        volume=volume / (1000.0 if is_calibrated(spacing) else 1.0),
        calibrated=is_calibrated(spacing),
    )


def chords_at(
    points: Points, marks: Landmarks, fractions: Points, spacing: Spacing | None = None
) -> tuple[Points, Points]:
    """Cut an outline perpendicular to its long axis.

    Parameters
    ----------
    points
        Outline (N, 2) in pixels.
    marks
        Where the axis runs.
    fractions
        Where to cut, (K,): 0 is the apex, 1 the base.
    spacing
        Pixel size in mm, or None.

    Returns
    -------
    chords
        (K, 2, 2) as (y, x) in pixels, the screen's left end first; both ends on the axis where a line misses the
        outline.
    diameters
        (K,), mm (pixels without spacing); 0 where it misses.
    """
    scale = scale_of(spacing)
    apex, base = np.array(marks.apex) * scale, np.array(marks.base) * scale
    length = max(float(np.hypot(*(base - apex))), 1e-12)
    down = (base - apex) / length
    right = np.array([-down[1], down[0]]) * (1.0 if down[0] >= 0 else -1.0)
    local = points * scale - apex
    low, high = crossings(local @ down, local @ right, np.asarray(fractions, np.float64) * length)
    low, high = np.nan_to_num(low), np.nan_to_num(high)
    middle = apex + np.asarray(fractions)[:, None] * (base - apex)
    chords = np.stack([middle + low[:, None] * right, middle + high[:, None] * right], 1) / scale
    return chords, high - low


def area_length(area: float, length: float) -> float:
    """Return 8 A^2 / (3 pi L): mL from mm2 and mm divided by 1000 by the caller, cubic pixels from pixels.

    Parameters
    ----------
    area
        Area of the section.
    length
        Long axis; 0 gives 0.
    """
    return 8.0 * area**2 / (3.0 * np.pi * length) if length > 0 else 0.0


def biplane(first: Disks, second: Disks) -> float:
    """Return the biplane volume in mL of a cavity seen in two perpendicular planes (A4C and A2C).

    Raises
    ------
    MeasureError
        If one of them is not calibrated, or they have different numbers of disks.
    """
    if not (first.calibrated and second.calibrated):
        raise MeasureError("Biplane volumes need both clips calibrated; set the scale of each first.")
    if len(first.diameters) != len(second.diameters):
        raise MeasureError("Biplane volumes need the same number of disks in both views; cut both alike.")
    length = max(first.length, second.length)
    total = float((first.diameters * second.diameters).sum())
    return np.pi / 4.0 * total * length / len(first.diameters) / 1000.0


def ejection_fraction(edv: float, esv: float) -> float | None:
    """Return 100 (EDV - ESV) / EDV in percent; None without an end-diastolic volume."""
    return 100.0 * (edv - esv) / edv if edv > 0 else None


@dataclass(frozen=True, eq=False)
class SinglePlane:
    """Volumes and ejection fraction from one view.

    Parameters
    ----------
    edv, esv
        Volumes by summation of disks, mL (cubic pixels when not calibrated).
    ef_percent
        Ejection fraction.
    ed, es
        The stacks of disks behind them.
    area_length_edv, area_length_esv, area_length_ef_percent
        The same by the area-length formula.
    calibrated
        Whether the volumes are mL.
    """

    edv: float
    esv: float
    ef_percent: float
    ed: Disks
    es: Disks
    area_length_edv: float
    area_length_esv: float
    area_length_ef_percent: float
    calibrated: bool

    @property
    def stroke_volume(self) -> float:
        """End-diastolic minus end-systolic volume."""
        return self.edv - self.esv

    @property
    def area_change_percent(self) -> float:
        """Fractional area change."""
        return 100.0 * (self.ed.area - self.es.area) / self.ed.area


def single_plane(
    ed_mask: ArrayLike,
    es_mask: ArrayLike,
    spacing: Spacing | None = None,
    *,
    apex_down: bool = False,
    label: int | None = None,
) -> SinglePlane | None:
    """Return volumes and ejection fraction of an end-diastolic and an end-systolic mask of one view.

    Parameters
    ----------
    ed_mask, es_mask
        (Y, X), any type.
    spacing
        Pixel size in mm, or None.
    apex_down
        The apex is at the bottom of the picture.
    label
        Class to take; everything but 0 when None.

    Returns
    -------
    SinglePlane or None
        None when a mask is empty or only a few pixels.

    Raises
    ------
    MeasureError
        If a mask is no single frame.
    """
    ed = disks(ed_mask, spacing, apex_down=apex_down, label=label)
    es = disks(es_mask, spacing, apex_down=apex_down, label=label)
    return None if ed is None or es is None else pair(ed, es)


def pair(ed: Disks, es: Disks) -> SinglePlane | None:
    """Return volumes and ejection fraction of two stacks of disks; None if one holds nothing.

    Landmarks that a person placed beside the cavity make such a stack.
    """
    if min(ed.volume, es.volume, ed.area) <= 0:
        return None
    per = 1000.0 if ed.calibrated else 1.0
    by_area = area_length(ed.area, ed.length) / per, area_length(es.area, es.length) / per
    return SinglePlane(
        edv=ed.volume, esv=es.volume, ef_percent=100.0 * (ed.volume - es.volume) / ed.volume, ed=ed, es=es,
        area_length_edv=by_area[0], area_length_esv=by_area[1],
        area_length_ef_percent=100.0 * (by_area[0] - by_area[1]) / by_area[0], calibrated=ed.calibrated,
    )  # fmt: skip
