"""What a measurement is made from, checked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import MeasureError
from matae.measure.cycle import PhaseMarks, usable_times
from matae.measure.frames import FrameShape, measure_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Cine, Spacing
    from matae.measure.landmarks import Landmarks
    from matae.measure.person import Person
    from matae.measure.uncertainty import QualityFlag
    from matae.segment.margins import Margins
    from matae.segment.sector import Sector
    from matae.view import RecognisedView

__all__ = [
    "Inputs",
    "MeasureOptions",
    "check_inputs",
    "check_landmarks",
    "check_spacing",
    "margins_of",
    "sector_pixels",
]


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
    person
        Sex, height and weight, where somebody says them; what the file says otherwise.
    assumed
        View where neither a person nor the file states one: that of the place at which a clip of a pair was named. It
        does not say that the clip shows a heart, and pictures can contradict it as they can a file.
    """

    view: str | None = None
    apex_down: bool = False
    mirrored: bool = False
    label: int = 1
    person: Person | None = None
    assumed: str | None = None


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a measurement was made from; kept so that a change measures only what it touches."""

    cine: Cine
    masks: NDArray[np.uint8]
    options: MeasureOptions
    landmarks: Mapping[int, Landmarks]
    marks: PhaseMarks
    sector: NDArray[np.bool_] | None
    width_masks: Mapping[str, Mapping[int, NDArray[np.uint8]]]
    errors: NDArray[np.float64] | None
    error_limit: float | None
    changed: Mapping[int, NDArray[np.uint8]] = field(default_factory=dict)
    remarks: tuple[QualityFlag, ...] = ()
    reviewed: frozenset[int] = frozenset()
    widths_pending: bool = False
    seen: RecognisedView | None = None
    expected: NDArray[np.float64] | None = None
    implied: NDArray[np.float64] | None = None
    outline: Sector | None = None  # of the sector, where more is known of it than its pixels

    def mask(self, frame: int) -> NDArray[np.uint8]:
        """Return the present mask of a frame."""
        return self.changed.get(frame, self.masks[frame])

    def shape_of(self, frame: int, mask: NDArray[np.uint8] | None = None) -> FrameShape:
        """Measure the cavity of a frame, in a mask given or in its own with the landmarks that a person placed."""
        return measure_frame(
            self.mask(frame) if mask is None else mask,
            self.cine.pixel_size,
            landmarks=self.landmarks.get(frame) if mask is None else None,
            apex_down=self.options.apex_down,
            label=self.options.label,
        )

    @cached_property
    def clip(self) -> Cine:
        """The clip, without frame times that do not increase: no clock shows them."""
        cine = self.cine
        if cine.frame_times is None or usable_times(cine.frame_times, cine.n_frames) is not None:
            return cine
        return replace(cine, frame_times=None, timing_note="The frame times of the file do not increase.")

    @property
    def file_marks(self) -> PhaseMarks:
        """What the file calls end-diastole and end-systole, as far as it makes sense here.

        A file may speak of another clip, or of one frame twice.
        """
        inside = [
            () if frame is None or not 0 <= frame < self.cine.n_frames else (frame,)
            for frame in (self.cine.ed_frame, self.cine.es_frame)
        ]
        return PhaseMarks() if set(inside[0]) & set(inside[1]) else PhaseMarks(*inside)

    @property
    def r_waves_s(self) -> list[float] | None:
        """Times of the R waves in seconds, where the file states them."""
        waves = self.cine.info.get("r_wave_times_ms")
        return [float(t) / 1000.0 for t in waves] if isinstance(waves, list | tuple) else None

    @property
    def calibration(self) -> str:
        """One sentence on the size of a pixel."""
        spacing, note = self.cine.spacing, self.cine.spacing_note
        if spacing is None:
            return f"uncalibrated: {note}" if note else "uncalibrated"
        size = f"{spacing.y:.4g} x {spacing.x:.4g} mm a pixel"
        return f"{size}. {note}" if note else size


def check_inputs(
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
    remarks: Sequence[QualityFlag] = (),
    reviewed: Iterable[int] = (),
    seen: RecognisedView | None = None,
    expected: ArrayLike | None = None,
    implied: ArrayLike | None = None,
) -> Inputs:
    """Return what `matae.measure.measure_cine` was given, checked; see there.

    Raises
    ------
    MeasureError
        If the masks are not of this clip, a landmark is outside it, or the size of a pixel is impossible.
    """
    from matae.segment.sector import Sector

    check_spacing(cine.spacing)
    stack = np.asarray(masks)
    stack = stack[np.newaxis] if stack.ndim == 2 else stack
    if stack.shape != cine.frames.shape:
        raise MeasureError(
            f"These masks are {stack.shape}, {cine.source.name} is {cine.frames.shape}; choose the masks of this clip."
        )
    check_landmarks(landmarks or {}, cine.n_frames)
    outline = sector if isinstance(sector, Sector) else None
    fan = None if sector is None else sector_pixels(outline, cine.shape) if outline else np.asarray(sector, np.bool_)
    if fan is not None and fan.shape != cine.shape:
        raise MeasureError(f"The sector is {fan.shape}, the frames are {cine.shape}; draw it on this clip.")
    if cine.regions:  # of several pictures in one frame, that in which the cavity lies has the scale
        cavity = (stack == (options or MeasureOptions()).label).any(axis=0)
        cine = cine.scaled_for(cavity if cavity.any() or fan is None else fan)
    unlike = None if errors is None else np.asarray(errors, np.float64)
    if unlike is not None and unlike.shape != (cine.n_frames,):
        raise MeasureError(f"{unlike.size} reconstruction errors for {cine.n_frames} frames; give one a frame.")
    dice, sure = (None if values is None else np.asarray(values, np.float64) for values in (expected, implied))
    for name, given in (("expected", dice), ("implied", sure)):
        if given is not None and given.shape != (cine.n_frames,):
            raise MeasureError(f"An {name} Dice of {given.size} frames for {cine.n_frames}; give one a frame.")
    return Inputs(
        cine, stack, options or MeasureOptions(), dict(landmarks or {}), marks or PhaseMarks(), fan, width_masks or {},
        unlike, error_limit, remarks=tuple(remarks), reviewed=frozenset(reviewed), seen=seen,
        expected=dice, implied=sure, outline=outline,
    )  # fmt: skip


def margins_of(inputs: Inputs, *, keep: bool) -> Margins:
    """Find out what a report shows of a clip: what still and video show, where it knows more than a sector's pixels."""
    from matae.segment.margins import margins, margins_of_pixels

    if inputs.outline is None:
        return margins_of_pixels(inputs.cine, inputs.sector, keep=keep)
    return margins(inputs.cine, inputs.outline, keep=keep)


