"""The area curve: smoothed, its period, its peaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Curve = NDArray[np.float64]

__all__ = ["LEAST_RR_S", "even_grid", "extremes", "is_flat", "period_of", "smooth_curve"]

_SMOOTH_S = 0.10  # length of the Savitzky-Golay window
_SPIKE = 0.4
_LEAST_CHANGE = 1e-3
_SPIKES_FROM_HZ = 30.0
LEAST_RR_S = 0.30
"""Seconds between two beats at least: 200 beats a minute."""
_UNEVEN = 1.25  # longest step over the middle one from which frames count as unevenly spaced
_MOST_STEPS = 50  # even steps a frame; more is a clip with a gap that no interpolation bridges
_EDGE = 0.2  # of the curve's range: how far below the other peaks one at the clip's edge may stay


def even_grid(clock: Curve) -> Curve | None:
    """Return times in even steps over a clip whose frames are unevenly spaced, None where they are even enough.

    Parameters
    ----------
    clock
        Times of the frames in seconds, increasing, (T,).
    """
    if clock.size < 3:
        return None
    steps = np.diff(clock)
    step = float(np.median(steps))
    count = (clock[-1] - clock[0]) / step + 1
    even = steps.max() <= _UNEVEN * step and steps.min() >= step / _UNEVEN
    if even or count > _MOST_STEPS * clock.size:
        return None
    grid: Curve = clock[0] + step * np.arange(round(count))
    return grid


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
    if window < 5 or not np.ptp(filled):  # of one known frame: the first mask of a run waits for no import
        return filled
    from scipy.signal import savgol_filter

    smooth: Curve = savgol_filter(filled, window, 2, mode="interp")
    return smooth


def is_flat(curve: Curve) -> bool:
    """Say whether there is nothing to find in a curve: no values, or no more change than rounding makes."""
    return curve.size < 2 or not np.isfinite(curve).all() or not np.ptp(curve) > _LEAST_CHANGE * curve.max()


def period_of(curve: Curve, rate: float | None) -> float | None:
    """Length of a beat in frames from the autocorrelation, or None where the curve does not repeat."""
    from scipy.signal import find_peaks

    centred = curve - curve.mean()
    n = centred.size
    overlap = np.arange(n, 0, -1)
    spectrum = np.fft.rfft(centred, 2 * n)
    lags = np.fft.irfft(spectrum * spectrum.conj())[:n] / overlap
    lags = lags / max(float(lags[0]), 1e-30)
    first = int(np.ceil(LEAST_RR_S * rate)) if rate else 6
    last = int(0.75 * n)  # a few overlapping frames correlate by chance
    peaks = find_peaks(lags[:last])[0]
    peaks = peaks[(peaks >= first) & (lags[peaks] > 0.3)]
    if not peaks.size:
        return None
    # The first peak that is nearly as high as any: later ones are multiples of the beat.
    return float(peaks[lags[peaks] >= 0.8 * lags[peaks].max()][0])


def extremes(curve: Curve, distance: float) -> list[int]:
    """Frames of the peaks; those at the edges of the clip only where they are as high as the others."""
    from scipy.signal import find_peaks

    low, high = np.percentile(curve, [5, 95])
    padded = np.concatenate([[curve.min()], curve, [curve.min()]])
    peaks = find_peaks(padded, distance=max(1.0, distance), prominence=0.5 * (high - low))[0] - 1
    inner = [int(p) for p in peaks if 0 < p < curve.size - 1]
    level = np.median(curve[inner]) if inner else curve.max()
    limit = level - _EDGE * (high - low)
    return [int(p) for p in peaks if p in inner or curve[p] >= limit]
