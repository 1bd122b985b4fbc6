"""End-diastole and end-systole of each beat, from the area curve, the file, the ECG, or a person.

End-diastole is the frame with the largest cavity, or that of the R wave; end-systole the one with the smallest. Where
several sources speak, a person wins, then the marks of the file, then the ECG, then the curve.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from matae.errors import MeasureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Curve = NDArray[np.float64]

__all__ = ["Beat", "Cycle", "Marks", "find_cycle", "smooth_curve"]

Source = Literal["user", "file", "ecg", "curve"]

_SMOOTH_S = 0.10  # length of the Savitzky-Golay window
_SPIKE = 0.4
_LEAST_CHANGE = 1e-3
_SPIKES_FROM_HZ = 30.0
_LEAST_RR_S = 0.30  # 200 beats a minute
_APART_S = 0.40  # of two beats when the curve does not repeat: 20 frames at 50 Hz, as EchoNet-Dynamic
_EDGE = 0.2  # of the curve's range: how far below the other peaks one at the clip's edge may stay
_NEAR = 0.35  # of a beat: a mark replaces what was found within this


@dataclass(frozen=True)
class Marks:
    """Frames that a person or a file calls end-diastolic and end-systolic.

    Parameters
    ----------
    ed, es
        0-based frames, any number of each.
    """

    ed: tuple[int, ...] = ()
    es: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ed or self.es)

    def checked(self, n_frames: int) -> Marks:
        """Return the marks sorted, each once.

        Raises
        ------
        MeasureError
            If one is outside the clip, or the same frame is marked as both.
        """
        for frame in (*self.ed, *self.es):
            if not 0 <= frame < n_frames:
                raise MeasureError(f"Frame {frame} is marked, but the clip has frames 0 to {n_frames - 1}; mark again.")
        if both := set(self.ed) & set(self.es):
            raise MeasureError(f"Frame {min(both)} is marked as end-diastole and end-systole; take one mark away.")
        return Marks(tuple(sorted({int(f) for f in self.ed})), tuple(sorted({int(f) for f in self.es})))


@dataclass(frozen=True)
class Beat:
    """One heart beat.

    Parameters
    ----------
    ed, es
        0-based frames of end-diastole and end-systole.
    next_ed
        End-diastole of the beat after it, if the clip shows it.
    ed_source, es_source
        Who said so: ``user``, ``file``, ``ecg`` or ``curve``.
    whole
        Both frames are real extremes of the curve or marked; False where the clip begins or ends too early, so that
        its largest and smallest frame had to do.
    """

    ed: int
    es: int
    next_ed: int | None = None
    ed_source: Source = "curve"
    es_source: Source = "curve"
    whole: bool = True


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


def smooth_curve(curve: ArrayLike, frame_rate: float | None = None) -> Curve:
    """Fill gaps, take out spikes and smooth a curve over 0.1 s (over 5 frames where the frame rate is unknown).

    A spike is a single frame that leaves the middle of its neighbours by more than 40 %, at 30 Hz or more: no heart
    does that, a failed outline does.

    Parameters
    ----------
    curve
        (T,), NaN where there is no mask.
    frame_rate
        Hz, or None.
    """
    values = np.asarray(curve, np.float64)
    known = np.isfinite(values)
    if not known.any():
        return np.full(values.shape, np.nan)
    places = np.arange(values.size)
    filled = np.interp(places, places[known], values[known])
    if values.size >= 5 and (frame_rate is None or frame_rate >= _SPIKES_FROM_HZ):
        around = np.lib.stride_tricks.sliding_window_view(np.pad(filled, 2, "reflect"), 5)
        middle = np.median(around, axis=1)
        spiked = np.abs(filled - middle) > _SPIKE * middle
        filled[spiked] = np.interp(places[spiked], places[~spiked], filled[~spiked]) if not spiked.all() else 0.0
    window = 5 if frame_rate is None else round(_SMOOTH_S * frame_rate) // 2 * 2 + 1
    window = min(window, (values.size - 1) // 2 * 2 + 1)
    if window < 5:
        return filled
    from scipy.signal import savgol_filter

    smooth: Curve = savgol_filter(filled, window, 2, mode="interp")
    return smooth


def find_cycle(
    area: ArrayLike,
    times: ArrayLike | None = None,
    *,
    marks: Marks | None = None,
    file_marks: Marks | None = None,
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
        Frame times in seconds, (T,), or None.
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
    clock = None if times is None else np.asarray(times, np.float64)
    rate = None if clock is None or clock.size < 2 else float(1.0 / np.median(np.diff(clock)))
    smooth = smooth_curve(values, rate)
    given = (marks or Marks()).checked(values.size)
    stated = (file_marks or Marks()).checked(values.size)
    found: list[Beat] = []
    period: float | None = None
    waves: list[int] = []
    if not _is_flat(smooth):
        period = _period(smooth, rate)
        if clock is not None and r_waves_s:
            waves = [int(np.abs(clock - t).argmin()) for t in sorted(r_waves_s) if clock[0] <= t <= clock[-1]]
            found = _beats_of_waves(smooth, waves)
        found = found or _beats_of_curve(smooth, period, rate)
    reach = period or (found[0].next_ed - found[0].ed if found and found[0].next_ed else values.size)
    for source, those in (("file", stated), ("user", given)):
        found = _with_marks(found, those, smooth, reach=_NEAR * reach, source=source)  # type: ignore[arg-type]
    beats = tuple(sorted(found, key=lambda beat: min(beat.ed, beat.es)))
    bpm, said_by = _heart_rate(beats, waves, clock)
    if bpm is None and heart_rate is not None:
        bpm, said_by = heart_rate, "file"
    return Cycle(beats, bpm, said_by, smooth)


def _is_flat(curve: Curve) -> bool:
    """Say whether there is nothing to find in a curve: no values, or no more change than rounding makes."""
    return curve.size < 2 or not np.isfinite(curve).all() or not np.ptp(curve) > _LEAST_CHANGE * curve.max()


def _period(curve: Curve, rate: float | None) -> float | None:
    """Length of a beat in frames from the autocorrelation, or None where the curve does not repeat."""
    from scipy.signal import find_peaks

    centred = curve - curve.mean()
    n = centred.size
    overlap = np.arange(n, 0, -1)
    spectrum = np.fft.rfft(centred, 2 * n)
    lags = np.fft.irfft(spectrum * spectrum.conj())[:n] / overlap
    lags = lags / max(float(lags[0]), 1e-30)
    first = int(np.ceil(_LEAST_RR_S * rate)) if rate else 6
    last = int(0.75 * n)  # a few overlapping frames correlate by chance
    peaks = find_peaks(lags[:last])[0]
    peaks = peaks[(peaks >= first) & (lags[peaks] > 0.3)]
    if not peaks.size:
        return None
    # The first peak that is nearly as high as any: later ones are multiples of the beat.
    return float(peaks[lags[peaks] >= 0.8 * lags[peaks].max()][0])


def _extremes(curve: Curve, distance: float) -> list[int]:
    """Frames of the peaks; those at the edges of the clip only where they are as high as the others."""
    from scipy.signal import find_peaks

    low, high = np.percentile(curve, [5, 95])
    padded = np.concatenate([[curve.min()], curve, [curve.min()]])
    peaks = find_peaks(padded, distance=max(1.0, distance), prominence=0.5 * (high - low))[0] - 1
    inner = [int(p) for p in peaks if 0 < p < curve.size - 1]
    level = np.median(curve[inner]) if inner else curve.max()
    limit = level - _EDGE * (high - low)
    return [int(p) for p in peaks if p in inner or curve[p] >= limit]


def _beats_of_curve(curve: Curve, period: float | None, rate: float | None) -> list[Beat]:
    distance = 0.5 * period if period else _APART_S * rate if rate else 0.35 * curve.size
    peaks, troughs = _extremes(curve, distance), _extremes(-curve, distance)
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


def _with_marks(beats: list[Beat], marks: Marks, curve: Curve, *, reach: float, source: Source) -> list[Beat]:
    """Put marks in the place of what was found."""
    if not marks:
        return beats
    changed = list(beats)
    loose_ed: list[int] = []
    loose_es: list[int] = []
    for frame in marks.ed:
        index = _nearest(frame, [beat.ed for beat in changed], reach)
        if index is None:
            loose_ed.append(frame)
        else:
            old = changed[index].ed
            changed[index] = replace(changed[index], ed=frame, ed_source=source)
            changed = [replace(beat, next_ed=frame) if beat.next_ed == old else beat for beat in changed]
    for frame in marks.es:
        index = _nearest(frame, [beat.es for beat in changed], reach)
        if index is None:
            loose_es.append(frame)
        else:
            changed[index] = replace(changed[index], es=frame, es_source=source)
    changed += _new_beats(loose_ed, loose_es, curve, reach, source)
    both_marked = {"user", "file"}
    changed = [
        replace(beat, whole=True) if {beat.ed_source, beat.es_source} <= both_marked else beat for beat in changed
    ]
    # A guess that only had to do gives way to a beat that somebody marked.
    sure = [beat for beat in changed if beat.whole]
    return [beat for beat in (sure or changed) if beat.ed != beat.es]


def _nearest(frame: int, candidates: Iterable[int], reach: float) -> int | None:
    distances = [abs(frame - other) for other in candidates]
    if not distances or min(distances) > reach:
        return None
    return distances.index(min(distances))


def _new_beats(loose_ed: list[int], loose_es: list[int], curve: Curve, reach: float, source: Source) -> list[Beat]:
    """Make beats of marks near which nothing was found: in pairs, or with the extreme of the curve beside them."""
    beats: list[Beat] = []
    free = list(loose_es)
    flat = _is_flat(curve)
    for number, frame in enumerate(loose_ed):
        limit = loose_ed[number + 1] if number + 1 < len(loose_ed) else curve.size
        after = [es for es in free if frame < es < limit] or free
        if after:
            mate = min(after, key=lambda es, ed=frame: (es < ed, abs(es - ed)))  # type: ignore[misc]
            free.remove(mate)
            beats.append(Beat(frame, mate, None, source, source))
        elif not flat:
            end = min(curve.size, frame + int(reach / _NEAR) + 1)
            beats.append(Beat(frame, frame + int(curve[frame:end].argmin()), None, source, "curve"))
    if not flat:
        for frame in free:
            start = max(0, frame - int(reach / _NEAR))
            beats.append(Beat(start + int(curve[start : frame + 1].argmax()), frame, None, "curve", source))
    return beats


def _heart_rate(beats: Sequence[Beat], waves: Sequence[int], clock: Curve | None) -> tuple[float | None, str]:
    if clock is None:
        return None, ""
    if len(waves) > 1:
        return float(60.0 / np.median(np.diff(clock[list(waves)]))), "ecg"
    # Over all whole beats at once: the frame on which one ends matters less.
    spans = [(beat.ed, beat.next_ed) for beat in beats if beat.next_ed is not None and beat.next_ed > beat.ed]
    if not spans:
        return None, ""
    seconds = sum(float(clock[end] - clock[start]) for start, end in spans)
    return 60.0 * len(spans) / seconds, "curve"
