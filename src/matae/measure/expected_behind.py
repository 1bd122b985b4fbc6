"""The Dice to be expected of the outlines behind an ejection fraction, of which every width has been asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.nn.widths import parse_width
from matae.segment.compare import second_width
from matae.segment.expected import calibrated_dice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from matae.measure.beat_measurement import BeatValues
    from matae.measure.inputs import Inputs

__all__ = ["expected_behind", "expected_of", "expected_unseen", "without_frames"]


def expected_behind(inputs: Inputs, beats: Sequence[BeatValues]) -> dict[int, float]:
    """Return the Dice to be expected of end-diastolic and end-systolic outlines, by frame.

    Of those alone that a width of the network made, whose probabilities are known, and which another width has outlined
    as well. The distance to the widest other one tells most (`benchmarks/fit_trust.py`).

    Parameters
    ----------
    inputs
        What is measured, with the masks of the widths and the Dice that the probabilities imply.
    beats
        The beats of it.
    """
    from matae.metrics import dice

    if inputs.implied is None:
        return {}
    found = {}
    for frame in {frame for beat in beats for frame in beat.frames}:
        held = {parse_width(name): masks[frame] for name, masks in inputs.width_masks.items() if frame in masks}
        own = [width for width, mask in held.items() if np.array_equal(inputs.mask(frame), mask)]
        pairs = _compared(list(held), own[0]) if own else ()
        if not pairs or not np.isfinite(inputs.implied[frame]):
            continue
        cavity = {width: mask == inputs.options.label for width, mask in held.items()}
        apart = [1.0 - float(dice(cavity[one], cavity[other])) for one, other in pairs]
        found[frame] = float(calibrated_dice(inputs.implied[frame], *apart))
    return found


def expected_of(inputs: Inputs, beats: Sequence[BeatValues]) -> NDArray[np.float64] | None:
    """Return the Dice to be expected of every outline, (T,), those of `expected_behind` among them; None of none."""
    closer = expected_behind(inputs, beats)
    if not closer:
        return inputs.expected
    found = np.full(inputs.cine.n_frames, np.nan) if inputs.expected is None else inputs.expected.copy()
    found[list(closer)] = list(closer.values())
    return found


def expected_unseen(inputs: Inputs, beats: Sequence[BeatValues], expected: NDArray[np.float64] | None) -> list[float]:
    """Return the expected Dice of the outlines behind an ejection fraction, NaN of those that a person accepted."""
    behind = [frame for values in beats for frame in values.frames]
    return [np.nan if expected is None or t in inputs.reviewed else float(expected[t]) for t in behind]


def without_frames(expected: NDArray[np.float64] | None, frames: Iterable[int]) -> NDArray[np.float64] | None:
    """Return the expected Dice without those of frames that have another mask now."""
    left = None if expected is None else expected.copy()
    if left is not None:
        left[[frame for frame in frames if 0 <= frame < len(left)]] = np.nan
    return left


def _compared(widths: list[float], own: float) -> tuple[tuple[float, float], ...]:
    """Return the two pairs of widths whose distances tell; nothing where there are not two widths.

    The width that outlined with the next narrower one, and with the widest. Where it is the widest itself, both pairs
    are those of the next narrower one: two widths that are wide are near each other, and promise too much.
    """
    near = second_width(widths, own)
    if near is None:
        return ()
    widest = max(widths)
    if own != widest:
        return (own, near), (own, widest)
    narrower = [width for width in widths if width < near]
    return (near, max(narrower) if narrower else own), (own, near)
