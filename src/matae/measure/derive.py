"""What follows from the cavity of every frame: beats, ejection fraction with its interval, flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.measure.beat_measurement import agreement_of_widths, ef_by_width, measure_beat
from matae.measure.cycle import find_cycle
from matae.measure.expected_behind import expected_of, expected_unseen
from matae.measure.flags import find_flags
from matae.measure.measurement import Measurement
from matae.measure.structures import kept_structures, measure_structures, structure_flags
from matae.measure.uncertainty import ef_interval

if TYPE_CHECKING:
    from matae.measure.frames import FrameShape
    from matae.measure.inputs import Inputs

__all__ = ["METHOD", "derive"]

METHOD = "single-plane disks"


def derive(
    inputs: Inputs, shapes: tuple[FrameShape, ...], *, model: str, width: str, before: Measurement | None = None
) -> Measurement:
    """Compute everything that follows from the shapes; atrium and wall of a frame that stayed are those before."""
    cine = inputs.clip
    view = inputs.options.view or cine.view or inputs.options.assumed
    # The cavity that is measured decides, not stray pixels beside it; too few of them are none at all.
    area = np.array([np.nan if shape.disks is None else shape.area_px for shape in shapes], np.float64)
    cycle = find_cycle(
        area, cine.frame_times, marks=inputs.marks, file_marks=inputs.file_marks, r_waves_s=inputs.r_waves_s,
        heart_rate=cine.heart_rate,
    )  # fmt: skip
    measured = (measure_beat(beat, shapes, inputs, view) for beat in cycle.beats)
    beats = tuple(values for values in measured if values is not None)
    kept = {} if before is None or before.view != view else kept_structures(before, shapes)
    structures = tuple(kept.get(values.frames) or measure_structures(values, inputs, view) for values in beats)
    by_width = ef_by_width(inputs, beats)
    expected = expected_of(inputs, beats)
    ef = None
    if beats:
        ef = ef_interval(
            float(np.mean([values.volumes.ef_percent for values in beats])),
            float(np.mean([values.sensitivity for values in beats])),
            list(by_width.values()),
            expected=expected_unseen(inputs, beats, expected),
        )
    flags = find_flags(
        cine, shapes, cycle,
        beats=[(values.beat, values.volumes) for values in beats],
        outlines={frame: shapes[frame].points for values in beats for frame in values.frames}, view=view,
        marks=inputs.marks, landmarks=inputs.landmarks, sector=inputs.sector,
        errors=inputs.errors, error_limit=inputs.error_limit, expected=expected,
        widths_sd=0.0 if ef is None else ef.widths_sd, agreement=agreement_of_widths(inputs, beats),
    )  # fmt: skip
    return Measurement(
        name=cine.source.name, content_id=inputs.cine.content_id, view=view, method=METHOD,
        calibrated=cine.spacing is not None, calibration=inputs.calibration, model=model, width=width,
        frame_rate=cine.frame_rate, shapes=shapes, cycle=cycle, beats=beats, ef=ef, by_width=by_width,
        flags=(*inputs.remarks, *flags, *structure_flags(beats, structures)), structures=structures,
        inputs=inputs, expected=expected,
    )  # fmt: skip
