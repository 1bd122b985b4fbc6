"""When a measurement says "not reliable" in place of an ejection fraction, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matae.measure.seen_view import OF_THE_VIEW
from matae.measure.uncertainty import USUAL_EF
from matae.segment.out_of_distribution import STRANGE

if TYPE_CHECKING:
    from collections.abc import Collection

    from matae.measure.measurement import Measurement
    from matae.measure.uncertainty import QualityFlag

__all__ = ["HIGHEST_EF", "NOT_RELIABLE", "PROVISIONAL", "doubts", "judged"]

HIGHEST_EF = 85.0
"""Percent. Single-plane reference masks of 449 CAMUS patients give at most 84.8 in the four-chamber view; in the
two-chamber view one patient lies above (95.6)."""
NOT_RELIABLE = "not reliable"
"""What stands in place of the number."""
PROVISIONAL = "Provisional: the widths of the network are yet to be compared, which may change the interval."
"""What is said of an interval that lacks a part."""

_FAR_APART = 15.0
"""Points of ejection fraction (standard deviation of the widths), beyond which a number says nothing: that alone is 25
points to either side, nine times in ten."""
_OF_OUTLINES = {
    "implausible-shape": "The shape of the cavity is implausible.",
    "area-jump": "The area jumps from one frame to the next.",
    "doubtful-outline": "The outline is probably wrong: the network is not sure of it, or its widths outline others.",
    "unknown-picture": "The picture is unlike those that the model knows.",
}
"""Flags that speak of single frames, and what they say of those that the ejection fraction is made from."""
_OF_THE_MODEL = ("widths-differ",)
"""Flags that speak of the network alone: they end once a person has looked at every frame behind the number."""
_OF_THE_NUMBER = ("negative-ef", "implausible-ef")
"""Flags that say the number itself cannot be."""


def doubts(measurement: Measurement) -> tuple[QualityFlag, ...]:
    """Return why the ejection fraction is not to be relied on; empty where nothing serious speaks against it.

    A reason has the code of a flag of the measurement, and of its frames those that the ejection fraction is made from
    (end-diastole and end-systole of every beat). What a network may have got wrong counts only on frames whose mask
    nobody looked at: a mask that a person drew or accepted is that person's word. Where the Dice to be expected of a
    frame's outline is known, that judges it: what else speaks of the network alone (an unknown picture, widths that
    differ) is a reason there only where it is extreme.

    Parameters
    ----------
    measurement
        A measurement with its flags and, in its inputs, the frames that a person reviewed.
    """
    if measurement.ef is None:
        return ()
    behind = {frame for values in measurement.beats for frame in values.frames}
    open_frames = behind - measurement.inputs.reviewed
    unjudged = open_frames - _judged(measurement)
    counted = {"unknown-picture": unjudged | (open_frames & _strange(measurement))}
    found = []
    for flag in measurement.flags:
        chosen = measurement.inputs.options.view is not None
        if flag.code in _OF_THE_NUMBER or (flag.code in OF_THE_VIEW and not chosen):
            found.append(flag)
        elif flag.code in _OF_THE_MODEL and open_frames and (unjudged or measurement.ef.widths_sd > _FAR_APART):
            found.append(replace(flag, frames=_apart(measurement, open_frames, unjudged)))
        elif flag.code in _OF_OUTLINES and (frames := _of(flag, counted.get(flag.code, open_frames))):
            found.append(replace(flag, text=_OF_OUTLINES[flag.code], frames=frames))
    return tuple(found)


def judged(measurement: Measurement) -> str:
    """Return in words what the interval is made from where an expected Dice says how wide it is; else nothing."""
    if measurement.ef is None or not measurement.ef.judged or measurement.expected is None:
        return ""
    behind = {frame for values in measurement.beats for frame in values.frames} - measurement.inputs.reviewed
    known = [float(measurement.expected[frame]) for frame in behind if np.isfinite(measurement.expected[frame])]
    low, high = f"{min(known):.2f}", f"{max(known):.2f}"
    dice = low if low == high else f"{low} to {high}"
    return (
        f"Expected Dice of the outlines: {dice}; the lower, the wider the interval, and the nearer it reaches to the "
        f"usual {USUAL_EF:.0f} %."
    )


def _apart(measurement: Measurement, open_frames: Collection[int], unjudged: Collection[int]) -> tuple[int, ...]:
    """Return the frames to look at where the widths differ: of each beat that whose outline is the less sure."""
    expected = measurement.expected
    if unjudged or expected is None:
        return tuple(sorted(open_frames))
    beats = ([frame for frame in values.frames if frame in open_frames] for values in measurement.beats)
    return tuple(sorted({min(frames, key=lambda frame: float(expected[frame])) for frames in beats if frames}))


def _judged(measurement: Measurement) -> set[int]:
    """Return the frames whose expected Dice is known."""
    expected = measurement.expected
    return set() if expected is None else set(np.flatnonzero(np.isfinite(expected)).tolist())


def _strange(measurement: Measurement) -> set[int]:
    """Return the frames that are so far from what the model knows that its own word on them means nothing."""
    errors, limit = measurement.inputs.errors, measurement.inputs.error_limit
    if errors is None:
        return set()
    return set(np.flatnonzero(errors > (0.0 if limit is None else STRANGE * limit)).tolist())


def _of(flag: QualityFlag, frames: Collection[int]) -> tuple[int, ...]:
    # A jump is flagged at the frame after it; the frame before it may be the wrong one as well.
    before = 1 if flag.code == "area-jump" else 0
    return tuple(sorted(frame for frame in frames if {frame, frame + before} & set(flag.frames)))
