r"""How far to trust an ejection fraction.

The 90 % interval is :math:`EF \pm 1.645\,\sigma` with

.. math:: \sigma^2 = \sigma_w^2 + (\delta\,s)^2 + \sigma_r^2

- :math:`\sigma_w`: standard deviation of the ejection fractions that the widths of the nested network give on the same
  frames (0 where there is one width or a manual outline);
- :math:`\delta\,s`: a shift of the outline by :math:`\delta` of the long axis, independent at end-diastole and
  end-systole; *s* is how strongly the ejection fraction of this heart follows such a shift;
- :math:`\sigma_r`: what remains between two readings of the same frames by the same method.

The two constants were set on the CAMUS validation patients (docs/measure.md gives the fit and its coverage).

Where the Dice *D* to be expected of the outlines is known (`matae.segment.expected`), it says how far they may be out
of place: :math:`\sigma` is then :math:`\delta\,s` alone, with :math:`\delta` a share of :math:`1 - D`, the root of the
mean square over the frames. The less the outlines are to be relied on, the more counts what is known without them, that
ejection fractions are :math:`\mu \pm \tau`:

.. math:: w = \frac{\tau^2}{\tau^2 + \sigma^2}, \qquad m = \mu + w\,(EF - \mu)

The interval goes from the lower of *EF* and *m* to the higher, and :math:`1.645\,\sigma\sqrt{w}` further on both sides:
it reaches out towards what is usual, and never cuts off a heart that is not. The share was fitted on pictures made from
training patients (`benchmarks/fit_trust.py`). Of an outline that a person drew or accepted, or that nothing is expected
of, :math:`\delta` is that of the first form, and :math:`\sigma_r` is added; the interval leans as long as one *D* is
known, since a doubtful outline stays one when the other is confirmed.

The interval speaks of reading the same frames again; it does not hold the difference to another view, probe position or
method: experts differ by 7 points (standard deviation) on biplane ejection fraction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.measure.disks import Disks

__all__ = ["Interval", "QualityFlag", "boundary_sensitivity", "boundary_shift", "ef_interval", "interval_of"]

BOUNDARY_SHIFT = 0.007
"""Standard deviation of the outline's place relative to the long axis."""
READER_SD = 4.25
"""Standard deviation of what remains, points of ejection fraction."""
SHIFT_OF_DICE = 0.173
"""The outline's place relative to the long axis, for each unit that is lacking to an expected Dice of one."""
USUAL_EF, USUAL_SD = 51.2, 13.2
"""Mean and standard deviation of single-plane ejection fractions: reference outlines of 340 training pairs of CAMUS."""
_Z90 = 1.6448536269514722
_FRAMES_SAID = 6


@dataclass(frozen=True)
class QualityFlag:
    """Something to know before a number is believed.

    Parameters
    ----------
    code
        Short name that does not change.
    text
        One sentence for the person.
    frames
        Frames it is about; empty when it is about the whole clip.
    level
        ``warning``: a number may be wrong; ``note``: something is missing or assumed.
    """

    code: str
    text: str
    frames: tuple[int, ...] = ()
    level: Literal["warning", "note"] = "warning"

    @property
    def sentence(self) -> str:
        """The text with the first of its frames, counted from 1, and three dots where there are more."""
        if not self.frames:
            return self.text
        word = "frame" if len(self.frames) == 1 else "frames"
        more = ", …" if len(self.frames) > _FRAMES_SAID else ""
        return f"{self.text} ({word} {', '.join(str(frame + 1) for frame in self.frames[:_FRAMES_SAID])}{more})"


@dataclass(frozen=True)
class Interval:
    """A value with its 90 % interval.

    Parameters
    ----------
    value, low, high
        Percent.
    widths_sd, boundary_sd, reader_sd
        The parts of the standard deviation, points.
    judged
        Whether it is made from an expected Dice, which knows of the widths: they count no more, and it leans.
    """

    value: float
    low: float
    high: float
    widths_sd: float
    boundary_sd: float
    reader_sd: float
    judged: bool = False

    @property
    def half_width(self) -> float:
        """How far it reaches, before it is cut at 0 and 100 %; where it leans, to the side away from what is usual."""
        return _Z90 * self.sd * float(np.sqrt(_weight(self.sd) if self.judged else 1.0))

    @property
    def sd(self) -> float:
        """Standard deviation of the parts that count, points."""
        return math.hypot(0.0 if self.judged else self.widths_sd, self.boundary_sd, self.reader_sd)


