"""Agreement of two measurements of the same thing, such as ejection fractions (Bland and Altman)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Agreement", "agreement"]


class Agreement(NamedTuple):
    """How two measurements agree, in their unit.

    Parameters
    ----------
    mae
        Mean absolute difference.
    bias
        Mean of measured minus reference.
    loa
        95 % limits of agreement, bias -/+ 1.96 standard deviations of the differences.
    r
        Pearson correlation.
    n
        Number of pairs. What they do not allow is NaN.
    """

    mae: float
    bias: float
    loa: tuple[float, float]
    r: float
    n: int


def agreement(measured: ArrayLike, reference: ArrayLike) -> Agreement:
    """Return how a measurement agrees with its reference.

    Parameters
    ----------
    measured, reference
        One value a case, (N,), in the same order; a pair with NaN is left out.

    Raises
    ------
    ValueError
        If the two differ in length.

    Notes
    -----
    J. M. Bland and D. G. Altman, Lancet 327:307-310, 1986.
    """
    one, two = np.asarray(measured, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if one.shape != two.shape or one.ndim != 1:
        raise ValueError(f"{one.shape} and {two.shape} values are no pairs")
    known = np.isfinite(one) & np.isfinite(two)
    one, two = one[known], two[known]
    apart = one - two
    if not len(apart):
        return Agreement(math.nan, math.nan, (math.nan, math.nan), math.nan, 0)
    bias = float(apart.mean())
    half = 1.96 * float(apart.std(ddof=1)) if len(apart) > 1 else math.nan
    varies = len(apart) > 1 and one.std() > 0 and two.std() > 0
    r = float(np.corrcoef(one, two)[0, 1]) if varies else math.nan
    return Agreement(float(np.abs(apart).mean()), bias, (bias - half, bias + half), r, len(apart))
