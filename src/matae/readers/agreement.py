r"""How far raters agree: of the masks by Dice, of ejection fractions by bias and limits of agreement.

Sources: J. M. Bland and D. G. Altman, Lancet 327:307-310, 1986, and Stat Methods Med Res 8:135-160, 1999, section 2.2:
the standard error of the bias is :math:`s/\sqrt{n}`, that of a limit :math:`s\sqrt{1/n + 1.96^2/(2(n-1))}`, both with
Student's t of n - 1 degrees of freedom. Clips of one patient resemble each other, so n is the number of patients. The
interval of the mean Dice comes from resampling patients (`matae.metrics.patient_interval`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import MataeError
from matae.readers.difference import difference_half

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from matae.store import Study, WorklistRow
    from matae.store.types import StoredMeasurement

__all__ = ["ClipAgreement", "PairAgreement", "clip_agreement", "pair_agreements", "study_agreement", "with_readers"]

LEAST_DICE = 0.90
"""Below it two readings of a clip are said to disagree: about the mean of two experts on CAMUS, 0.919 at end-diastole
and 0.873 at end-systole (S. Leclerc et al., IEEE TMI 38:2198-2210, 2019)."""
_LIMIT = 1.96
_DICE_DIGITS = 2


@dataclass(frozen=True)
class ClipAgreement:
    """Two raters' readings of one clip.

    Parameters
    ----------
    content_id, stem, subject
        As in `matae.store.CineEntry`.
    raters
        The two, in the order of their readings.
    dice
        Dice of the left ventricular cavity by 0-based frame, of the frames that both outlined.
    measured
        What was measured in each reading, or None.
    blind
        Neither saw the other's.
    chosen
        Whose reading counts, empty where nobody chose.
    n_readers
        How many read the clip.
    """

    content_id: str
    stem: str
    subject: str | None
    raters: tuple[str, str]
    dice: Mapping[int, float]
    measured: tuple[StoredMeasurement | None, StoredMeasurement | None]
    blind: bool
    chosen: str = ""
    n_readers: int = 2

    @property
    def mean_dice(self) -> float | None:
        """Mean over the frames, or None where there is none that both outlined."""
        return float(np.mean(list(self.dice.values()))) if self.dice else None

    @property
    def ef_difference(self) -> float | None:
        """Ejection fraction of the first minus the second, points; None unless both may be relied on."""
        one, two = self.measured
        if one is None or two is None or not one.reliable or not two.reliable or one.ef is None or two.ef is None:
            return None
        return one.ef - two.ef

    @property
    def disagree(self) -> bool:
        """Whether a person should look: nobody chose, and the outlines or the ejection fractions are apart.

        Outlines are where the mean Dice is below `LEAST_DICE`; ejection fractions are where their difference is beyond
        its 90 % interval (`matae.readers.difference`).
        """
        if self.chosen:
            return False
        mean, apart = self.mean_dice, self.ef_difference
        return mean is None or mean < LEAST_DICE or (apart is not None and abs(apart) > difference_half(*self.measured))

    @property
    def words(self) -> str:
        """The same in a few words, for a list."""
        mean, apart = self.mean_dice, self.ef_difference
        said = [f"{self.n_readers} readers", "no frame in common" if mean is None else f"Dice {mean:.{_DICE_DIGITS}f}"]
        said.append("EF not compared" if apart is None else f"EF {abs(apart):.0f} points apart")
        return ", ".join(said) + (f", {self.chosen}'s counts" if self.chosen else "")


@dataclass(frozen=True)
class PairAgreement:
    """Two raters over a study.

    Parameters
    ----------
    raters
        The two; differences are the first minus the second.
    n_clips, n_patients, n_frames
        Clips that both read, patients in them, frames that both outlined.
    n_blind
        Of the clips, those in which neither saw the other's reading.
    dice, dice_ci95
        Mean over frames and its interval; None where there is none.
    n_ef
        Clips in which both ejection fractions may be relied on.
    bias, bias_ci95
        Mean difference of ejection fraction, points.
    low, low_ci95, high, high_ci95
        95 % limits of agreement.
    mae
        Mean absolute difference.
    """

    raters: tuple[str, str]
    n_clips: int
    n_patients: int
    n_frames: int
    n_blind: int
    dice: float | None
    dice_ci95: tuple[float, float] | None
    n_ef: int
    bias: float | None = None
    bias_ci95: tuple[float, float] | None = None
    low: float | None = None
    low_ci95: tuple[float, float] | None = None
    high: float | None = None
    high_ci95: tuple[float, float] | None = None
    mae: float | None = None


def clip_agreement(study: Study, content_id: str) -> list[ClipAgreement]:
    """Compare the readings of a clip, each pair of raters; none where they may not be compared yet.

    Parameters
    ----------
    study
        An open study.
    content_id
        The clip.
    """
    from matae.anatomy import CAVITY
    from matae.metrics import dice

    readings = study.readings(content_id)
    if len(readings) < 2 or not study.may_compare(content_id):
        return []
    entry, decided = study.cine(content_id), study.adjudication(content_id)
    masks = {reading.rater: study.reading_masks(content_id, reading.rater) for reading in readings}
    return [
        ClipAgreement(
            content_id,
            entry.stem,
            entry.known_subject,
            (one.rater, two.rater),
            {
                frame: float(dice(masks[one.rater][frame] == CAVITY, masks[two.rater][frame] == CAVITY))
                for frame in sorted(masks[one.rater].keys() & masks[two.rater].keys())
            },
            tuple(None if r.measurement is None or r.measurement.stale else r.measurement for r in (one, two)),  # type: ignore[arg-type]
            one.blind and two.blind,
            "" if decided is None else decided.chosen,
            len(readings),
        )
        for one, two in combinations(readings, 2)
    ]


def study_agreement(
    study: Study, *, measure: bool = True, progress: Callable[[int, int], None] | None = None
) -> tuple[list[ClipAgreement], int]:
    """Compare the readings of all clips that several raters read.

    Parameters
    ----------
    study
        An open study.
    measure
        Measure readings that nobody measured, or that were changed since, where the clip's file is still there.
    progress
        Called with (clips done, clips in all).

    Returns
    -------
    list of ClipAgreement
        In the order of the study.
    int
        Clips that are left out because a reader has not finished.
    """
    from matae.readers.measuring import measure_reading

    counts = study.clips_read()
    wanted = [summary.content_id for summary in study.cines() if counts.get(summary.content_id, 0) > 1]
    found: list[ClipAgreement] = []
    hidden = 0
    for done, content_id in enumerate(wanted):
        if progress is not None:
            progress(done, len(wanted))
        readings = study.readings(content_id)
        if len(readings) < 2:
            continue
        if not study.may_compare(content_id):
            hidden += 1
            continue
        if measure:
            for reading in readings:
                if reading.measurement is None or reading.measurement.stale:
                    try:
                        measure_reading(study, content_id, reading.rater)
                    except MataeError:
                        continue  # said as "not compared"
        found += clip_agreement(study, content_id)
    return found, hidden


def pair_agreements(clips: Sequence[ClipAgreement]) -> list[PairAgreement]:
    """Return the figures of each pair of raters over many clips."""
    pairs: dict[tuple[str, str], list[ClipAgreement]] = {}
    for clip in clips:
        one, two = sorted(clip.raters)
        pairs.setdefault((one, two), []).append(clip)
    return [_pair(raters, found) for raters, found in sorted(pairs.items())]


def _pair(raters: tuple[str, str], clips: Sequence[ClipAgreement]) -> PairAgreement:
    from matae.metrics import patient_interval

    who = {clip.content_id: clip.subject or clip.content_id for clip in clips}  # an unknown patient is one of its own
    values = [value for clip in clips for value in clip.dice.values()]
    patients = [who[clip.content_id] for clip in clips for _ in clip.dice]
    apart = [
        (clip.ef_difference if clip.raters == raters else -clip.ef_difference, who[clip.content_id])
        for clip in clips
        if clip.ef_difference is not None
    ]
    figures: dict[str, Any] = {}
    if apart:
        figures = _limits(np.array([value for value, _ in apart]), len({patient for _, patient in apart}))
    return PairAgreement(
        raters, len(clips), len(set(who.values())), len(values), sum(clip.blind for clip in clips),
        float(np.mean(values)) if values else None, patient_interval(values, patients) if values else None,
        len(apart), **figures,
    )  # fmt: skip


def _limits(apart: Any, n: int) -> dict[str, Any]:
    """Return bias and limits of agreement, with intervals where two patients or more allow them."""
    bias = float(apart.mean())
    found: dict[str, Any] = {"bias": bias, "mae": float(np.abs(apart).mean())}
    if n < 2:
        return found
    from scipy.stats import t

    spread, of_t = float(apart.std(ddof=1)), float(t.ppf(0.975, n - 1))
    of_bias = of_t * spread / math.sqrt(n)
    of_limit = of_t * spread * math.sqrt(1 / n + _LIMIT**2 / (2 * (n - 1)))
    low, high = bias - _LIMIT * spread, bias + _LIMIT * spread
    return found | {
        "bias_ci95": (bias - of_bias, bias + of_bias),
        "low": low, "low_ci95": (low - of_limit, low + of_limit),
        "high": high, "high_ci95": (high - of_limit, high + of_limit),
    }  # fmt: skip


def with_readers(study: Study, rows: Iterable[WorklistRow]) -> list[WorklistRow]:
    """Return lines of the worklist that also say how the readings of a clip compare, by the figures there are.

    Parameters
    ----------
    study
        An open study.
    rows
        Its lines.
    """
    pairs: dict[str, list[ClipAgreement]] = {}
    for clip in study_agreement(study, measure=False)[0]:
        pairs.setdefault(clip.content_id, []).append(clip)
    found = []
    for row in rows:
        of = pairs.get(row.content_id, [])
        if of:
            worst = min(of, key=lambda clip: -1.0 if clip.mean_dice is None else clip.mean_dice)
            row = row._replace(readers=worst.words, disagree=any(clip.disagree for clip in of))  # noqa: PLW2901
        found.append(row)
    return found
