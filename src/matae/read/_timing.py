"""When each frame was taken: the rules that every reader shares.

A time is used only when the source states it without contradiction. Otherwise the cine has no frame times,
its note asks for the frame rate, and what the source did state is kept as candidates to choose from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

__all__ = [
    "ASK",
    "TOLERANCE",
    "Timing",
    "dicom_timing",
    "no_timing",
    "presentation_timing",
    "rates_agree",
    "unevenness",
    "uniform",
]

TOLERANCE = 0.05
"""Relative difference above which two frame rates contradict each other."""

ASK = "give the frame rate by hand."
_SLOWEST, _FASTEST = 0.1, 1000.0
_GAP = 1.8  # times the usual step: at least one frame is missing; jitter and a coarse clock stay below
_CHANGE = 1.5  # times as slow: another rate
_RUN = 10  # steps over which a rate is averaged


@dataclass(frozen=True)
class Timing:
    """Frame times with their origin.

    Parameters
    ----------
    times
        Seconds, (T,), strictly increasing from 0; or None.
    note
        One sentence on where the times come from, or why there are none.
    candidates
        Frame rates in Hz by the name of what states them; kept when no rate could be trusted.
    """

    times: NDArray[np.float64] | None
    note: str
    candidates: dict[str, float] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for the user on gaps and on a rate that changes."""
        return tuple(filter(None, [unevenness(self.times)]))

    @property
    def info(self) -> dict[str, Any]:
        """Entries for `Cine.info`: the candidates, when there are no times but there were figures."""
        return {"frame_rate_candidates": dict(self.candidates)} if self.times is None and self.candidates else {}

    def kept(self, frames: Sequence[int], of: int) -> Timing:
        """Return the timing of some of the frames, after others failed to decode."""
        if self.times is None or len(frames) == of:
            return self
        chosen = self.times[np.asarray(frames, dtype=np.intp)]
        return Timing(chosen - chosen[:1], self.note, self.candidates)


