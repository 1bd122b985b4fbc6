"""Overlap of two masks: Dice and IoU, with the empty cases decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["dice", "iou"]


def _counts(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if first.shape != second.shape:
        raise ValueError(f"masks differ in shape: {first.shape} and {second.shape}")
    both = np.logical_and(first, second).sum(axis=(-2, -1), dtype=np.int64)
    total = first.sum(axis=(-2, -1), dtype=np.int64) + second.sum(axis=(-2, -1), dtype=np.int64)
    return both, total


def dice(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Return the Dice coefficient of each pair of masks.

    Parameters
    ----------
    a, b
        Masks (..., Y, X); non-zero is foreground.

    Returns
    -------
    numpy.ndarray
        Dice in 0-1, one for each leading index. Two empty masks agree perfectly and score 1.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> float(dice([[1, 1], [0, 0]], [[1, 0], [0, 0]]).round(3))
    0.667
    """
    both, total = _counts(a, b)
    return np.where(total == 0, 1.0, 2.0 * both / np.maximum(total, 1))


def iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Return the intersection over union (Jaccard index) of each pair of masks.

    Parameters and errors are those of `dice`; two empty masks score 1.

    Examples
    --------
    >>> float(iou([[1, 1], [0, 0]], [[1, 0], [0, 0]]))
    0.5
    """
    both, total = _counts(a, b)
    union = total - both
    return np.where(union == 0, 1.0, both / np.maximum(union, 1))
