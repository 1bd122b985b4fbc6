"""What correcting more frames should bring, from the study's own earlier verdicts.

The error of a network falls with the number of its training frames as a power (C. Cortes et al., "Learning curves",
NIPS 1993): a line through the logarithms of both. What three or more retrainings of a study found on held-out patients
is such a line, with the scatter of its points; its slope says what the next frames should bring.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.learn.options import RetrainOptions
    from matae.store import Study

__all__ = ["LEVEL", "MORE", "Forecast", "LearntFrom", "earlier_points", "forecast", "forecast_sentence"]

MORE = 20
"""Frames that are asked about."""
LEVEL = 0.9
"""Share of forecasts that the interval should hold."""
_FEWEST = 3  # points: two make a line without any scatter
_LEAST_ERROR = 1e-3  # 1 - Dice: its logarithm must exist


@dataclass(frozen=True)
class LearntFrom:
    """What one retraining of the study came to.

    Parameters
    ----------
    n_frames
        Corrected frames it learnt from.
    dice
        Mean Dice of the new model on held-out patients.
    """

    n_frames: int
    dice: float


@dataclass(frozen=True)
class Forecast:
    """What more frames should bring.

    Parameters
    ----------
    n_frames, more
        Frames the last retraining learnt from, and how many more are asked about.
    now
        Dice of held-out patients after that.
    then, low, high
        Dice to be expected with the additional frames, and its interval at `LEVEL`.
    n_points
        Retrainings it rests on.
    """

    n_frames: int
    more: int
    now: float
    then: float
    low: float
    high: float
    n_points: int


def forecast(points: Sequence[LearntFrom], more: int = MORE) -> Forecast | None:
    """Return what more frames should bring.

    Parameters
    ----------
    points
        Earlier retrainings, in any order. Where some learnt from equally many frames, their mean counts.
    more
        Additional frames, above 0.

    Returns
    -------
    Forecast or None
        None for fewer than three retrainings with different numbers of frames. More frames never make it worse: a slope
        that says so is taken as none.
    """
    by_number: dict[int, list[float]] = {}
    for point in points:
        if point.n_frames > 0 and math.isfinite(point.dice) and more > 0:
            by_number.setdefault(point.n_frames, []).append(min(1.0, max(0.0, point.dice)))
    if len(by_number) < _FEWEST:
        return None
    from scipy.special import stdtrit  # the quantiles of t; scipy.stats takes a second and a half to load

    numbers = sorted(by_number)
    # In order: the sum of the same numbers in another one may differ in its last digit.
    dice = np.array([np.mean(sorted(by_number[n])) for n in numbers])
    x, y = np.log(np.array(numbers, dtype=np.float64)), np.log(np.maximum(1 - dice, _LEAST_ERROR))
    apart = x - x.mean()
    slope = float((apart * (y - y.mean())).sum() / (apart**2).sum())
    rest = y - y.mean() - slope * apart
    error = math.sqrt(float((rest**2).sum()) / (len(x) - 2) / float((apart**2).sum()))
    half = float(stdtrit(len(x) - 2, (1 + LEVEL) / 2)) * error
    last, step = float(y[-1]), math.log((numbers[-1] + more) / numbers[-1])

    def at(falls: float) -> float:
        return 1 - math.exp(last + min(falls, 0.0) * step)

    now = 1 - math.exp(last)
    return Forecast(numbers[-1], more, now, at(slope), at(slope + half), at(slope - half), len(x))


def forecast_sentence(found: Forecast) -> str:
    """Return a forecast in words."""
    expected = (
        f"{found.more} more corrected frames should bring the Dice of held-out patients from {found.now:.3f} to "
        f"{found.then:.3f}"
        if found.then - found.now >= 0.0005
        else f"{found.more} more corrected frames should not change the Dice of held-out patients, {found.now:.3f}"
    )
    return (
        f"{expected} ({100 * LEVEL:.0f} % interval {found.low:.3f} to {found.high:.3f}, from {found.n_points} earlier "
        "retrainings of this study)."
    )


def earlier_points(study: Study, options: RetrainOptions) -> list[LearntFrom]:
    """Return what earlier retrainings of a study came to, those of the same base and kind.

    Those whose figures whoever looks must not see yet are left out (`matae.learn.blinded`).
    """
    from contextlib import suppress

    from matae.errors import TrainError
    from matae.learn.blinded import without_hidden
    from matae.learn.folders import VERDICT
    from matae.learn.history import runs_of
    from matae.learn.verdict import NOT_COMPARABLE, Verdict

    found, hidden = [], study.hidden_from(study.rater)
    for folder, plan in runs_of(study):
        if (plan.options.base, plan.options.kind) != (options.base, options.kind):
            continue
        with suppress(TrainError):
            verdict = without_hidden(Verdict.read(folder / VERDICT), hidden)
            dice = verdict.held_out.figures.get("dice")
            if verdict.outcome != NOT_COMPARABLE and dice is not None and dice.after is not None:
                found.append(LearntFrom(verdict.agreement.n_frames, dice.after))
    return found
