"""Confidence intervals by resampling patients.

Frames of one patient resemble each other: resampling frames would make every interval too narrow. So patients are
drawn with replacement and bring all their frames (cluster bootstrap, percentile interval; B. Efron and
R. Tibshirani, An Introduction to the Bootstrap, 1993).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["DRAWS", "Difference", "paired_difference", "patient_interval", "small_set_spread"]

DRAWS = 10_000
_WEIGHTS_AT_ONCE = 2**21  # counts in memory, whatever the number of patients


class Difference(NamedTuple):
    """Mean of paired differences with its interval; see `paired_difference`."""

    mean: float
    low: float
    high: float
    n: int
    n_patients: int


def patient_interval(
    values: ArrayLike, patients: Sequence[str], *, draws: int = DRAWS, seed: int = 0, level: float = 0.95
) -> tuple[float, float] | None:
    """Return the percentile interval of the mean over frames, patients being drawn.

    Parameters
    ----------
    values
        One value a frame, (N,); NaN is left out.
    patients
        Patient of each frame.
    draws
        Number of resamples.
    seed
        The same seed gives the same interval.
    level
        Share of the resampled means inside the interval.

    Returns
    -------
    tuple of float or None
        Low and high end; None for fewer than two patients with a value, which say nothing about others.

    Raises
    ------
    ValueError
        If there is not one patient a value, or `level` or `draws` make no sense.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (len(patients),):
        raise ValueError(f"{found.shape} values for {len(patients)} frames")
    if not 0 < level < 1 or draws < 1:
        raise ValueError(f"level {level} and {draws} draws are not possible")
    sums, counts = _by_patient(found, patients)
    if len(sums) < 2:
        return None
    means = _resampled(sums, counts, draws, seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _by_patient(values: NDArray[np.float64], patients: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the sum of the values and their number for each patient that has one."""
    known = np.isfinite(values)
    names = np.asarray(patients, dtype=str)[known]
    _, which = np.unique(names, return_inverse=True)
    return np.bincount(which, values[known]).astype(np.float64), np.bincount(which).astype(np.int64)


def _resampled(sums: NDArray[np.float64], counts: NDArray[np.int64], draws: int, seed: int) -> NDArray[np.float64]:
    generator, patients = np.random.default_rng(seed), len(sums)
    means, done = np.empty(draws), 0
    while done < draws:
        some = min(draws - done, max(1, _WEIGHTS_AT_ONCE // patients))
        # How often each patient is drawn: the same as drawing them, and two products give all means.
        times = generator.multinomial(patients, np.full(patients, 1 / patients), size=some)
        means[done : done + some] = (times @ sums) / (times @ counts)
        done += some
    return means


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    patients: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """Return the mean of ``first - second`` over the same frames, with its interval by patient.

    What is hard in a frame is hard for both, and cancels: a paired difference tells apart what two intervals that
    overlap cannot.

    Parameters
    ----------
    first, second
        One value a frame, (N,), in the same order; a frame with NaN in either is left out.
    patients, draws, seed, level
        As for `patient_interval`.

    Returns
    -------
    Difference
        With NaN for what too few frames or patients allow.

    Raises
    ------
    ValueError
        As `patient_interval`, or if the two differ in length.
    """
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != two.shape:
        raise ValueError(f"{one.shape} and {two.shape} values are no pairs")
    apart = one - two
    known = np.isfinite(apart)
    mean = float(apart[known].mean()) if known.any() else float("nan")
    interval = patient_interval(apart, patients, draws=draws, seed=seed, level=level)
    low, high = interval or (float("nan"), float("nan"))
    n_patients = len({name for name, is_known in zip(patients, known, strict=True) if is_known})
    return Difference(mean, low, high, int(known.sum()), n_patients)


def small_set_spread(
    values: ArrayLike, size: int = 14, *, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float] | None:
    """Return between what means a test set of a few frames, drawn at random from all, would have come out.

    Parameters
    ----------
    values
        One value a frame, (N,).
    size
        Frames of the small set, drawn without replacement and without regard to patients, as the paper did.
    draws, seed, level
        As for `patient_interval`.

    Returns
    -------
    tuple of float or None
        Low and high end; None if there are not more frames than `size`.
    """
    found = np.asarray(values, dtype=np.float64)
    if len(found) <= size:
        return None
    generator = np.random.default_rng(seed)
    means = [found[generator.permutation(len(found))[:size]].mean() for _ in range(draws)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
