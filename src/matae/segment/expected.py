r"""The Dice to be expected of an outline that nobody has looked at.

What a network's probabilities imply is too high, since networks are too sure. It is put right by what was measured on
pictures whose outline is known, all of them made from patients it was trained on (`benchmarks/fit_trust.py`):

.. math:: \operatorname{logit} D = a + b \operatorname{logit} D_p + c \log(d + 0.01) + e \log(w + 0.01)

with :math:`D_p` the Dice that the probabilities imply, *d* one minus the Dice between the width that outlined and the
next narrower one, and *w* the same of the widest other one; where fewer widths were asked, a line with fewer terms.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from matae.nn.card import ModelCard

__all__ = ["CALIBRATED", "DOUBTFUL", "calibrated_dice", "curve", "expected_dice", "implied_dice", "is_calibrated"]

CALIBRATED = "matae-apical"
"""The model whose expected Dice was measured."""
DOUBTFUL = 0.88
"""Expected Dice below which an outline is taken for wrong (`benchmarks/fit_trust.py`)."""
_ALONE = (-0.623, 1.230)
"""Constant, and weight of the implied Dice, where one width was asked."""
_BOTH = (-1.128, 0.671, -0.618)
"""The same, and the weight of the distance to the next narrower width."""
_ALL = (-1.408, 0.442, -0.425, -0.445)
"""The same, and the weight of the distance to the widest other width."""
_NEAR, _FAR = 0.01, 0.5  # distances between widths that are told apart
_MOST = 0.995


def expected_dice(mask: NDArray[np.uint8], probability: NDArray[np.uint8]) -> float:
    """Return the Dice of the cavity that the network's probabilities imply, were they right.

    Twice the expected overlap over the sum of the mask's area and the expected area. Where the probabilities are those
    of a network that is too sure, as most are, it is too high; it still tells frames apart.

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X); 1 is the cavity.
    probability
        Of the most likely class or region, (Y, X) uint8, 255 is certain; as `matae.segment.FrameMask` has it.

    Returns
    -------
    float
        In 0-1; 0 for an empty mask where a cavity is expected, 1 where none is.
    """
    inside, others = mask == 1, mask > 1
    # Whole numbers, 255 for one: exact, and quick enough to ask on every frame as it comes.
    whole, there, theirs = (int(probability.sum(where=where, dtype=np.int64)) for where in (True, inside, others))
    # Outside, a single region's probability is the cavity's; in another class it is that class's, and this is not.
    expected = whole - theirs + (255 * int(np.count_nonzero(others)) - theirs)
    total = 255 * int(np.count_nonzero(inside)) + expected
    return 1.0 if total == 0 else 2 * there / total


def implied_dice(mask: NDArray[np.uint8], probability: NDArray[np.uint8]) -> float:
    """Return `expected_dice`; NaN where nothing is outlined and nothing expected: there is no outline to judge."""
    return expected_dice(mask, probability) if mask.any() or probability.any() else math.nan


def calibrated_dice(
    implied: ArrayLike, apart: ArrayLike | None = None, widest: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the Dice to be expected of outlines.

    Parameters
    ----------
    implied
        What the probabilities imply, see `implied_dice`; NaN where it is not known.
    apart
        One minus the Dice between the width that outlined and the next narrower one; NaN, or None, where nobody asked.
    widest
        The same of the widest other width. It tells most, and counts only where `apart` is known too.

    Returns
    -------
    numpy.ndarray
        As many, in 0-1; NaN where nothing is implied.
    """
    found = curve(_ALONE, implied)
    for weights, distances in ((_BOTH, (apart,)), (_ALL, (apart, widest))):
        if any(distance is None for distance in distances):
            break
        closer = curve(weights, implied, *(np.asarray(distance, np.float64) for distance in distances))
        found = np.asarray(np.where(np.isfinite(closer), closer, found))
    return found


def curve(weights: tuple[float, ...], implied: ArrayLike, *distances: ArrayLike) -> NDArray[np.float64]:
    """Return what `calibrated_dice` would with other weights: constant, of the implied Dice, and of each distance."""
    share = np.clip(np.asarray(implied, np.float64), 1 - _MOST, _MOST)
    logit = weights[0] + weights[1] * np.log(share / (1 - share))
    for weight, distance in zip(weights[2:], distances, strict=True):
        logit = logit + weight * np.log(np.clip(np.asarray(distance, np.float64), 0, _FAR) + _NEAR)
    return np.asarray(1 / (1 + np.exp(-logit)))


def is_calibrated(card: ModelCard) -> bool:
    """Return whether the expected Dice of a model is that of `CALIBRATED`: the model itself, or retrained from it."""
    parent = card.parent or {}
    return CALIBRATED in (card.name, parent.get("name"))