def _weight(sd: float) -> float:
    """Return how much a measurement counts beside what is usual."""
    return USUAL_SD**2 / (USUAL_SD**2 + sd**2)


def boundary_sensitivity(ed: Disks, es: Disks) -> float:
    """Return the change of ejection fraction in points for an outline shifted by the whole long axis.

    To first order, with the shift of the two frames independent of each other; multiply by a shift relative to the
    end-diastolic long axis.
    """
    if ed.volume <= 0 or ed.length <= 0:
        return 0.0
    per = 1000.0 if ed.calibrated else 1.0
    ratio = es.volume / ed.volume
    gains = []
    for disks in (ed, es):
        n = len(disks.diameters)
        # Each diameter grows by two shifts, the axis by one at the apex; the valve plane is a cut, not a wall.
        grown = np.pi / 4.0 * ((4.0 * disks.diameters).sum() * disks.length / n + (disks.diameters**2).sum() / n)
        gains.append(grown / per)
    by_ed, by_es = 100.0 * ratio * gains[0] / ed.volume, 100.0 * gains[1] / ed.volume
    return float(np.hypot(by_ed, by_es) * ed.length)


def boundary_shift(expected: Sequence[float]) -> float:
    """Return how far outlines are out of place, relative to the long axis.

    Parameters
    ----------
    expected
        Dice to be expected of each; NaN where it is not known, or a person speaks for the outline.
    """
    dice = np.asarray(expected, np.float64)
    shifts = np.where(np.isfinite(dice), SHIFT_OF_DICE * (1 - dice), BOUNDARY_SHIFT)
    return float(np.sqrt((shifts**2).mean())) if shifts.size else BOUNDARY_SHIFT


def ef_interval(
    ef_percent: float,
    sensitivity: float,
    widths: Sequence[float] = (),
    *,
    widths_sd: float | None = None,
    expected: Sequence[float] = (),
) -> Interval:
    """Return the 90 % interval of an ejection fraction.

    Parameters
    ----------
    ef_percent
        The value, mean of the beats.
    sensitivity
        `boundary_sensitivity`, mean of the beats.
    widths
        Ejection fractions by the widths of the network on the same frames; fewer than two count as none.
    widths_sd
        Their standard deviation, where it is known in place of them.
    expected
        Dice to be expected of each outline behind it; NaN where it is not known, or a person speaks for the outline.

    Notes
    -----
    Several beats do not narrow it: a reader errs alike in all of them.
    """
    spread = widths_sd if widths_sd is not None else float(np.std(widths, ddof=1)) if len(widths) > 1 else 0.0
    known = np.isfinite(np.asarray(expected, np.float64))
    reader = 0.0 if known.size and known.all() else READER_SD
    return interval_of(ef_percent, spread, boundary_shift(expected) * sensitivity, reader, judged=bool(known.any()))


def interval_of(ef_percent: float, widths_sd: float, boundary_sd: float, reader_sd: float, *, judged: bool) -> Interval:
    """Return the interval with these parts; `judged` where an expected Dice is among what it is made from."""
    whole = Interval(ef_percent, ef_percent, ef_percent, widths_sd, boundary_sd, reader_sd, judged)
    middle = USUAL_EF + _weight(whole.sd) * (ef_percent - USUAL_EF) if judged else ef_percent
    half = whole.half_width
    # What is below nothing is shown as it is: the frames are the wrong way round, and a flag says so.
    low = min(max(min(middle, ef_percent) - half, 0.0), ef_percent)
    high = max(min(max(middle, ef_percent) + half, 100.0), ef_percent)
    return replace(whole, low=low, high=high)
