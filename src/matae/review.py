"""Which frame should a person look at next.

A reader with two minutes cannot look at every frame. The frames worth those minutes are end-diastole and
end-systole, on which the volumes rest, and those where the model contradicts itself: the area jumps where a heart
cannot, the widths of the network disagree, or there is no cavity at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Cine
    from matae.measure import Beat, PhaseMarks
    from matae.store.types import Flag

__all__ = [
    "MAX_FLAGS",
    "MIN_GAP",
    "THRESHOLD",
    "Phases",
    "cycle_phases",
    "find_phases",
    "flag_frames",
    "flags_of",
    "frame_scores",
    "is_doubted",
    "next_frame",
]

MIN_GAP = 8
"""Smallest distance in frames between two flags: neighbours look alike and are corrected together."""

MAX_FLAGS = 5
"""Flags in one cine besides end-diastole and end-systole; more would not be looked at."""

THRESHOLD = 0.2
"""Score below which a frame is not worth a flag.

A beat of N frames whose area follows a sine has a second difference of at most ``2 (pi / N)**2`` of its range: 0.2 for
a beat of 10 frames, 0.01 for one of 40."""

_STANDS_OUT = 0.1
_WEIGHT_JUMP, _WEIGHT_CLIPPED = 1.0, 1.0
_WEIGHT_DISAGREEMENT = THRESHOLD / 0.045
"""So that what `matae.measure.run.DISAGREE` says of two widths is by itself worth a flag."""


@dataclass(frozen=True)
class Phases:
    """End-diastole and end-systole, as 0-based frames; None where no frame has a mask."""

    ed: int | None
    es: int | None


def find_phases(area: ArrayLike, ed: int | None = None, es: int | None = None) -> Phases:
    """Return the end-diastolic and end-systolic frame: those stated, else the largest and the smallest cavity.

    Parameters
    ----------
    area
        Cavity area of each frame, (T,), in any unit; NaN where there is no mask yet.
    ed, es
        Frames that a person or the file states.

    Notes
    -----
    Each area is first replaced by the median of itself and its neighbours, so that one bad mask is not taken for the
    end of systole; of the frame found and its neighbours, the one whose own area is furthest out is taken, unless it
    stands out by more than a tenth. An empty mask is no cavity and not the smallest one.
    """
    known = _known(area)
    smooth = _median_of_three(known)
    if not np.isfinite(smooth).any():
        return Phases(ed, es)
    return Phases(
        _furthest(known, smooth, int(np.nanargmax(smooth)), 1.0) if ed is None else ed,
        _furthest(known, smooth, int(np.nanargmin(smooth)), -1.0) if es is None else es,
    )


def cycle_phases(
    area: ArrayLike,
    cine: Cine,
    *,
    ed: int | None = None,
    es: int | None = None,
    ejection: Callable[[int, int], float | None] | None = None,
) -> Phases:
    """Return end-diastole and end-systole as a measurement of the clip would: of the beat it shows.

    Parameters
    ----------
    area
        Cavity area of each frame, (T,), in any unit; NaN where there is no mask that counts.
    cine
        The clip: its frame times, R waves, and what its file calls end-diastole and end-systole.
    ed, es
        What counts as marked: the file's own frame, another one that a person chose, or None where a person took the
        mark away or nobody made one.
    ejection
        Returns the ejection fraction between two frames, None where it cannot be measured. It is asked only where
        several beats are as good; the areas themselves stand in where it is left out.

    Notes
    -----
    The frames are those of `matae.measure.find_cycle`: a person wins, then the file, then the ECG, then the curve. The
    beat is that of `matae.measure.Measurement.primary`: one that a person or the file marked, else the one with the
    middle ejection fraction. Where there is no beat (a single frame, a heart that stands still) it is `find_phases`.
    """
    from matae.errors import MeasureError
    from matae.measure import PhaseMarks, find_cycle

    known = _known(area)
    user = PhaseMarks(
        () if ed is None or ed == cine.ed_frame else (ed,), () if es is None or es == cine.es_frame else (es,)
    )
    waves = cine.info.get("r_wave_times_ms")
    try:
        beats = find_cycle(
            known,
            cine.frame_times,
            marks=user,
            file_marks=_file_marks(cine, ed, es),
            r_waves_s=[float(t) / 1000.0 for t in waves] if isinstance(waves, list | tuple) else None,
        ).beats
    except MeasureError:
        beats = ()  # marks that contradict each other: they are shown as they were made
    found = _shown_beat(beats, ejection or (lambda start, end: _ejection(known, start, end)))
    if found is None:
        return find_phases(area, ed, es)
    # A mark that makes no beat, such as an end-diastole in the last frame, is still what a person marked.
    return Phases(
        ed if user.ed and all(beat.ed != ed for beat in beats) else found.ed,
        es if user.es and all(beat.es != es for beat in beats) else found.es,
    )


def _file_marks(cine: Cine, ed: int | None, es: int | None) -> PhaseMarks:
    """Return what the file marks and nobody took away; a file may speak of another clip, or of one frame twice."""
    from matae.measure import PhaseMarks

    first = () if ed is None or cine.ed_frame is None else (cine.ed_frame,)
    second = () if es is None or cine.es_frame is None else (cine.es_frame,)
    inside = [tuple(t for t in marks if 0 <= t < cine.n_frames) for marks in (first, second)]
    return PhaseMarks() if set(inside[0]) & set(inside[1]) else PhaseMarks(*inside)


def _shown_beat(beats: Sequence[Beat], ejection: Callable[[int, int], float | None]) -> Beat | None:
    if len(beats) < 2:
        return beats[0] if beats else None
    for source in ("user", "file"):
        for beat in beats:
            if source in (beat.ed_source, beat.es_source):
                return beat
    measured = [(value, beat) for beat in beats if (value := ejection(beat.ed, beat.es)) is not None]
    ranked = [beat for _, beat in sorted(measured, key=lambda pair: pair[0])]
    return ranked[(len(ranked) - 1) // 2] if ranked else beats[0]


def _ejection(area: NDArray[np.float64], ed: int, es: int) -> float | None:
    share = 1.0 - float(area[es] / area[ed])
    return share if np.isfinite(share) else None


def frame_scores(
    area: ArrayLike, *, disagreement: ArrayLike | None = None, clipped: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Score how much each frame needs a person's eye.

    Parameters
    ----------
    area
        Cavity area of each frame, (T,), in any unit; NaN where there is no mask yet.
    disagreement
        One minus the Dice between the widths of the network, (T,) in 0-1, if known; NaN where it is not.
    clipped
        Share of the mask's outline that lies on the edge of the sector or the picture, (T,) in 0-1, if known.

    Returns
    -------
    numpy.ndarray
        (T,) scores from 0 (nothing to see); about 1 is a frame that cannot be right. Frames without a mask score 0;
        empty masks in a cine that has others score at least 1.

    Notes
    -----
    The sum of the second difference of the area relative to its range (the 95th minus the 5th percentile), as in the
    temporal consistency of Painchaud et al. 2022, of the widths' disagreement, of which 0.045 is as much as a flag
    needs, and of the clipped share. A wrong frame also raises its neighbours' second difference by half: only a third
    of it is theirs to keep if the frame itself stands out more.
    """
    known = _known(area)
    raw = np.asarray(area, dtype=np.float64)
    score = _WEIGHT_JUMP * _jumps(known)
    for extra, weight in ((disagreement, _WEIGHT_DISAGREEMENT), (clipped, _WEIGHT_CLIPPED)):
        if extra is not None:
            values = np.asarray(extra, dtype=np.float64)
            if values.shape != raw.shape:
                raise ValueError(f"{values.shape} values for {raw.shape} frames")
            score = score + weight * np.nan_to_num(values)
    score[~np.isfinite(raw)] = 0.0
    if np.isfinite(known).any():
        score[raw == 0] = np.maximum(score[raw == 0], 1.0)
    return score


