"""The Dice to be expected of the outlines behind an ejection fraction, of which every width has been asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.nn.widths import parse_width
from matae.segment.compare import second_width
from matae.segment.expected import calibrated_dice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.measure.beat_measurement import BeatValues
    from matae.measure.inputs import Inputs

__all__ = ["expected_behind"]


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
        near = second_width(held, own[0]) if own else None
        if near is None or not np.isfinite(inputs.implied[frame]):
            continue
        label = inputs.options.label
        widest = max(width for width in held if width != own[0])
        apart = [1.0 - float(dice(held[own[0]] == label, held[other] == label)) for other in (near, widest)]
        found[frame] = float(calibrated_dice(inputs.implied[frame], *apart))
    return found