def unevenness(times: NDArray[np.float64] | None) -> str:
    """Return a sentence where frames are missing in time or the frame rate changes on the way, else "".

    Parameters
    ----------
    times
        Frame times in seconds, (T,), strictly increasing; or None.
    """
    if times is None or len(times) < 5:
        return ""
    steps = np.diff(times)
    # The middle of the steps, averaged: a clock of 10 ms shows 80 Hz as steps of 10 and 20 ms.
    ends = max(1, len(steps) // 10)
    usual = float(np.sort(steps)[ends : len(steps) - ends].mean())
    wide = np.flatnonzero(steps > _GAP * usual)
    if not wide.size:
        # A rate that changes for good: the mean over some steps is unlike that over others.
        if len(steps) < 2 * _RUN:
            return ""
        means = np.convolve(steps, np.full(_RUN, 1 / _RUN), "valid")
        slow, fast = float(means.max()), float(means.min())
        if slow < _CHANGE * fast:
            return ""
        return f"The frame rate changes within the clip, from {1 / slow:.3g} to {1 / fast:.3g} Hz."
    if (np.diff(wide) > 1).all() and wide.size <= len(steps) // 4:
        first = int(wide[0])
        more = f", and {wide.size - 1} more" if wide.size > 1 else ""
        return (
            f"Frames are missing in time: {1000 * steps[first]:.0f} ms pass after frame {first + 1}, where frames are "
            f"{1000 * usual:.0f} ms apart{more}."
        )
    slow = float(np.median(steps[wide]))
    return f"The frame rate changes within the clip, from {1 / slow:.3g} to {1 / usual:.3g} Hz."


def plausible(rate: float | None) -> bool:
    """Say whether `rate` can be a frame rate in Hz (0.1 to 1000)."""
    return rate is not None and math.isfinite(rate) and _SLOWEST <= rate <= _FASTEST


def rates_agree(a: float, b: float, *, slack: float = 0.0) -> bool:
    """Say whether two frame rates are the same within `TOLERANCE`, or within `slack` Hz of rounding."""
    return abs(a - b) <= max(TOLERANCE * max(abs(a), abs(b)), slack)


def rate_of(step: float) -> float:
    """Return the rate of frames that are `step` seconds apart; infinite where it is beyond what a float can tell."""
    return 1.0 / float(step) if float(step) else math.inf  # plain floats overflow to infinity without a warning


def no_timing(reason: str, candidates: Mapping[str, float] | None = None) -> Timing:
    """Return the absence of frame times: `reason` is a clause, to which the request is added."""
    return Timing(None, f"{reason}; {ASK}", dict(candidates or {}))


def uniform(n_frames: int, rate: float | None, source: str) -> Timing:
    """Return equally spaced times.

    Parameters
    ----------
    n_frames
        Number of frames.
    rate
        Frames per second, or None when `source` has none.
    source
        What states the rate, for the note: "FrameRate in Info_4CH.cfg".
    """
    if n_frames == 1:
        return Timing(None, "A single frame has no frame rate.")
    if rate is None:
        return no_timing(f"The frame rate is not stated ({source})")
    if not plausible(rate):
        return no_timing(f"{source} states {rate:g} frames per second, which is not plausible")
    return Timing(np.arange(n_frames) / rate, f"{rate:.4g} Hz from {source}.", {source: rate})


def presentation_timing(  # noqa: PLR0911 - one return a reason
    stamps: Sequence[float | None], header_rate: float | None, *, resolution: float, trust_header: bool = True
) -> Timing:
    """Judge the presentation timestamps of a decoded video.

    Sound timestamps are used as they are, so that a variable rate is kept; ones that lie on a regular grid to
    within their resolution become that grid. Without sound timestamps the header's average rate is used.
    Timestamps and header that differ by more than `TOLERANCE` contradict each other, and neither is used.

    Parameters
    ----------
    stamps
        Presentation time of each frame in seconds, None where absent.
    header_rate
        Average frames per second stated by the container, or None.
    resolution
        Tick of the timestamps in seconds.
    trust_header
        False for containers without a frame rate of their own (GIF), where the decoder's figure is a default.
    """
    n_frames = len(stamps)
    if n_frames == 1:
        return Timing(None, "A single frame has no frame rate.")
    header = header_rate if trust_header and plausible(header_rate) else None
    known = np.array([math.nan if stamp is None else stamp for stamp in stamps], np.float64)
    steps = np.diff(known)
    if not (np.isfinite(known).all() and (steps > 0).all()):
        if header is None:
            return no_timing("The file states no usable frame times")
        return uniform(n_frames, header, "the file's average frame rate")
    times = known - known[0]
    rate = rate_of(times[-1] / (n_frames - 1))
    candidates = {"presentation timestamps": rate} if math.isfinite(rate) else {}
    if header is not None:
        candidates["file header"] = header
        if not rates_agree(rate, header):
            return no_timing(
                f"Frame times in the file say {rate:.4g} Hz and its header says {header:.4g} Hz", candidates
            )
    if not plausible(rate):
        return no_timing(f"Frame times in the file say {rate:.4g} Hz, which is not plausible", candidates)
    grid = np.arange(n_frames) / rate
    if np.abs(times - grid).max() <= 1.01 * resolution:
        # A container that rounds to milliseconds would otherwise add jitter that the scanner never had.
        if header is not None and np.abs(times - np.arange(n_frames) / header).max() <= 1.01 * resolution:
            rate, grid = header, np.arange(n_frames) / header
        return Timing(grid, f"{rate:.4g} Hz from the file's frame times.", candidates)
    return Timing(times, f"Variable frame times from the file, {rate:.4g} Hz on average.", candidates)


def dicom_timing(  # noqa: PLR0911, PLR0912 - one return a reason
    n_frames: int,
    *,
    pointer: str | None = None,
    frame_time_vector: Sequence[float] | None = None,
    frame_time: float | None = None,
    cine_rate: float | None = None,
    recommended_rate: float | None = None,
    actual_duration: float | None = None,
    stream_rate: float | None = None,
) -> Timing:
    """Choose the frame times of a multi-frame DICOM object.

    What the frame increment pointer names comes first, then the frame time vector (kept as a vector), the frame
    time, the cine rate, the actual frame duration, the rate of a video stream, and last the recommended display rate.
    A value that cannot be true, or a vector, frame time and cine rate that differ by more than `TOLERANCE`, leave no
    times; a zero beside another figure is an element that nobody filled. The recommended display rate may differ: slow
    replay of a fast acquisition is ordinary (DICOM PS3.3 C.7.6.5).

    Parameters
    ----------
    n_frames
        Number of frames in the file.
    pointer
        Keyword the Frame Increment Pointer (0028,0009) names, or None.
    frame_time_vector, frame_time
        Frame Time Vector (0018,1065) and Frame Time (0018,1063) in ms, as stated; None when absent.
    cine_rate, recommended_rate
        Cine Rate (0018,0040) and Recommended Display Frame Rate (0008,2144) in Hz; None when absent.
    actual_duration
        Actual Frame Duration (0018,1242) in ms.
    stream_rate
        Frame rate in Hz that a video stream states; it never contradicts the header, since many streams are made with
        a rate for display.
    """
    if n_frames == 1:
        return Timing(None, "A single frame has no frame rate.")
    others = (frame_time, cine_rate, recommended_rate)
    if frame_time_vector is not None and not any(frame_time_vector) and any(others):
        frame_time_vector = None
    steps, is_absolute = _vector_steps(frame_time_vector, n_frames)
    candidates: dict[str, float] = {}
    if steps is not None and steps.size and np.isfinite(steps).all() and _increase(steps):
        mean = float(steps.mean())
        candidates["FrameTimeVector"] = rate_of(mean)
    for name, rate in (
        ("FrameTime", _rate_of(frame_time)),
        ("CineRate", cine_rate),
        ("ActualFrameDuration", _rate_of(actual_duration)),
        ("the video stream", stream_rate),
        ("RecommendedDisplayFrameRate", recommended_rate),
    ):
        if rate is not None and plausible(rate):
            candidates[name] = float(rate)

    if frame_time_vector is not None and steps is None:
        candidates.pop("FrameTimeVector", None)
        return no_timing(f"FrameTimeVector has {len(frame_time_vector)} times for {n_frames} frames", candidates)
    if steps is not None and "FrameTimeVector" not in candidates:
        return no_timing("FrameTimeVector holds times that do not increase", candidates)
    if steps is not None and not plausible(candidates["FrameTimeVector"]):
        rate = candidates.pop("FrameTimeVector")
        return no_timing(f"FrameTimeVector means {rate:.4g} Hz, which is not plausible", candidates)
    if frame_time is not None and "FrameTime" not in candidates and not (frame_time == 0 and candidates):
        return no_timing(f"FrameTime is {frame_time:g} ms, which is not plausible", candidates)
    if cine_rate is not None and "CineRate" not in candidates and not (cine_rate == 0 and candidates):
        return no_timing(f"CineRate is {cine_rate:g} Hz, which is not plausible", candidates)

    order = [name for name in candidates if name != pointer]
    if pointer in candidates:
        order.insert(0, pointer)
    if not order:
        return no_timing("The file states no frame rate")
    chosen = order[0]
    if (other := _contradiction(chosen, order, candidates, steps)) is not None:
        return no_timing(
            f"{chosen} means {candidates[chosen]:.4g} Hz and {other} {candidates[other]:.4g} Hz", candidates
        )
    if chosen == "FrameTimeVector" and steps is not None:
        times = np.concatenate([[0.0], np.cumsum(steps)])
        words = ", which holds times and not steps" if is_absolute else ""
        return Timing(times, f"{candidates[chosen]:.4g} Hz on average, from FrameTimeVector{words}.", candidates)
    return Timing(np.arange(n_frames) / candidates[chosen], f"{candidates[chosen]:.4g} Hz from {chosen}.", candidates)


def _increase(steps: NDArray[np.float64]) -> bool:
    """Say whether the times that steps add up to increase, which tiny steps beside huge ones do not."""
    return bool((np.diff(np.cumsum(np.concatenate([[0.0], steps]))) > 0).all())


def _rate_of(milliseconds: float | None) -> float | None:
    """Return the rate of a step; None for one that is none."""
    if milliseconds is None or not math.isfinite(milliseconds) or abs(milliseconds) < 1e-9:
        return None
    return 1000.0 / milliseconds


def _vector_steps(vector: Sequence[float] | None, n_frames: int) -> tuple[NDArray[np.float64] | None, bool]:
    """Return the steps between frames in seconds, and whether the vector holds times instead of steps.

    The first entry belongs to no step (PS3.3 C.7.6.5.1.2) and some writers leave it out. Others write the time of each
    frame: a vector that grows by one and the same amount from its start, which no real series of steps does.
    """
    if vector is None:
        return None, False
    values = np.asarray(vector, np.float64) / 1000.0
    if len(values) == n_frames - 1 and (values > 0).all() and n_frames > 2:
        return values, False
    if len(values) != n_frames:
        return None, False
    steps = values[1:]
    grown = np.diff(values)
    if n_frames >= 4 and np.isfinite(values).all() and values[0] >= 0 and (grown > 0).all():
        usual = float(np.median(grown))
        if usual > 1e-9 and np.abs(grown - usual).max() <= 0.1 * usual and steps[-1] > 2 * steps[0]:
            return grown, True
    return steps, False


def _contradiction(
    chosen: str, order: Sequence[str], candidates: Mapping[str, float], steps: NDArray[np.float64] | None
) -> str | None:
    """Return what states another rate than the one chosen."""
    for other in order:
        if other in (chosen, "RecommendedDisplayFrameRate", "the video stream"):
            continue
        # Cine Rate is an integer string, so that up to half a hertz is rounding.
        slack = 0.5 if "CineRate" in (chosen, other) else 0.0
        rates = {candidates[chosen]}
        if steps is not None and chosen == "FrameTimeVector":
            rates.add(rate_of(float(np.median(steps))))
        if not any(rates_agree(rate, candidates[other], slack=slack) for rate in rates):
            return other
    return None
