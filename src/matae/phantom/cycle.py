"""The cardiac cycle: how far the heart has contracted, and how open its valves are, at a time.

The curve is a monotone cubic (PCHIP) through the events of a beat: isovolumic contraction (no change), ejection
lasting 413 - 1.7 HR ms (Weissler's regression of left-ventricular ejection time), isovolumic relaxation (no change),
rapid filling, diastasis, and the atrial kick that ends at the next R wave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import PchipInterpolator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.phantom.config import Motion

__all__ = ["HeartStates", "cardiac_cycle"]


@dataclass(frozen=True, eq=False)
class HeartStates:
    """The state of the heart at each frame.

    Parameters
    ----------
    contraction
        0 at end-diastole to 1 at the end-systole of an undisturbed beat, (T,).
    mitral_opening
        0 closed to 1 wide open, (T,).
    phase
        Phase within the beat, 0 to 1, (T,).
    """

    contraction: NDArray[np.float64]
    mitral_opening: NDArray[np.float64]
    phase: NDArray[np.float64]


def _events(rr: float) -> tuple[float, float, float, float, float]:
    """End of isovolumic contraction, of ejection, of relaxation, of rapid filling, and start of the kick, in ms."""
    rate = 60000.0 / rr
    squeeze = min(1.0, rr / 700.0)  # at fast rates even the isovolumic phases shorten
    ejection = min(413.0 - 1.7 * rate, 0.45 * rr)
    iso_c, iso_r = 45.0 * squeeze, 75.0 * squeeze
    opening = iso_c + ejection + iso_r
    rest = rr - opening
    return iso_c, iso_c + ejection, opening, opening + min(190.0, 0.5 * rest), rr - min(110.0, 0.3 * rest)


def _beat(
    ms: NDArray[np.float64], rr: float, rapid: float, start: float, end: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Contraction (relative to `end` at end-systole, `start` at both R waves) and mitral opening at times in a beat."""
    iso_c, close, opened, filled, kick = _events(rr)
    left = 1.0 - rapid
    ejected = close - iso_c
    knots = [
        (0.0, 0.0), (iso_c, 0.0), (iso_c + 0.3 * ejected, 0.38), (iso_c + 0.7 * ejected, 0.86), (close, 1.0),
        (opened, 1.0), (opened + 0.4 * (filled - opened), 0.45 + 0.55 * left), (filled, left + 0.03),
        (kick, left), (rr, 0.0),
    ]  # fmt: skip
    times, values = np.array(knots).T
    curve = PchipInterpolator(times, values)(ms)
    valve = [
        (0.0, 0.0), (opened - 1e-3, 0.0), (opened + 0.35 * (filled - opened), 1.0), (filled, 0.45),
        (kick, 0.4), (kick + 0.5 * (rr - kick), 0.8), (rr, 0.0),
    ]  # fmt: skip
    times, values = np.array(valve).T
    return start + (end - start) * curve, np.clip(PchipInterpolator(times, values)(ms), 0.0, 1.0)


def cardiac_cycle(times: NDArray[np.float64], motion: Motion, rng: np.random.Generator) -> HeartStates:
    """Return the state of the heart at times in seconds.

    Parameters
    ----------
    times
        Frame times in seconds, (T,), increasing from 0.
    motion
        Heart rate and shape of the curve.
    rng
        Draws the RR intervals when they vary. A longer interval is followed by a stronger beat (preload).
    """
    mean_rr = 60000.0 / motion.heart_rate
    ms = times * 1000.0 + motion.start_phase % 1.0 * mean_rr
    n_beats = int(ms[-1] / (0.5 * mean_rr)) + 2
    spread = np.clip(rng.standard_normal(n_beats), -2, 2) * motion.rr_variability
    intervals = mean_rr * np.clip(1.0 + spread, 0.5, 1.6)
    onsets = np.concatenate([[0.0], np.cumsum(intervals)])
    strength = np.clip(1.0 + 0.5 * np.concatenate([[0.0], spread[:-1]]), 0.6, 1.0 if not spread.any() else 1.15)
    contraction, opening, phase = np.zeros((3, ms.size))
    beats = np.searchsorted(onsets, ms, side="right") - 1
    for beat in np.unique(beats):
        here = beats == beat
        inside, rr = ms[here] - onsets[beat], intervals[beat]
        phase[here] = inside / rr
        contraction[here], opening[here] = _beat(inside, rr, motion.rapid_filling, 0.0, strength[beat])
    return HeartStates(contraction, opening, phase)