def sector_pixels(sector: Sector, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels inside the outline of a sector, (Y, X) bool: what it cuts off, the clip does not show.

    The network gets a little more (`matae.segment.sector.Sector.mask` has a margin), so that a tight fit eats no wall;
    with that margin an apex at the very edge would seem to be well inside. Of a sector that is not sure nothing is
    known to be cut off: all pixels.
    """
    from skimage.draw import polygon2mask

    if sector.is_unsure:
        return np.ones(shape, bool)
    inside: NDArray[np.bool_] = polygon2mask(shape, sector.polygon)
    return inside if inside.any() else sector.mask(shape)


def check_spacing(spacing: Spacing | None) -> None:
    """Refuse a size of a pixel that none can have.

    Raises
    ------
    MeasureError
        If a side is not a positive number.
    """
    if spacing is not None and not all(np.isfinite(side) and side > 0 for side in spacing):
        raise MeasureError(f"Pixels of {spacing[0]:g} x {spacing[1]:g} mm cannot be; set the scale of the clip again.")


def check_landmarks(landmarks: Mapping[int, Landmarks | None], n_frames: int) -> None:
    """Refuse landmarks of a frame that is not there, or that are no places.

    Raises
    ------
    MeasureError
        If there are such.
    """
    for frame, points in landmarks.items():
        if not 0 <= frame < n_frames:
            raise MeasureError(f"The clip has frames 1 to {n_frames}; there is no frame {frame + 1}.")
        if points is not None and not np.isfinite(points.as_array()).all():
            raise MeasureError(f"A landmark of frame {frame + 1} is no place in the picture; place it again.")