def is_doubted(area: ArrayLike, disagreement: ArrayLike, frame: int) -> bool:
    """Return whether a frame's score comes from the widths of the network more than from its area.

    Parameters
    ----------
    area, disagreement
        As for `frame_scores`.
    frame
        0-based frame.
    """
    apart = float(np.nan_to_num(np.asarray(disagreement, dtype=np.float64)[frame]))
    return _WEIGHT_DISAGREEMENT * apart > float(frame_scores(area)[frame])


def flag_frames(
    scores: ArrayLike, phases: Phases, *, gap: int = MIN_GAP, limit: int = MAX_FLAGS, threshold: float = THRESHOLD
) -> list[int]:
    """Return the frames a person should look at, in order of time.

    Parameters
    ----------
    scores
        From `frame_scores`.
    phases
        From `find_phases`: end-diastole and end-systole are always among the frames.
    gap
        Smallest distance in frames between two suspects; end-diastole and end-systole may be beside them.
    limit
        Most frames flagged besides end-diastole and end-systole.
    threshold
        Smallest score of a flagged frame.
    """
    values = np.asarray(scores, dtype=np.float64)
    always = {t for t in (phases.ed, phases.es) if t is not None and 0 <= t < len(values)}
    suspects: list[int] = []
    for frame in map(int, np.argsort(-values, kind="stable")):
        if len(suspects) >= limit or values[frame] < threshold:
            break
        if frame not in always and all(abs(frame - t) >= gap for t in suspects):
            suspects.append(frame)
    return sorted(always.union(suspects))


