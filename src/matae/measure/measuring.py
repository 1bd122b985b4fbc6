"""Measure a clip from its masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.measure.derive import derive
from matae.measure.frames import measure_frames
from matae.measure.inputs import check_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Cine
    from matae.measure.cycle import PhaseMarks
    from matae.measure.inputs import MeasureOptions
    from matae.measure.landmarks import Landmarks
    from matae.measure.measurement import Measurement
    from matae.measure.uncertainty import QualityFlag
    from matae.segment.sector import Sector
    from matae.view import RecognisedView

__all__ = ["measure_cine"]


def measure_cine(
    cine: Cine,
    masks: ArrayLike,
    options: MeasureOptions | None = None,
    *,
    marks: PhaseMarks | None = None,
    landmarks: Mapping[int, Landmarks] | None = None,
    sector: ArrayLike | Sector | None = None,
    width_masks: Mapping[str, Mapping[int, NDArray[np.uint8]]] | None = None,
    errors: ArrayLike | None = None,
    error_limit: float | None = None,
    model: str = "",
    width: str = "",
    remarks: Sequence[QualityFlag] = (),
    reviewed: Iterable[int] = (),
    seen: RecognisedView | None = None,
    expected: ArrayLike | None = None,
    implied: ArrayLike | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Measurement:
    """Measure a clip from its masks.

    Parameters
    ----------
    cine
        The clip; its spacing, frame times, view, heart rate, marked frames and R waves are used where it has them.
    masks
        (T, Y, X) classes.
    options
        View, orientation, class.
    marks
        End-diastolic and end-systolic frames that a person marked.
    landmarks
        Apex and hinge points that a person placed, by frame.
    sector
        The ultrasound sector, or its pixels, (Y, X) bool: tells whether it cuts the cavity. A report blanks what lies
        around it; of pixels alone it cannot tell whether the sector was found for sure.
    width_masks
        Masks by width of the network and by frame, ``{"1/8": {frame: (Y, X)}, ...}``; end-diastolic and
        end-systolic frames will do. Their disagreement widens the interval.
    errors
        How badly the network rebuilds each frame, (T,): large on pictures unlike those it knows.
    error_limit
        Largest error of pictures it knows; when None, frames that stand out from the others are flagged.
    model, width
        What made the masks; for the record.
    remarks
        What whoever gathered all this has to say of it: flags that stand before those found here, after every change.
    reviewed
        Frames whose mask a person drew or accepted: what a network may have got wrong there is no reason to doubt the
        ejection fraction.
    seen
        What the pictures seem to show, for the record.
    expected
        Dice to be expected of each frame's outline (`matae.segment.expected`), (T,), NaN where it is not known.
    implied
        Dice that the probabilities of the network imply, (T,); with `width_masks` it foretells that of ED and ES.
    progress
        Called with (frames done, frames in all).

    Returns
    -------
    Measurement
        Whatever could be measured; what could not is None, and a flag says why.

    Raises
    ------
    MeasureError
        If the masks are not of this clip, or a mark or landmark is outside it.
    """
    inputs = check_inputs(
        cine, masks, options, marks=marks, landmarks=landmarks, sector=sector, width_masks=width_masks, errors=errors,
        error_limit=error_limit, remarks=remarks, reviewed=reviewed, seen=seen, expected=expected, implied=implied,
    )  # fmt: skip
    shapes = measure_frames(
        inputs.masks, inputs.cine.pixel_size, landmarks=inputs.landmarks, apex_down=inputs.options.apex_down,
        label=inputs.options.label, progress=progress,
    )  # fmt: skip
    return derive(inputs, shapes, model=model, width=width)
