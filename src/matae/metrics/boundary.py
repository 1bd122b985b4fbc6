"""Distance between the outlines of two masks: HD95 and ASSD, as MONAI has them, with the empty cases decided."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["BoundaryDistances", "boundary_distances"]


class BoundaryDistances(NamedTuple):
    """How far two outlines lie apart, in the unit of the spacing.

    Parameters
    ----------
    hd95
        95th percentile of the Hausdorff distance: the larger of the two directed 95th percentiles.
    assd
        Average symmetric surface distance: the mean over the pixels of both outlines.
    """

    hd95: float
    assd: float


def boundary_distances(a: ArrayLike, b: ArrayLike, spacing: tuple[float, float] = (1.0, 1.0)) -> BoundaryDistances:
    """Return HD95 and ASSD of two masks.

    An outline is the pixels of a mask that touch a pixel outside it (4-neighbours, the picture's edge counted as
    outside), as MONAI has it. Two empty masks agree perfectly: 0, as their Dice is 1. Where one alone is empty there
    is no distance: NaN, to be left out of a mean and counted; any number put in its place would measure the size of
    the picture. That the mask was missed is in the Dice, which is 0.

    Parameters
    ----------
    a, b
        Masks (Y, X); non-zero is foreground.
    spacing
        Size of a pixel (y, x), usually in mm.

    Returns
    -------
    BoundaryDistances
        Distances in the unit of `spacing`.

    Raises
    ------
    ValueError
        If the shapes differ, the masks are not 2-D, or the spacing is not positive.
    """
    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(f"masks must be 2-D and of one shape, not {first.shape} and {second.shape}")
    if not all(math.isfinite(step) and step > 0 for step in spacing):
        raise ValueError(f"spacing must be positive, not {spacing}")
    if not first.any() or not second.any():
        apart = math.nan if first.any() or second.any() else 0.0
        return BoundaryDistances(apart, apart)
    from scipy.spatial import cKDTree

    here, there = (_outline(mask) * np.asarray(spacing, np.float64) for mask in (first, second))
    ways = [cKDTree(there).query(here)[0], cKDTree(here).query(there)[0]]
    hd95 = max(float(np.percentile(way, 95)) for way in ways)
    return BoundaryDistances(hd95, float(np.concatenate(ways).mean()))


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the pixels of a mask that touch one outside it, (N, 2)."""
    around = np.pad(mask, 1)
    inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return np.argwhere(mask & ~inner)
