"""Left atrial volume in an apical view, from the atrium under the mitral annulus of the cavity.

The long axis runs from the middle of the annulus, whose hinge points are those of the cavity in the same frame, to the
roof; so the funnel of an open valve counts neither to the atrium nor to its length. Volumes are largest at the end of
the ventricle's systole, just before the mitral valve opens: that frame is the one that is reported (ASE/EACVI 2015, see
`matae.measure.normal_ranges`). Veins and appendage are left out as far as the mask leaves them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import ATRIUM
from matae.measure._edge import edge_distance
from matae.measure._plane import scale_of
from matae.measure.contour import contour
from matae.measure.disks import Disks, area_length, biplane, cut_disks
from matae.measure.landmarks import Landmarks, tip

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Spacing

__all__ = ["AtrialVolume", "atrial_volume", "biplane_atrial_volume", "cut_atrium", "is_cut_off"]

_AT_EDGE = 0.08  # share of the outline at the sector's edge; as for the cavity (`matae.measure.flags`)
_NEAR = 0.02  # of the long axis


@dataclass(frozen=True)
class AtrialVolume:
    """Volume of the left atrium, mL (cubic pixels when not calibrated).

    Parameters
    ----------
    disks
        By summation of disks.
    area_length
        8 A^2 / (3 pi L) of one view; 8 A4C A2C / (3 pi L) of two, L the shorter of both lengths.
    """

    disks: float
    area_length: float


def cut_atrium(mask: ArrayLike, cavity: Landmarks, spacing: Spacing | None = None) -> Disks | None:
    """Cut the left atrium of a frame into disks.

    Parameters
    ----------
    mask
        (Y, X) classes as in `matae.anatomy`; the largest part of the atrium counts.
    cavity
        Apex and hinge points of the ventricle's cavity in the same frame.
    spacing
        Pixel size in mm, or None.

    Returns
    -------
    Disks or None
        Their landmarks have the roof of the atrium as apex. None without an atrium, or with one that does not lie
        beyond the annulus.
    """
    points = contour(mask, ATRIUM)
    if len(points) < 6:
        return None
    scale = scale_of(spacing)
    base = np.array(cavity.base) * scale
    roof = tip(points * scale, base)
    if (roof - base) @ (base - np.array(cavity.apex) * scale) <= 0:
        return None
    marks = Landmarks((float(roof[0] / scale[0]), float(roof[1] / scale[1])), cavity.left, cavity.right)
    found = cut_disks(points, spacing, landmarks=marks)
    return found if found is not None and found.volume > 0 else None


def atrial_volume(atrium: Disks) -> AtrialVolume:
    """Return the volume from one view."""
    per = 1000.0 if atrium.calibrated else 1.0
    return AtrialVolume(atrium.volume, area_length(atrium.area, atrium.length) / per)


def biplane_atrial_volume(four: Disks, two: Disks) -> AtrialVolume:
    """Return the volume in mL from a four-chamber and a two-chamber view.

    Raises
    ------
    MeasureError
        If one of them is not calibrated.
    """
    summed = biplane(four, two)
    return AtrialVolume(summed, 8.0 * four.area * two.area / (3.0 * np.pi * min(four.length, two.length)) / 1000.0)


def is_cut_off(
    mask: ArrayLike, atrium: Disks, sector: NDArray[np.bool_], spacing: Spacing | None = None
) -> bool:  # fmt: skip
    """Say whether the edge of the sector cuts the atrium: its far wall often lies beyond the depth of the picture.

    Parameters
    ----------
    mask
        (Y, X) classes.
    atrium
        The atrium in it.
    sector
        Pixels of the sector, (Y, X) bool.
    spacing
        Pixel size in mm, or None.
    """
    points, scale = contour(mask, ATRIUM), scale_of(spacing)
    near = max(_NEAR * atrium.length, 2.0 * float(scale.mean()))
    depth = edge_distance(sector, scale, points, near)
    y, x = np.rint(points).astype(int).T
    limit = np.array(sector.shape) - 1
    return bool((depth[np.clip(y, 0, limit[0]), np.clip(x, 0, limit[1])] <= near).mean() > _AT_EDGE)
