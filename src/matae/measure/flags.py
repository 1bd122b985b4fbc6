"""What to know before a number is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.measure._edge import edge_distance
from matae.measure._plane import scale_of
from matae.measure.reliability import HIGHEST_EF
from matae.measure.uncertainty import QualityFlag
from matae.read._timing import unevenness
from matae.segment.expected import DOUBTFUL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.measure.beat import Beat, PhaseMarks
    from matae.measure.cycle import Cycle
    from matae.measure.disks import Disks, SinglePlane
    from matae.measure.frames import FrameShape
    from matae.measure.landmarks import Landmarks

__all__ = ["find_flags"]

LOW_FRAME_RATE = 30.0
"""Hz; below it, end-systole falls between frames."""
BEAT_SPREAD = 5.0
"""Points of ejection fraction between the beats."""
SLENDER = (1.0, 3.6)
"""Plausible long axis divided by widest diameter, any phase."""
SHORT_ED = 1.3
"""Long axis divided by widest diameter at end-diastole, below which the view may be foreshortened."""
APEX_TRAVEL = 0.10
"""Travel of the apex towards the base relative to the long axis: a true apex hardly moves."""
JUMP = 0.25
"""Change of area from frame to frame that no heart makes, at 30 Hz and more."""
WIDTHS_DIFFER = 7.0
"""Points of ejection fraction (standard deviation): 95 % of the CAMUS validation patients stay below."""
WIDTHS_AGREE = 0.92
"""Mean Dice of the cavities that two widths outline, below which an outline is taken for wrong. It and
`matae.segment.expected.DOUBTFUL` were set on training patients of CAMUS, changed, and phantoms (docs/measure.md)."""
_CLIPPED = 0.08  # share of the outline at the sector's edge
_EDGE = 0.02  # of the long axis: what counts as at the edge
_STANDS_OUT = 6.0  # robust standard deviations


def find_flags(
    cine: Cine,
    shapes: Sequence[FrameShape],
    cycle: Cycle,
    *,
    beats: Sequence[tuple[Beat, SinglePlane]],
    outlines: Mapping[int, NDArray[np.float64]],
    view: str | None = None,
    sector: NDArray[np.bool_] | None = None,
    marks: PhaseMarks | None = None,
    landmarks: Mapping[int, Landmarks] | None = None,
    errors: NDArray[np.float64] | None = None,
    error_limit: float | None = None,
    expected: NDArray[np.float64] | None = None,
    widths_sd: float = 0.0,
    agreement: Mapping[int, float] | None = None,
) -> tuple[QualityFlag, ...]:
    """Return everything doubtful about a measurement, warnings first.

    Parameters
    ----------
    cine
        The clip.
    shapes
        The cavity of each frame.
    cycle
        The beats.
    beats
        Those that could be measured.
    outlines
        Outlines of their frames in pixels.
    view
        Standard view, or None.
    sector
        Pixels of the sector, (Y, X) bool, or None.
    marks, landmarks
        Frames that a person marked, and apex and hinge points placed by frame.
    errors, error_limit, expected
        See `matae.measure.measure_cine`.
    widths_sd
        Standard deviation of the ejection fractions by the widths of the network, points.
    agreement
        Mean Dice of the cavities that two of those widths outline, by frame.
    """
    flags = [
        *_of_file(cine, view),
        *_of_cycle(cine, shapes, cycle, beats),
        *_of_hands(cine, beats, marks, landmarks or {}),
        *_of_masks(cine, shapes),
        *_of_view(cine, beats, outlines, sector),
        *_of_network(errors, error_limit),
        *_of_outlines(expected, agreement or {}),
        *_of_widths(beats, widths_sd),
    ]
    return tuple(sorted(flags, key=lambda flag: flag.level != "warning"))


def _of_file(cine: Cine, view: str | None) -> list[QualityFlag]:
    flags = []
    if cine.spacing is None:
        text = "Not calibrated: volumes in mL and lengths in mm are left out; draw over the depth scale to set it."
        flags.append(QualityFlag("uncalibrated", text, level="note"))
    if view is None:
        flags.append(
            QualityFlag("view-unknown", "The view is not stated; choose it, so that segments have names.", (), "note")
        )
    rate = cine.frame_rate
    if rate is None and cine.n_frames > 1:
        text = "The frame rate is not known: heart rate and cardiac output are left out, end-systole may be missed."
        flags.append(QualityFlag("frame-rate-unknown", text, level="note"))
    elif rate is not None and rate < LOW_FRAME_RATE:
        text = f"{rate:.0f} frames a second: below {LOW_FRAME_RATE:.0f}, end-systole falls between frames and the "
        flags.append(QualityFlag("low-frame-rate", text + "ejection fraction comes out too low."))
    if uneven := unevenness(cine.frame_times):
        flags.append(QualityFlag("uneven-times", uneven + " Beats and heart rate across it may be wrong."))
    return flags


def _of_cycle(
    cine: Cine, shapes: Sequence[FrameShape], cycle: Cycle, beats: Sequence[tuple[Beat, SinglePlane]]
) -> list[QualityFlag]:
    flags = []
    if not beats:
        text = "No beat could be measured: the clip shows no end-diastole followed by an end-systole with a cavity."
        flags.append(QualityFlag("no-beat", text))
    if cut := [beat for beat, _ in beats if not beat.whole]:
        frames = tuple(sorted({f for beat in cut for f in (beat.ed, beat.es)}))
        text = "The clip shows no systole from start to end: its largest and smallest cavity are taken instead."
        flags.append(QualityFlag("incomplete-beat", text, frames))
    if backwards := [beat for beat, volumes in beats if volumes.ef_percent < 0]:
        frames = tuple(sorted({f for beat in backwards for f in (beat.ed, beat.es)}))
        flags.append(
            QualityFlag("negative-ef", "End-systole is larger than end-diastole; mark the frames again.", frames)
        )
    if too_high := [beat for beat, volumes in beats if volumes.ef_percent > HIGHEST_EF]:
        frames = tuple(sorted({f for beat in too_high for f in (beat.ed, beat.es)}))
        text = f"An ejection fraction above {HIGHEST_EF:.0f} %: hardly a heart has it; look at both outlines."
        flags.append(QualityFlag("implausible-ef", text, frames))
    found = [volumes.ef_percent for _, volumes in beats]
    if len(found) > 1 and max(found) - min(found) > BEAT_SPREAD:
        frames = tuple(sorted({f for beat, _ in beats for f in (beat.ed, beat.es)}))
        text = (
            f"The beats differ by {max(found) - min(found):.0f} points of ejection fraction; an arrhythmia wants five."
        )
        flags.append(QualityFlag("beat-spread", text, frames))
    stated, measured = cine.heart_rate, cycle.heart_rate
    if stated and measured and cycle.heart_rate_source != "file" and abs(measured - stated) > 0.2 * stated:
        text = f"{measured:.0f} beats a minute measured, {stated:.0f} stated by the file; check the frame rate."
        flags.append(QualityFlag("heart-rate", text))
    if missing := tuple(t for t, shape in enumerate(shapes) if shape.area_px == 0):
        if len(missing) < len(shapes):
            flags.append(QualityFlag("empty-frames", f"{_count(missing)} without a cavity.", missing, "note"))
        else:
            flags.append(QualityFlag("empty-frames", "No frame has a cavity; segment the clip or draw one.", missing))
    return flags


def _of_hands(
    cine: Cine,
    beats: Sequence[tuple[Beat, SinglePlane]],
    marks: PhaseMarks | None,
    landmarks: Mapping[int, Landmarks],
) -> list[QualityFlag]:
    """Say what a person marked or placed that cannot be used as it is."""
    flags = []
    if marks is not None:
        used = {beat.ed for beat, _ in beats} | {beat.es for beat, _ in beats}
        if unused := tuple(sorted({*marks.ed, *marks.es} - used)):
            text = f"{_count(unused)} marked but in no beat: no cavity there, no mate, or two marks for one beat."
            flags.append(QualityFlag("mark-unused", text, unused))
    edge = np.array(cine.shape) - 0.5
    places = {t: points.as_array() for t, points in sorted(landmarks.items())}
    if frames := tuple(t for t, p in places.items() if not ((p >= -0.5) & (p <= edge)).all()):
        text = f"{_count(frames)} with a landmark placed outside the picture; place it again."
        flags.append(QualityFlag("landmark-outside", text, frames))
    return flags


def _of_masks(cine: Cine, shapes: Sequence[FrameShape]) -> list[QualityFlag]:
    flags = []
    for code, text, wrong in (
        ("holes", "{} with a hole in the cavity: filled for measuring.", [s.holes > 0 for s in shapes]),
        ("several-parts", "{} with several parts: the largest is measured.", [s.parts > 1 for s in shapes]),
        ("too-small", "{} with a cavity too small to measure.", [s.area_px > 0 and s.disks is None for s in shapes]),
        ("on-border", "{} with a cavity that touches the edge of the picture.", [s.on_border for s in shapes]),
    ):
        if frames := tuple(int(t) for t in np.flatnonzero(wrong)):
            flags.append(QualityFlag(code, text.format(_count(frames)), frames))
    odd = [t for t, shape in enumerate(shapes) if shape.disks is not None and not _plausible(shape.disks)]
    if odd:
        low, high = SLENDER
        text = f"{_count(odd)} with an implausible shape: length divided by width is outside {low:g} to {high:g}."
        flags.append(QualityFlag("implausible-shape", text, tuple(odd)))
    rate = cine.frame_rate
    if rate is not None and rate >= LOW_FRAME_RATE and len(shapes) > 2:
        area = np.array([shape.area_px or np.nan for shape in shapes], np.float64)
        step = np.abs(np.diff(area)) / np.fmin(area[1:], area[:-1])
        if frames := tuple(int(t) + 1 for t in np.flatnonzero(step > JUMP)):
            text = f"{_count(frames)} where the area jumps by more than {JUMP:.0%} from the one before."
            flags.append(QualityFlag("area-jump", text, frames))
    return flags


def _plausible(disks: Disks) -> bool:
    widest = float(disks.diameters.max())
    return widest > 0 and SLENDER[0] <= disks.length / widest <= SLENDER[1]


def _of_view(
    cine: Cine,
    beats: Sequence[tuple[Beat, SinglePlane]],
    outlines: Mapping[int, NDArray[np.float64]],
    sector: NDArray[np.bool_] | None,
) -> list[QualityFlag]:
    flags = []
    scale = scale_of(cine.pixel_size)
    short, moving = [], []
    for beat, volumes in beats:
        ed, es = volumes.ed, volumes.es
        if ed.length < SHORT_ED * float(ed.diameters.max()):
            short.append(beat.ed)
        base, apex = np.array(ed.landmarks.base), np.array(ed.landmarks.apex)
        down = (base - apex) * scale / ed.length
        travel = float((np.array(es.landmarks.apex) - apex) * scale @ down)
        if travel > APEX_TRAVEL * ed.length:
            moving += [beat.ed, beat.es]
    if short:
        text = "The cavity is short for its width: the view may be foreshortened, and the volume too small."
        flags.append(QualityFlag("foreshortened", text, tuple(short)))
    if moving:
        text = "The apex moves towards the base in systole; a true apex hardly moves: the view may be foreshortened."
        flags.append(QualityFlag("apex-moves", text, tuple(sorted(set(moving)))))
    if sector is not None:
        flags += _of_sector(beats, outlines, sector, scale)
    return flags


def _of_sector(
    beats: Sequence[tuple[Beat, SinglePlane]],
    outlines: Mapping[int, NDArray[np.float64]],
    sector: NDArray[np.bool_],
    scale: NDArray[np.float64],
) -> list[QualityFlag]:
    limits = {
        frame: max(_EDGE * disks.length, 2.0 * float(scale.mean()))
        for beat, volumes in beats
        for frame, disks in ((beat.ed, volumes.ed), (beat.es, volumes.es))
    }
    apexes = [disks.landmarks.apex for _, volumes in beats for disks in (volumes.ed, volumes.es)]
    around = np.concatenate([np.array(apexes).reshape(-1, 2), *(outlines[frame] for frame in limits)])
    depth = edge_distance(sector, scale, around, max(limits.values(), default=0.0))
    height, width = sector.shape
    apex_out, clipped = [], []
    for beat, volumes in beats:
        for frame, disks in ((beat.ed, volumes.ed), (beat.es, volumes.es)):

            def near(points: NDArray[np.float64], limit: float = limits[frame]) -> NDArray[np.bool_]:
                y, x = np.rint(points).astype(int).T
                found: NDArray[np.bool_] = depth[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] <= limit
                return found

            if near(np.array([disks.landmarks.apex]))[0]:
                apex_out.append(frame)
            elif near(outlines[frame]).mean() > _CLIPPED:
                clipped.append(frame)
    flags = []
    if apex_out:
        text = "The apex lies at the edge of the sector or outside: the cavity is cut off, its volume too small."
        flags.append(QualityFlag("apex-outside", text, tuple(sorted(set(apex_out)))))
    if clipped:
        text = "The edge of the sector cuts a wall of the cavity: its volume may be too small."
        flags.append(QualityFlag("wall-outside", text, tuple(sorted(set(clipped)))))
    return flags


def _of_network(errors: NDArray[np.float64] | None, limit: float | None) -> list[QualityFlag]:
    if errors is None or not np.isfinite(errors).any():
        return []
    if limit is None:
        middle = float(np.nanmedian(errors))
        spread = 1.4826 * float(np.nanmedian(np.abs(errors - middle)))
        limit = middle + _STANDS_OUT * max(spread, 0.02 * abs(middle))
    frames = tuple(int(t) for t in np.flatnonzero(errors > limit))
    if not frames:
        return []
    return [
        QualityFlag(
            "unknown-picture", f"{_count(frames)} unlike the pictures that the model knows; look at them.", frames
        )
    ]


def _of_outlines(expected: NDArray[np.float64] | None, agreement: Mapping[int, float]) -> list[QualityFlag]:
    low = set() if expected is None else {int(t) for t in np.flatnonzero(expected < DOUBTFUL)}
    apart = {frame for frame, agreed in agreement.items() if agreed < WIDTHS_AGREE}
    frames = tuple(sorted(low | apart))
    if not frames:
        return []
    why = [f"expected Dice below {DOUBTFUL:g}"] if low else []
    why += [f"mean Dice of two widths below {WIDTHS_AGREE:g}"] if apart else []
    text = f"{_count(frames)} with an outline that is probably wrong ({' or '.join(why)}); look at them."
    return [QualityFlag("doubtful-outline", text, frames)]


def _of_widths(beats: Sequence[tuple[Beat, SinglePlane]], widths_sd: float) -> list[QualityFlag]:
    if widths_sd <= WIDTHS_DIFFER:
        return []
    frames = tuple(sorted({f for beat, _ in beats for f in (beat.ed, beat.es)}))
    text = f"The widths of the network differ by {widths_sd:.0f} points (standard deviation); look at the outlines."
    return [QualityFlag("widths-differ", text, frames)]


def _count(frames: Sequence[int]) -> str:
    return "1 frame" if len(frames) == 1 else f"{len(frames)} frames"
