r"""The interval of a difference of two ejection fractions.

Of two values with 90 % intervals of half widths :math:`h_1` and :math:`h_2`, each with an error of its own, the
difference has the half width :math:`\sqrt{h_1^2 + h_2^2}`: variances of independent errors add.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matae.store.types import StoredMeasurement

__all__ = ["difference_half"]


def difference_half(one: StoredMeasurement | None, two: StoredMeasurement | None) -> float:
    """Return half of the 90 % interval of the difference of two ejection fractions, points; infinite where unknown."""
    return math.hypot(_half(one), _half(two))


def _half(measured: StoredMeasurement | None) -> float:
    """Return half of an interval as it was before it was cut at 0 or 100 %; of one that leans, the longer reach."""
    if measured is None or measured.ef is None or measured.ef_low is None or measured.ef_high is None:
        return math.inf
    return max(measured.ef - measured.ef_low, measured.ef_high - measured.ef)
