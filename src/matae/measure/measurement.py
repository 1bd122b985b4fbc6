"""Everything measured in one clip, and `measure_cine`, which measures it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import MeasureError
from matae.measure.beat_measurement import BeatValues, agreement_of_widths, ef_by_width, measure_beat
from matae.measure.cycle import Cycle, find_cycle
from matae.measure.expected_behind import expected_of, expected_unseen, without_frames
from matae.measure.flags import find_flags
from matae.measure.frames import FrameShape, measure_frames
from matae.measure.inputs import Inputs, MeasureOptions, check_inputs, check_landmarks, check_spacing
from matae.measure.person import Person, person_of
from matae.measure.reliability import doubts
from matae.measure.seen_view import RECOGNISED, without_view
from matae.measure.structures import BeatStructures, kept_structures, measure_structures, structure_flags
from matae.measure.uncertainty import Interval, QualityFlag, ef_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Cine, Spacing
    from matae.measure.beat import PhaseMarks
    from matae.measure.landmarks import Landmarks
    from matae.measure.values import Value
    from matae.segment.sector import Sector
    from matae.view import RecognisedView

__all__ = ["BeatValues", "MeasureOptions", "Measurement", "measure_cine"]

METHOD = "single-plane disks"


@dataclass(frozen=True, eq=False)
class Measurement:
    """Everything measured in one clip.

    Volumes and lengths are in mL and mm when `calibrated`, otherwise in cubic pixels and pixels: those are good for
    ratios alone and are not shown. Means over the beats are under the plain names.

    Parameters
    ----------
    name
        Name of the source.
    content_id
        Of the pixels.
    view
        Standard view, or None.
    method
        ``single-plane disks``.
    calibrated, calibration
        Whether there is a pixel size, and where it comes from.
    model, width
        What outlined the cavity; empty for a person or a file.
    shapes
        The cavity of each frame.
    cycle
        Beats, heart rate and the smoothed curve.
    beats
        What each beat gives; those without a cavity at end-diastole or end-systole are left out.
    ef
        Ejection fraction, mean of the beats, with its 90 % interval; None without a beat.
    by_width
        Ejection fraction by width of the network, where several were given.
    flags
        What to know before a number is believed.
    structures
        Left atrium and wall of each of the beats, as far as its masks have them.
    expected
        Dice to be expected of each frame's outline, (T,), NaN where it is not known; None where it is of none. Of the
        frames behind the ejection fraction all widths have been asked (`matae.measure.expected_behind`).
    """

    name: str
    content_id: str
    view: str | None
    method: str
    calibrated: bool
    calibration: str
    model: str
    width: str
    frame_rate: float | None
    shapes: tuple[FrameShape, ...]
    cycle: Cycle
    beats: tuple[BeatValues, ...]
    ef: Interval | None
    by_width: dict[str, float]
    flags: tuple[QualityFlag, ...]
    structures: tuple[BeatStructures, ...]
    inputs: Inputs = field(repr=False)
    expected: NDArray[np.float64] | None = field(default=None, repr=False)

    @property
    def view_source(self) -> str | None:
        """Who says which view it is: ``person``, ``pictures`` or ``file``; None where the view is not known."""
        if self.view is None:
            return None
        if self.inputs.options.view is not None:
            return "person"
        return "pictures" if any(flag.code == RECOGNISED for flag in self.inputs.remarks) else "file"

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.shapes)

    @property
    def primary(self) -> BeatValues | None:
        """The beat to show: one that a person or the file marked, else the one with the middle ejection fraction."""
        if not self.beats:
            return None
        for source in ("user", "file"):
            for values in self.beats:
                if source in (values.beat.ed_source, values.beat.es_source):
                    return values
        ranked = sorted(self.beats, key=lambda values: values.volumes.ef_percent)
        return ranked[(len(ranked) - 1) // 2]

    @property
    def ed_frame(self) -> int | None:
        """End-diastolic frame of the primary beat."""
        return None if self.primary is None else self.primary.beat.ed

    @property
    def es_frame(self) -> int | None:
        """End-systolic frame of the primary beat."""
        return None if self.primary is None else self.primary.beat.es

    @property
    def area_px(self) -> NDArray[np.float64]:
        """Area of the cavity (the largest part, its holes filled) in pixels, (T,); NaN in frames without one."""
        return np.array([shape.area_px or np.nan for shape in self.shapes], np.float64)

    @property
    def area_mm2(self) -> NDArray[np.float64] | None:
        """The same in mm2; None when not calibrated."""
        spacing = self.inputs.cine.spacing
        return None if spacing is None else self.area_px * spacing.y * spacing.x

    @property
    def length(self) -> NDArray[np.float64]:
        """Long axis, (T,), mm (pixels when not calibrated); NaN in frames without a cavity."""
        return np.array([np.nan if s.disks is None else s.disks.length for s in self.shapes], np.float64)

    @property
    def length_px(self) -> NDArray[np.float64]:
        """Long axis in pixels, (T,)."""
        return np.array([np.nan if s.landmarks is None else s.landmarks.length() for s in self.shapes], np.float64)

    @property
    def volume(self) -> NDArray[np.float64]:
        """Volume by disks, (T,), mL (cubic pixels when not calibrated); NaN in frames without a cavity."""
        return np.array([np.nan if s.disks is None else s.disks.volume for s in self.shapes], np.float64)

    def landmarks(self, frame: int) -> Landmarks | None:
        """Return apex and hinge points of a frame, None where there is no cavity."""
        return self.shapes[frame].landmarks

    def outline(self, frame: int) -> NDArray[np.float64]:
        """Return the outline of a frame, (N, 2) as (y, x) in pixels; (0, 2) where there is no cavity."""
        return self.shapes[frame].points

    def mean(self, what: Callable[[BeatValues], float]) -> float | None:
        """Return the mean of something over the beats, None without any."""
        return float(np.mean([what(values) for values in self.beats])) if self.beats else None

    @property
    def doubts(self) -> tuple[QualityFlag, ...]:
        """Why the ejection fraction is not reliable, see `matae.measure.reliability`; empty where it may stand."""
        return doubts(self)

    @property
    def ef_sd(self) -> float | None:
        """Standard deviation of the ejection fraction over the beats; None with fewer than two."""
        found = [values.volumes.ef_percent for values in self.beats]
        return float(np.std(found, ddof=1)) if len(found) > 1 else None

    @property
    def person(self) -> Person:
        """Whom the clip shows, as far as somebody or the file says."""
        return person_of(self.inputs.cine.info, self.inputs.options.person)

    def table(self) -> list[Value]:
        """Return every number with its unit, its frames and why it is missing, in the order of a report."""
        from matae.measure.values import table

        return table(self)

    def to_json(self) -> dict[str, Any]:
        """Return the measurement as JSON values; see `matae.measure.record`."""
        from matae.measure.record import to_json

        return to_json(self)

    def updated(
        self,
        *,
        masks: Mapping[int, NDArray[np.uint8]] | None = None,
        landmarks: Mapping[int, Landmarks | None] | None = None,
        marks: PhaseMarks | None = None,
        spacing: Spacing | None = None,
        view: str | None = None,
        width_masks: Mapping[str, Mapping[int, NDArray[np.uint8]]] | None = None,
        reviewed: Iterable[int] | None = None,
        widths_pending: bool | None = None,
        expected: NDArray[np.float64] | None = None,
        implied: NDArray[np.float64] | None = None,
    ) -> Measurement:
        """Return the measurement after a change; only frames that the change touches are measured again.

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

        Raises
        ------
        MeasureError
            If a frame is outside the clip or a mask of another size.
        """
        inputs = self.inputs
        check_spacing(spacing)
        check_landmarks(landmarks or {}, self.n_frames)
        placed = {**inputs.landmarks, **(landmarks or {})}
        if spacing is not None:
            cine = replace(inputs.cine, spacing=spacing, spacing_note="Set by hand over the depth scale.")
            inputs = replace(inputs, cine=cine)
        inputs = replace(
            inputs,
            landmarks={frame: points for frame, points in placed.items() if points is not None},
            changed={**inputs.changed, **(masks or {})},
            expected=without_frames(inputs.expected, masks or ()) if expected is None else expected,
            implied=without_frames(inputs.implied, masks or ()) if implied is None else implied,
            marks=inputs.marks if marks is None else marks,
            width_masks=inputs.width_masks if width_masks is None else width_masks,
            reviewed=inputs.reviewed if reviewed is None else frozenset(reviewed),
            widths_pending=inputs.widths_pending if widths_pending is None else widths_pending,
            options=inputs.options if view is None else replace(inputs.options, view=view),
            remarks=inputs.remarks if view is None else without_view(inputs.remarks),
        )
        shapes = list(self.shapes)
        for frame in range(len(shapes)) if spacing is not None else {*(masks or {}), *(landmarks or {})}:
            if not 0 <= frame < len(shapes):
                raise MeasureError(f"The clip has frames 1 to {len(shapes)}; there is no frame {frame + 1}.")
            shape = np.shape(inputs.mask(frame))
            if shape != inputs.masks.shape[1:]:
                raise MeasureError(f"The mask of frame {frame + 1} is {shape}, not of the clip's size; draw it there.")
            shapes[frame] = inputs.shape_of(frame)
        return _derive(inputs, tuple(shapes), model=self.model, width=self.width, before=self)


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
    return _derive(inputs, shapes, model=model, width=width)


def _derive(
    inputs: Inputs, shapes: tuple[FrameShape, ...], *, model: str, width: str, before: Measurement | None = None
) -> Measurement:
    """Compute everything that follows from the shapes; atrium and wall of a frame that stayed are those before."""
    cine = inputs.clip
    view = inputs.options.view or cine.view
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
