"""Prompts as a person would give them, made from reference masks: to train the head and to measure it.

Landmarks are those the project itself finds on the reference (`matae.measure.landmarks`), moved at random. A click goes
into the largest part of what the mask so far has wrong, positive where structure is missing and negative where there is
too much, as interactive segmentation is trained and measured (K. Sofiiuk et al., ICIP 2022).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AXIS_MM", "jittered_box", "jittered_landmarks", "next_click"]

AXIS_MM = 85.0
"""Length of the long axis that a millimetre is told by where a frame has no calibration."""
_STEP = 2  # errors are looked at on every second pixel


def jittered_landmarks(
    mask: NDArray[np.bool_], sd_mm: float, mm_per_pixel: float | None, rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """Return apex, left and right hinge point of a cavity, each moved at random, (3, 2); None where there are none.

    Parameters
    ----------
    mask
        The reference cavity, (Y, X).
    sd_mm
        Standard deviation of the move in each direction, mm.
    mm_per_pixel
        Size of a pixel; a long axis of `AXIS_MM` if None.
    rng
        Source of the random numbers.
    """
    from matae.measure.landmarks import landmarks

    found = landmarks(mask)
    if found is None:
        return None
    pixel = mm_per_pixel or AXIS_MM / max(found.length(), 1.0)
    return found.as_array() + rng.normal(0, sd_mm / pixel, (3, 2))


def jittered_box(mask: NDArray[np.bool_], share: float, rng: np.random.Generator) -> NDArray[np.float64] | None:
    """Return top, left, bottom and right of a structure, each moved at random; None where it is not there.

    Parameters
    ----------
    mask
        The reference structure, (Y, X).
    share
        Standard deviation of the move, as a share of the box's side.
    rng
        Source of the random numbers.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return None
    box = np.array([rows[0], columns[0], rows[-1], columns[-1]], np.float64)
    sides = np.array([box[2] - box[0], box[3] - box[1]] * 2) + 1
    moved: NDArray[np.float64] = box + rng.normal(0, share, 4) * sides
    return moved


def next_click(
    found: NDArray[np.bool_], truth: NDArray[np.bool_], rng: np.random.Generator | None = None
) -> tuple[NDArray[np.float64], bool] | None:
    """Return where the next click goes, (y, x), and whether it is a positive one; None where nothing is wrong.

    Parameters
    ----------
    found, truth
        The mask so far and the reference, (Y, X).
    rng
        Makes the click a random one in the inner half of the largest error; in its very middle if None.
    """
    from scipy import ndimage

    best: tuple[float, NDArray[np.float64], bool] | None = None
    small, right = found[::_STEP, ::_STEP], truth[::_STEP, ::_STEP]
    for wrong, positive in ((right & ~small, True), (small & ~right, False)):
        if not wrong.any():
            continue
        parts, _ = ndimage.label(wrong)
        sizes = np.bincount(parts.ravel())[1:]
        size = int(sizes.max())
        if best is not None and size <= best[0]:
            continue
        deep = ndimage.distance_transform_edt(np.pad(parts == 1 + int(sizes.argmax()), 1))[1:-1, 1:-1]
        places = np.argwhere(deep >= (deep.max() if rng is None else 0.5 * deep.max()))
        at = places[len(places) // 2 if rng is None else int(rng.integers(len(places)))]
        best = (size, at.astype(np.float64) * _STEP + (_STEP - 1) / 2, positive)
    return None if best is None else best[1:]
