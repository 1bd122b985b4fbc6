"""A measurement after something of it was changed: only what the change touches is measured again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from matae.errors import MeasureError
from matae.measure.derive import derive
from matae.measure.expected_behind import without_frames
from matae.measure.inputs import check_landmarks, check_spacing
from matae.measure.seen_view import without_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from matae.cine import Spacing
    from matae.measure.cycle import PhaseMarks
    from matae.measure.inputs import Inputs
    from matae.measure.landmarks import Landmarks
    from matae.measure.measurement import Measurement

__all__ = ["Changes", "changed"]


class Changes(TypedDict, total=False):
    """What of a measurement is another one now; what is left out, or None, stays.

    Parameters
    ----------
    masks
        New masks (Y, X) by frame; the array that was measured first is not changed.
    landmarks
        Landmarks placed by a person, by frame; None for a frame gives it back to the computer.
    marks
        End-diastolic and end-systolic frames marked by a person, in place of those before.
    spacing
        Pixel size in mm, set by a person: every frame is measured again.
    view
        Standard view.
    width_masks
        As in `measure_cine`, in place of those before; without frames whose mask a person corrected.
    reviewed
        Frames whose mask a person drew or accepted, in place of those before.
    widths_pending
        Whether the widths of the network are yet to be compared: the interval is provisional until then.
    expected, implied
        As in `measure_cine`, in place of those before; without them, a frame that has another mask loses its own.
    """

    masks: Mapping[int, NDArray[np.uint8]] | None
    landmarks: Mapping[int, Landmarks | None] | None
    marks: PhaseMarks | None
    spacing: Spacing | None
    view: str | None
    width_masks: Mapping[str, Mapping[int, NDArray[np.uint8]]] | None
    reviewed: Iterable[int] | None
    widths_pending: bool | None
    expected: NDArray[np.float64] | None
    implied: NDArray[np.float64] | None


def changed(measurement: Measurement, changes: Changes) -> Measurement:
    """Return a measurement after some changes.

    Raises
    ------
    MeasureError
        If a frame is outside the clip or a mask of another size.
    """
    check_spacing(changes.get("spacing"))
    check_landmarks(changes.get("landmarks") or {}, measurement.n_frames)
    inputs, shapes = _inputs_after(measurement.inputs, changes), list(measurement.shapes)
    touched = {*(changes.get("masks") or {}), *(changes.get("landmarks") or {})}
    for frame in touched if changes.get("spacing") is None else range(len(shapes)):
        if not 0 <= frame < len(shapes):
            raise MeasureError(f"The clip has frames 1 to {len(shapes)}; there is no frame {frame + 1}.")
        shape = np.shape(inputs.mask(frame))
        if shape != inputs.masks.shape[1:]:
            raise MeasureError(f"The mask of frame {frame + 1} is {shape}, not of the clip's size; draw it there.")
        shapes[frame] = inputs.shape_of(frame)
    return derive(inputs, tuple(shapes), model=measurement.model, width=measurement.width, before=measurement)


def _inputs_after(inputs: Inputs, changes: Changes) -> Inputs:
    """Return what a measurement is made from after some changes."""
    masks, spacing, view = changes.get("masks") or {}, changes.get("spacing"), changes.get("view")
    marks, width_masks, reviewed = changes.get("marks"), changes.get("width_masks"), changes.get("reviewed")
    pending, expected, implied = changes.get("widths_pending"), changes.get("expected"), changes.get("implied")
    if spacing is not None:
        cine = replace(inputs.cine, spacing=spacing, spacing_note="Set by hand over the depth scale.")
        inputs = replace(inputs, cine=cine)
    placed = {**inputs.landmarks, **(changes.get("landmarks") or {})}
    return replace(
        inputs,
        landmarks={frame: points for frame, points in placed.items() if points is not None},
        changed={**inputs.changed, **masks},
        expected=without_frames(inputs.expected, masks) if expected is None else expected,
        implied=without_frames(inputs.implied, masks) if implied is None else implied,
        marks=inputs.marks if marks is None else marks,
        width_masks=inputs.width_masks if width_masks is None else width_masks,
        reviewed=inputs.reviewed if reviewed is None else frozenset(reviewed),
        widths_pending=inputs.widths_pending if pending is None else pending,
        options=inputs.options if view is None else replace(inputs.options, view=view),
        remarks=inputs.remarks if view is None else without_view(inputs.remarks),
    )
