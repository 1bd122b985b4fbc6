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

__all__ = ["ASK", "TOLERANCE", "Timing", "dicom_timing", "no_timing", "presentation_timing", "rates_agree", "uniform"]

TOLERANCE = 0.05
"""Relative difference above which two frame rates contradict each other."""

ASK = "give the frame rate by hand."
_SLOWEST, _FASTEST = 0.1, 1000.0


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
    def info(self) -> dict[str, Any]:
        """Entries for `Cine.info`: the candidates, when there are no times but there were figures."""
        return {"frame_rate_candidates": dict(self.candidates)} if self.times is None and self.candidates else {}

    def kept(self, frames: Sequence[int], of: int) -> Timing:
        """Return the timing of some of the frames, after others failed to decode."""
        if self.times is None or len(frames) == of:
            return self
        chosen = self.times[np.asarray(frames, dtype=np.intp)]
        return Timing(chosen - chosen[:1], self.note, self.candidates)


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
) -> Timing:
    """Choose the frame times of a multi-frame DICOM object.

    What the frame increment pointer names comes first, then the frame time vector (kept as a vector), the frame
    time, the cine rate, and last the recommended display rate. A value that cannot be true, or a vector, frame
    time and cine rate that differ by more than `TOLERANCE`, leave no times. The recommended display rate may
    differ: slow replay of a fast acquisition is ordinary (DICOM PS3.3 C.7.6.5).

    Parameters
    ----------
    n_frames
        Number of Frames (0028,0008).
    pointer
        Keyword the Frame Increment Pointer (0028,0009) names, or None.
    frame_time_vector, frame_time
        Frame Time Vector (0018,1065) and Frame Time (0018,1063) in ms, as stated; None when absent.
    cine_rate, recommended_rate
        Cine Rate (0018,0040) and Recommended Display Frame Rate (0008,2144) in Hz; None when absent.
    """
    if n_frames == 1:
        return Timing(None, "A single frame has no frame rate.")
    steps = None if frame_time_vector is None else np.asarray(frame_time_vector, np.float64)[1:] / 1000.0
    candidates: dict[str, float] = {}
    by_vector: float | None = None
    if steps is not None and steps.size and np.isfinite(steps).all() and (np.diff(np.cumsum([0, *steps])) > 0).all():
        by_vector = rate_of(steps.mean())
    for name, rate in (
        ("FrameTimeVector", by_vector),
        ("FrameTime", 1000.0 / frame_time if frame_time else None),
        ("CineRate", cine_rate),
        ("RecommendedDisplayFrameRate", recommended_rate),
    ):
        if rate is not None and plausible(rate):
            candidates[name] = float(rate)

    if frame_time_vector is not None and len(frame_time_vector) != n_frames:
        return no_timing(f"FrameTimeVector has {len(frame_time_vector)} times for {n_frames} frames", candidates)
    if steps is not None and by_vector is None:
        return no_timing("FrameTimeVector holds times that do not increase", candidates)
    if steps is not None and "FrameTimeVector" not in candidates:
        return no_timing(f"FrameTimeVector means {by_vector:.4g} Hz, which is not plausible", candidates)
    if frame_time is not None and "FrameTime" not in candidates:
        return no_timing(f"FrameTime is {frame_time:g} ms, which is not plausible", candidates)
    if cine_rate is not None and "CineRate" not in candidates:
        return no_timing(f"CineRate is {cine_rate:g} Hz, which is not plausible", candidates)

    order = [name for name in candidates if name != pointer]
    if pointer in candidates:
        order.insert(0, pointer)
    if not order:
        return no_timing("The file states no frame rate")
    chosen = order[0]
    for other in order[1:]:
        # Cine Rate is an integer string, so that up to half a hertz is rounding.
        slack = 0.5 if "CineRate" in (chosen, other) else 0.0
        rates = {candidates[chosen]}
        if steps is not None and chosen == "FrameTimeVector":
            rates.add(rate_of(float(np.median(steps))))
        if other != "RecommendedDisplayFrameRate" and not any(
            rates_agree(rate, candidates[other], slack=slack) for rate in rates
        ):
            return no_timing(
                f"{chosen} means {candidates[chosen]:.4g} Hz and {other} {candidates[other]:.4g} Hz", candidates
            )
    if chosen == "FrameTimeVector" and steps is not None:
        times = np.concatenate([[0.0], np.cumsum(steps)])
        return Timing(times, f"{candidates[chosen]:.4g} Hz on average, from FrameTimeVector.", candidates)
    return Timing(np.arange(n_frames) / candidates[chosen], f"{candidates[chosen]:.4g} Hz from {chosen}.", candidates)
