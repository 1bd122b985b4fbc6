"""End-diastole and end-systole of each beat, from the area curve, the file, the ECG, or a person.

End-diastole is the frame with the largest cavity, or that of the R wave; end-systole the one with the smallest. Where
several sources speak, a person wins, then the marks of the file, then the ECG, then the curve.

Beats are looked for in time, not by frame number: where frames are missing, or the frame rate changes within the clip,
the curve is brought to even steps of time first. No two beats need be of one length, as after an ectopic one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from matae.measure.beat import Beat, PhaseMarks
from matae.measure.curve import LEAST_RR_S, even_grid, extremes, is_flat, period_of, smooth_curve
from matae.measure.phase_marks import with_marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Curve = NDArray[np.float64]

__all__ = ["Beat", "Cycle", "PhaseMarks", "find_cycle", "smooth_curve", "usable_times"]

_APART_S = 0.40  # of two beats when the curve does not repeat: 20 frames at 50 Hz, as EchoNet-Dynamic


@dataclass(frozen=True, eq=False)
class Cycle:
    """The beats of a clip.

    Parameters
    ----------
    beats
        In order of time; empty when there is no curve to speak of.
    heart_rate
        Beats per minute, or None when neither frame times nor the file tell.
    heart_rate_source
        ``curve``, ``ecg``, ``file`` or empty.
    smooth
        The smoothed area curve, (T,); NaN everywhere when no frame has a mask.
    """

    beats: tuple[Beat, ...]
    heart_rate: float | None
    heart_rate_source: str
    smooth: NDArray[np.float64] = field(repr=False)


def usable_times(times: ArrayLike | None, n_frames: int) -> NDArray[np.float64] | None:
    """Return frame times in seconds, or None where there are none, or none that a clock could show.

    Parameters
    ----------
    times
        (T,), or None.
    n_frames
        Number of frames.
    """
    if times is None:
        return None
    clock = np.asarray(times, np.float64)
    sound = clock.shape == (n_frames,) and np.isfinite(clock).all() and (np.diff(clock) > 0).all()
    return clock if sound else None


def find_cycle(
    area: ArrayLike,
    times: ArrayLike | None = None,
    *,
    marks: PhaseMarks | None = None,
    file_marks: PhaseMarks | None = None,
    r_waves_s: Sequence[float] | None = None,
    heart_rate: float | None = None,
) -> Cycle:
    """Find the beats of a clip.

    A mark replaces what was found within about a third of a beat, and makes a beat of its own where nothing was found;
    beats without marks stay. Beats that the clip cuts off are left out, unless there is no other.

    Parameters
    ----------
    area
        Area of the cavity in each frame, (T,), any unit; NaN where there is no mask.
    times
        Frame times in seconds, (T,), or None; those that do not increase count as none.
    marks, file_marks
        Of a person; of the file.
    r_waves_s
        Times of the R waves in seconds from the first frame; used where frame times are known.
    heart_rate
        As the file states it, for where it cannot be measured.

    Raises
    ------
    MeasureError
        If a mark is outside the clip or contradicts another.
    """
    values = np.asarray(area, np.float64)
    clock = usable_times(times, values.size)
    rate = None if clock is None or clock.size < 2 else float(1.0 / np.median(np.diff(clock)))
    frame_at = np.arange(values.size)
    grid = None if clock is None else even_grid(clock)
    if clock is not None and grid is not None and np.isfinite(values).any():
        known = np.isfinite(values)
        frame_at = np.abs(clock[:, np.newaxis] - grid).argmin(axis=0)
        even = smooth_curve(np.interp(grid, clock[known], values[known]), rate)
        smooth = np.interp(clock, grid, even)
    else:
        even = smooth = smooth_curve(values, rate)
    given = (marks or PhaseMarks()).checked(values.size)
    stated = (file_marks or PhaseMarks()).checked(values.size)
    found: list[Beat] = []
    period: float | None = None
    waves_s: list[float] = []
    if not is_flat(smooth):
        period = period_of(even, rate)
        if clock is not None and r_waves_s:
            waves_s = sorted(t for t in r_waves_s if clock[0] <= t <= clock[-1])
            found = _beats_of_waves(smooth, sorted({int(np.abs(clock - t).argmin()) for t in waves_s}))
        found = found or _in_frames(_beats_of_curve(even, period, rate), frame_at)
        found = _on_known(found, np.flatnonzero(np.isfinite(values)))
    if period:
        period *= values.size / even.size
    beat = period or (found[0].next_ed - found[0].ed if found and found[0].next_ed else values.size)
    found = with_marks(found, stated, smooth, beat=beat, source="file")
    found = with_marks(found, given, smooth, beat=beat, source="user")
    beats = tuple(sorted(found, key=lambda beat: min(beat.ed, beat.es)))
    bpm, said_by = _heart_rate(beats, waves_s, clock)
    if bpm is None and heart_rate is not None:
        bpm, said_by = heart_rate, "file"
    return Cycle(beats, bpm, said_by, smooth)


def _in_frames(beats: list[Beat], frame_at: NDArray[np.intp]) -> list[Beat]:
    """Bring beats from places of an even curve to frames of the clip."""
    moved = [
        replace(
            b,
            ed=int(frame_at[b.ed]),
            es=int(frame_at[b.es]),
            next_ed=None if b.next_ed is None else int(frame_at[b.next_ed]),
        )
        for b in beats
    ]
    return [b for b in moved if b.ed != b.es]


def _on_known(beats: list[Beat], known: NDArray[np.intp]) -> list[Beat]:
    """Move what was found in a frame without a mask to the nearest frame with one: where there is none, nothing is."""

    def nearest(frame: int) -> int:
        return int(known[np.abs(known - frame).argmin()])

    moved = [replace(b, ed=nearest(b.ed), es=nearest(b.es)) for b in beats]
    return [b for b in moved if b.ed != b.es]


def _apart(curve: Curve, period: float | None, rate: float | None) -> float:
    """Return how many frames two end-diastoles are apart at least.

    The period is that of the beats that repeat, or of several together: an ectopic beat comes sooner.
    """
    if period and rate:
        return min(0.5 * period, LEAST_RR_S * rate)
    if period:
        return 0.25 * period
    return _APART_S * rate if rate else 0.35 * curve.size


def _beats_of_curve(curve: Curve, period: float | None, rate: float | None) -> list[Beat]:
    distance = _apart(curve, period, rate)
    peaks, troughs = extremes(curve, distance), extremes(-curve, distance)
    beats: list[Beat] = []
    for number, peak in enumerate(peaks):
        following = peaks[number + 1] if number + 1 < len(peaks) else None
        inside = [t for t in troughs if t > peak and (following is None or t < following)]
        if not inside:
            continue
        trough = min(inside, key=lambda t: curve[t])
        if following is None and trough == curve.size - 1 and beats:
            continue  # whether the last systole had ended is not known, and there are others
        beats.append(Beat(peak, trough, following, whole=following is not None or trough < curve.size - 1))
    if not any(beat.whole for beat in beats):
        # The clip shows no systole from start to end: its largest and smallest cavity, of whichever beats, must do.
        ed, es = int(curve.argmax()), int(curve.argmin())
        beats = [Beat(ed, es, whole=False)]
    return beats


def _beats_of_waves(curve: Curve, waves: Sequence[int]) -> list[Beat]:
    beats: list[Beat] = []
    for number, wave in enumerate(waves):
        following = waves[number + 1] if number + 1 < len(waves) else None
        end = curve.size if following is None else following
        if end - wave < 3:
            continue
        lowest = wave + int(curve[wave:end].argmin())
        if lowest == wave or (following is None and lowest >= curve.size - 2):
            continue  # the clip ends before the systole does
        beats.append(Beat(wave, lowest, following, "ecg", "curve"))
    return beats


def _heart_rate(beats: Sequence[Beat], waves_s: Sequence[float], clock: Curve | None) -> tuple[float | None, str]:
    if clock is None:
        return None, ""
    apart = np.diff(waves_s)
    if (apart > 0).any():
        return float(60.0 / np.median(apart[apart > 0])), "ecg"
    # Over all whole beats at once: the frame on which one ends matters less.
    spans = [(beat.ed, beat.next_ed) for beat in beats if beat.next_ed is not None and beat.next_ed > beat.ed]
    if not spans:
        return None, ""
    seconds = sum(float(clock[end] - clock[start]) for start, end in spans)
    return 60.0 * len(spans) / seconds, "curve"