def flags_of(area: ArrayLike, phases: Phases, disagreement: ArrayLike | None = None) -> dict[int, Flag]:
    """Return the frames worth a look, in order of time, with their score and why.

    Parameters
    ----------
    area, disagreement
        As for `frame_scores`.
    phases
        As for `flag_frames`.
    """
    from matae.store.types import Flag

    areas = np.asarray(area, dtype=np.float64)
    apart = np.full(areas.shape, np.nan) if disagreement is None else np.asarray(disagreement, dtype=np.float64)
    scores = frame_scores(areas, disagreement=apart)

    def reason(frame: int) -> str:
        if frame == phases.ed:
            return "end-diastole, on which the volumes rest"
        if frame == phases.es:
            return "end-systole, on which the volumes rest"
        if areas[frame] == 0:
            return "flagged: the mask is empty"
        if is_doubted(areas, apart, frame):
            return "flagged: the widths of the network disagree here"
        return "flagged: the area jumps here"

    return {t: Flag(round(float(scores[t]), 4), reason(t)) for t in flag_frames(scores, phases)}


def next_frame(
    here: int, n_frames: int, *, flagged: Sequence[int], done: Collection[int], backward: bool = False
) -> int | None:
    """Return the frame to look at after this one: the next flagged one, else the next that nobody has reviewed.

    Parameters
    ----------
    here
        Frame on screen, 0-based.
    n_frames
        Frames of the cine; the search goes round the loop once, the frame on screen excluded.
    flagged
        Frames worth a look.
    done
        Frames a person has accepted or rejected.
    backward
        Search towards the start.

    Returns
    -------
    int or None
        None when every other frame has been reviewed.

    Examples
    --------
    >>> next_frame(3, 10, flagged=[2, 6], done={6})
    2
    >>> next_frame(3, 10, flagged=[], done={4, 5})
    6
    """
    step = -1 if backward else 1
    reviewed, suspects = set(done), set(flagged)
    order = [(here + step * k) % n_frames for k in range(1, n_frames)]
    open_frames = [t for t in order if t not in reviewed]
    return next((t for t in open_frames if t in suspects), open_frames[0] if open_frames else None)


def _known(area: ArrayLike) -> NDArray[np.float64]:
    values = np.array(area, dtype=np.float64, ndmin=1)
    if values.ndim != 1:
        raise ValueError(f"areas must be one for each frame, not {values.shape}")
    values[values == 0] = np.nan
    return values


def _median_of_three(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found = values.copy()
    if len(values) > 2:
        triples = np.stack([values[:-2], values[1:-1], values[2:]])
        whole = np.isfinite(triples).all(axis=0)
        found[1:-1][whole] = np.median(triples[:, whole], axis=0)
    return found


def _furthest(known: NDArray[np.float64], smooth: NDArray[np.float64], frame: int, sign: float) -> int:
    """Return the frame or neighbour whose own area is largest (sign 1) or smallest (-1), bad masks left out."""
    near = [t for t in range(max(0, frame - 1), min(len(known), frame + 2)) if np.isfinite(known[t])]
    sound = [t for t in near if abs(known[t] - smooth[frame]) <= _STANDS_OUT * smooth[frame]]
    return max(sound, key=lambda t: (sign * known[t], t == frame), default=frame)


def _jumps(area: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the second difference of the area relative to its range, (T,)."""
    jumps = np.zeros(len(area))
    known = area[np.isfinite(area)]
    if known.size < 3:
        return jumps
    low, high = np.percentile(known, [5, 95])
    # A still heart has no range to compare with; a twentieth of its area is the least that counts as motion.
    span = max(float(high - low), 0.05 * float(np.median(known)))
    jumps[1:-1] = np.nan_to_num(np.abs(np.diff(area, 2))) / span
    peaks = jumps.copy()
    before, after = np.roll(peaks, 1), np.roll(peaks, -1)
    shadow = np.maximum(before, after) > peaks
    jumps[shadow] /= 3
    return jumps
