"""Everything measured in one clip: what `matae.measure.measure_cine` returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from matae.measure.person import Person, person_of
from matae.measure.reliability import doubts
from matae.measure.seen_view import RECOGNISED

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from matae.measure.beat_measurement import BeatValues
    from matae.measure.changes import Changes
    from matae.measure.cycle import Cycle
    from matae.measure.frames import FrameShape
    from matae.measure.inputs import Inputs
    from matae.measure.landmarks import Landmarks
    from matae.measure.structures import BeatStructures
    from matae.measure.uncertainty import Interval, QualityFlag
    from matae.measure.values import Value

__all__ = ["Measurement"]


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
        options = self.inputs.options
        if options.view is not None or options.assumed is not None:
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

    def updated(self, **changes: Unpack[Changes]) -> Measurement:
        """Return the measurement after a change; only frames that the change touches are measured again.

        Parameters
        ----------
        **changes
            See `matae.measure.changes.Changes`.

        Raises
        ------
        MeasureError
            If a frame is outside the clip or a mask of another size.
        """
        from matae.measure.changes import changed

        return changed(self, changes)
