"""Before and after on the same frames: differences with intervals by patient, and a paired test by patient.

The test flips the sign of patients' mean differences, as chance alone would: all flips for up to twelve patients, a
seeded 20,000 else (sign-flip permutation test; R. A. Fisher, The Design of Experiments, 1935). It is one-sided: how
often would chance make things look as much worse?
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from matae.metrics import paired_difference, patient_interval

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

__all__ = ["LEVEL", "TESTABLE", "Paired", "compare", "p_worse"]

LEVEL = 0.05
TESTABLE = 5
"""Patients from which the test can come out below `LEVEL`; with fewer, any loss beyond the tolerance counts."""
_EXACT, _DRAWS = 12, 20_000


@dataclass(frozen=True)
class Paired:
    """One figure before and after.

    Parameters
    ----------
    name, unit
        Of the figure.
    higher_is_better
        Whether more of it is good.
    before, after, difference
        Means over the frames (hearts for the ejection fraction); None where there are none.
    before_ci95, after_ci95, difference_ci95
        Intervals, patients drawn with replacement; None for fewer than two patients. That of the difference is the t
        interval of patients' mean differences where there are fewer than `TESTABLE`: drawing two to four patients with
        replacement gives intervals that leave out the truth far more often than once in twenty.
    n, n_patients
        Frames (or hearts), and patients.
    p_worse
        One-sided, see `p_worse`; None for fewer than two patients.
    worse
        Significantly worse, by more than the margin; or worse by more than the tolerance with an interval wholly on the
        worse side, or with fewer than `TESTABLE` patients.
    """

    name: str
    unit: str
    higher_is_better: bool
    before: float | None
    after: float | None
    difference: float | None
    before_ci95: tuple[float, float] | None
    after_ci95: tuple[float, float] | None
    difference_ci95: tuple[float, float] | None
    n: int
    n_patients: int
    p_worse: float | None
    worse: bool

    @property
    def better(self) -> bool:
        """Whether the mean moved the good way at all."""
        moved = self.difference or 0.0
        return moved > 0 if self.higher_is_better else moved < 0

    @property
    def surely_better(self) -> bool:
        """Whether the whole interval of the difference lies on the better side."""
        between = self.difference_ci95
        return between is not None and (between[0] > 0 if self.higher_is_better else between[1] < 0)

    @property
    def surely_worse(self) -> bool:
        """Whether the whole interval of the difference lies on the worse side."""
        between = self.difference_ci95
        return between is not None and (between[1] < 0 if self.higher_is_better else between[0] > 0)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def p_worse(differences: ArrayLike, *, seed: int = 0) -> float | None:
    """Return the one-sided p value of a loss: how often flipped signs give a mean as low as the one observed.

    Parameters
    ----------
    differences
        One a patient, (N,), positive is better.
    seed
        Of the flips, where not all are tried.

    Returns
    -------
    float or None
        None for fewer than two patients.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[np.isfinite(values)]
    n = len(values)
    if n < 2:
        return None
    if n <= _EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))
        return float((signs @ values <= values.sum() + 1e-12).mean())
    signs = np.random.default_rng(seed).choice((1.0, -1.0), size=(_DRAWS, n))
    # The observed one is a flip too.
    return float(((signs @ values <= values.sum() + 1e-12).sum() + 1) / (_DRAWS + 1))


def compare(
    name: str,
    before: ArrayLike,
    after: ArrayLike,
    patients: Sequence[str],
    *,
    unit: str = "",
    higher_is_better: bool = True,
    tolerance: float = 0.0,
    margin: float = 0.0,
) -> Paired:
    """Compare one figure on the same frames.

    Parameters
    ----------
    name, unit, higher_is_better
        Of the figure.
    before, after
        One value a frame, (N,), in the same order; a frame with NaN in either is left out.
    patients
        Patient of each frame.
    tolerance
        Loss that counts as none where there are too few patients to test; and beyond which an interval that is wholly
        on the worse side counts, whatever the test says.
    margin
        Mean loss that is put up with, however sure it is.
    """
    one, two = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    known = np.isfinite(one) & np.isfinite(two)
    one, two = one[known], two[known]
    names = [name_ for name_, is_known in zip(patients, known, strict=True) if is_known]
    if not len(one):
        return Paired(name, unit, higher_is_better, None, None, None, None, None, None, 0, 0, None, worse=False)
    apart = paired_difference(two, one, names)
    gain = (two - one) * (1 if higher_is_better else -1)
    means = _patient_means(gain, names)
    p = p_worse(means)
    too_few = p is None or apart.n_patients < TESTABLE
    lost = -float(gain.mean())
    interval = None if math.isnan(apart.low) else (apart.low, apart.high)
    if interval is not None and apart.n_patients < TESTABLE:
        interval = _t_interval(apart.mean, means)
    much = lost > max(tolerance, margin) + 1e-12
    if too_few or p is None:
        worse = much
    else:
        # Flipped signs cannot see one heart of six that went far astray; its interval can.
        surely = interval is not None and (interval[1] < 0 if higher_is_better else interval[0] > 0)
        worse = (p < LEVEL and lost > margin) or (surely and much)
    return Paired(
        name,
        unit,
        higher_is_better,
        float(one.mean()),
        float(two.mean()),
        apart.mean,
        patient_interval(one, names),
        patient_interval(two, names),
        interval,
        apart.n,
        apart.n_patients,
        p,
        worse=worse,
    )


def _t_interval(mean: float, patients: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % t interval about a mean, from the spread of at least two patients' means."""
    from scipy.special import stdtrit  # the quantiles of t; scipy.stats takes a second and a half to load

    half = float(stdtrit(len(patients) - 1, 0.975) * patients.std(ddof=1) / math.sqrt(len(patients)))
    return mean - half, mean + half


def _patient_means(values: NDArray[np.float64], patients: Sequence[str]) -> NDArray[np.float64]:
    _, which = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    means: NDArray[np.float64] = np.bincount(which, values) / np.bincount(which)
    return means
