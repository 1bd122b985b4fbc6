"""Everything measured in one clip, and `measure_cine`, which measures it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import MeasureError
from matae.measure.cycle import Beat, Cycle, Marks, find_cycle
from matae.measure.disks import SinglePlane, pair
from matae.measure.flags import find_flags
from matae.measure.frames import FrameShape, measure_frame, measure_frames
from matae.measure.motion import AnnulusMotion, Segment, annulus_motion, contour_shortening, wall_motion
from matae.measure.trust import Flag, Interval, boundary_sensitivity, ef_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Cine, Spacing
    from matae.measure.landmarks import Landmarks
    from matae.measure.values import Value

__all__ = ["BeatValues", "MeasureOptions", "Measurement", "measure_cine"]

METHOD = "single-plane disks"


@dataclass(frozen=True)
class MeasureOptions:
    """How to measure; the same defaults behind the dock and the command line.

    Parameters
    ----------
    view
        ``A4C``, ``A2C``, ``A3C``; what the file says when None.
    apex_down
        The apex is at the bottom of the picture.
    mirrored
        Left and right are the other way round than usual.
    label
        Class of the cavity in the masks.
    """

    view: str | None = None
    apex_down: bool = False
    mirrored: bool = False
    label: int = 1


@dataclass(frozen=True, eq=False)
class BeatValues:
    """What one beat gives.

    Parameters
    ----------
    beat
        Its frames, and who chose them.
    volumes
        Volumes and ejection fraction by disks and by area-length, with the disks of both frames.
    annulus
        Travel of the mitral annulus.
    shortening_percent
        Shortening of the contour, negative; not speckle-tracking strain.
    segments
        Motion of the wall in six segments.
    sensitivity
        `matae.measure.trust.boundary_sensitivity`.
    """

    beat: Beat
    volumes: SinglePlane
    annulus: AnnulusMotion
    shortening_percent: float
    segments: tuple[Segment, ...]
    sensitivity: float

    @property
    def frames(self) -> tuple[int, int]:
        """End-diastolic and end-systolic frame."""
        return self.beat.ed, self.beat.es


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a measurement was made from; kept so that a change measures only what it touches."""

    cine: Cine
    masks: NDArray[np.uint8]
    options: MeasureOptions
    landmarks: Mapping[int, Landmarks]
    marks: Marks
    sector: NDArray[np.bool_] | None
    width_masks: Mapping[str, Mapping[int, NDArray[np.uint8]]]
    errors: NDArray[np.float64] | None
    error_limit: float | None
    changed: Mapping[int, NDArray[np.uint8]] = field(default_factory=dict)

    def mask(self, frame: int) -> NDArray[np.uint8]:
        """Return the present mask of a frame."""
        return self.changed.get(frame, self.masks[frame])


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
    flags: tuple[Flag, ...]
    inputs: Inputs = field(repr=False)

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
        """Area of the cavity in pixels, (T,); NaN in frames without one."""
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
    def ef_sd(self) -> float | None:
        """Standard deviation of the ejection fraction over the beats; None with fewer than two."""
        found = [values.volumes.ef_percent for values in self.beats]
        return float(np.std(found, ddof=1)) if len(found) > 1 else None

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
        marks: Marks | None = None,
        spacing: Spacing | None = None,
        view: str | None = None,
        width_masks: Mapping[str, Mapping[int, NDArray[np.uint8]]] | None = None,
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
            As in `measure_cine`, in place of those before; an empty one once a person corrected the masks.

        Raises
        ------
        MeasureError
            If a frame is outside the clip or a mask of another size.
        """
        inputs = self.inputs
        placed = dict(inputs.landmarks)
        for frame, points in (landmarks or {}).items():
            if points is None:
                placed.pop(frame, None)
            else:
                placed[frame] = points
        if spacing is not None:
            cine = replace(inputs.cine, spacing=spacing, spacing_note="Set by hand over the depth scale.")
            inputs = replace(inputs, cine=cine)
        inputs = replace(
            inputs,
            landmarks=placed,
            changed={**inputs.changed, **(masks or {})},
            marks=inputs.marks if marks is None else marks,
            width_masks=inputs.width_masks if width_masks is None else width_masks,
            options=inputs.options if view is None else replace(inputs.options, view=view),
        )
        shapes = list(self.shapes)
        touched = range(len(shapes)) if spacing is not None else {*(masks or {}), *(landmarks or {})}
        for frame in touched:
            if not 0 <= frame < len(shapes):
                raise MeasureError(f"The clip has frames 0 to {len(shapes) - 1}; there is no frame {frame}.")
            mask = np.asarray(inputs.mask(frame))
            if mask.shape != inputs.masks.shape[1:]:
                raise MeasureError(f"The mask of frame {frame} is {mask.shape}, not of the clip's size; draw it there.")
            shapes[frame] = _measure_one(mask, inputs, frame)
        return _derive(inputs, tuple(shapes), model=self.model, width=self.width)


def measure_cine(
    cine: Cine,
    masks: ArrayLike,
    options: MeasureOptions | None = None,
    *,
    marks: Marks | None = None,
    landmarks: Mapping[int, Landmarks] | None = None,
    sector: ArrayLike | None = None,
    width_masks: Mapping[str, Mapping[int, NDArray[np.uint8]]] | None = None,
    errors: ArrayLike | None = None,
    error_limit: float | None = None,
    model: str = "",
    width: str = "",
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
        Pixels of the ultrasound sector, (Y, X) bool: tells whether it cuts the cavity.
    width_masks
        Masks by width of the network and by frame, ``{"1/8": {frame: (Y, X)}, ...}``; end-diastolic and
        end-systolic frames will do. Their disagreement widens the interval.
    errors
        How badly the network rebuilds each frame, (T,): large on pictures unlike those it knows.
    error_limit
        Largest error of pictures it knows; when None, frames that stand out from the others are flagged.
    model, width
        What made the masks; for the record.
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
    options = options or MeasureOptions()
    stack = np.asarray(masks)
    stack = stack[np.newaxis] if stack.ndim == 2 else stack
    if stack.shape != cine.frames.shape:
        raise MeasureError(
            f"These masks are {stack.shape}, {cine.source.name} is {cine.frames.shape}; choose the masks of this clip."
        )
    for frame in landmarks or {}:
        if not 0 <= frame < cine.n_frames:
            raise MeasureError(f"The clip has frames 0 to {cine.n_frames - 1}; there is no frame {frame}.")
    fan = None if sector is None else np.asarray(sector, np.bool_)
    if fan is not None and fan.shape != cine.shape:
        raise MeasureError(f"The sector is {fan.shape}, the frames are {cine.shape}; draw it on this clip.")
    unlike = None if errors is None else np.asarray(errors, np.float64)
    if unlike is not None and unlike.shape != (cine.n_frames,):
        raise MeasureError(f"{unlike.size} reconstruction errors for {cine.n_frames} frames; give one a frame.")
    inputs = Inputs(
        cine, stack, options, dict(landmarks or {}), marks or Marks(), fan, width_masks or {}, unlike, error_limit
    )
    shapes = measure_frames(
        stack,
        cine.spacing,
        landmarks=inputs.landmarks,
        apex_down=options.apex_down,
        label=options.label,
        progress=progress,
    )
    return _derive(inputs, shapes, model=model, width=width)


def _measure_one(mask: NDArray[np.uint8], inputs: Inputs, frame: int) -> FrameShape:
    options = inputs.options
    return measure_frame(
        mask,
        inputs.cine.spacing,
        landmarks=inputs.landmarks.get(frame),
        apex_down=options.apex_down,
        label=options.label,
    )


def _derive(
    inputs: Inputs,
    shapes: tuple[FrameShape, ...],
    *,
    model: str,
    width: str,
) -> Measurement:
    """Compute everything that follows from the shapes."""
    cine, options = inputs.cine, inputs.options
    view = options.view or cine.view
    # A few stray pixels are no cavity: they would pass for a deep end-systole.
    area = np.array([np.nan if shape.disks is None else shape.area_px for shape in shapes], np.float64)
    waves = cine.info.get("r_wave_times_ms")
    cycle = find_cycle(
        area,
        cine.frame_times,
        marks=inputs.marks,
        file_marks=_file_marks(cine),
        r_waves_s=[float(t) / 1000.0 for t in waves] if isinstance(waves, list | tuple) else None,
        heart_rate=cine.heart_rate,
    )

    def points(frame: int) -> NDArray[np.float64]:
        return shapes[frame].points

    beats = tuple(
        values for beat in cycle.beats if (values := _beat_values(beat, shapes, points, inputs, view)) is not None
    )
    by_width = _by_width(inputs, beats)
    ef = None
    if beats:
        ef = ef_interval(
            float(np.mean([values.volumes.ef_percent for values in beats])),
            float(np.mean([values.sensitivity for values in beats])),
            list(by_width.values()),
        )
    outlines = {frame: points(frame) for values in beats for frame in values.frames}
    flags = find_flags(
        cine, shapes, cycle,
        beats=[(values.beat, values.volumes) for values in beats], outlines=outlines, view=view,
        sector=inputs.sector, errors=inputs.errors, error_limit=inputs.error_limit,
        widths_sd=0.0 if ef is None else ef.widths_sd,
    )  # fmt: skip
    return Measurement(
        name=cine.source.name, content_id=cine.content_id, view=view, method=METHOD,
        calibrated=cine.spacing is not None, calibration=_calibration(cine), model=model, width=width,
        frame_rate=cine.frame_rate, shapes=shapes, cycle=cycle, beats=beats, ef=ef, by_width=by_width, flags=flags,
        inputs=inputs,
    )  # fmt: skip


def _file_marks(cine: Cine) -> Marks:
    ed = () if cine.ed_frame is None else (cine.ed_frame,)
    es = () if cine.es_frame is None else (cine.es_frame,)
    # A file may speak of another clip, or of one frame twice; only what makes sense here counts.
    inside = Marks(tuple(f for f in ed if 0 <= f < cine.n_frames), tuple(f for f in es if 0 <= f < cine.n_frames))
    return Marks() if set(inside.ed) & set(inside.es) else inside


def _calibration(cine: Cine) -> str:
    if cine.spacing is None:
        return f"uncalibrated: {cine.spacing_note}" if cine.spacing_note else "uncalibrated"
    size = f"{cine.spacing.y:.4g} x {cine.spacing.x:.4g} mm a pixel"
    return f"{size}. {cine.spacing_note}" if cine.spacing_note else size


def _beat_values(
    beat: Beat,
    shapes: tuple[FrameShape, ...],
    points: Callable[[int], NDArray[np.float64]],
    inputs: Inputs,
    view: str | None,
) -> BeatValues | None:
    ed, es = shapes[beat.ed].disks, shapes[beat.es].disks
    if ed is None or es is None:
        return None
    volumes = pair(ed, es)
    if volumes is None:
        return None
    spacing = inputs.cine.spacing
    return BeatValues(
        beat=beat,
        volumes=volumes,
        annulus=annulus_motion(ed.landmarks, es.landmarks, spacing),
        shortening_percent=contour_shortening(ed, es, spacing),
        segments=wall_motion(
            points(beat.ed), points(beat.es), ed.landmarks, es.landmarks,
            spacing=spacing, view=view, mirrored=inputs.options.mirrored,
        ),
        sensitivity=boundary_sensitivity(ed, es),
    )  # fmt: skip


def _by_width(inputs: Inputs, beats: tuple[BeatValues, ...]) -> dict[str, float]:
    """Ejection fraction by width, mean over the beats for which a width has both frames."""
    found: dict[str, float] = {}
    for width, masks in inputs.width_masks.items():
        values = []
        for beat in beats:
            ed, es = beat.frames
            if ed not in masks or es not in masks:
                continue
            two = [
                measure_frame(
                    masks[frame], inputs.cine.spacing, apex_down=inputs.options.apex_down, label=inputs.options.label
                ).disks
                for frame in (ed, es)
            ]
            single = pair(two[0], two[1]) if two[0] is not None and two[1] is not None else None
            if single is not None:
                values.append(single.ef_percent)
        if values:
            found[width] = float(np.mean(values))
    return found
