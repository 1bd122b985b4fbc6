r"""The examinations of one person side by side, and whether a change of ejection fraction is beyond its interval.

Of two ejection fractions with 90 % intervals of half widths :math:`h_1` and :math:`h_2`, each reading with an error of
its own, the difference has the half width :math:`\sqrt{h_1^2 + h_2^2}`: variances of independent errors add. A change
is beyond its interval where that does not hold 0. The intervals are those of `matae.measure.uncertainty`: they speak of
reading a clip again, and not of another probe position, view or state of the patient, so that a change within the
interval is no change that can be told, and one beyond it need not be the heart's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.readers.difference import difference_half

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.measure.earlier import EarlierExaminations
    from matae.store import Study
    from matae.store.types import Examined, StoredMeasurement

__all__ = ["ORDER_NOTE", "Examination", "History", "cells", "earlier_for_report", "history_of", "history_with"]

ORDER_NOTE = "No day is stored; in the order in which the clips came into the study."
DAYS_NOTE = "Days are those the files state; a file that was de-identified may state a shifted one."


@dataclass(frozen=True)
class Examination:
    """One clip of the subject among the others.

    Parameters
    ----------
    clip
        The clip and what was last measured in it.
    change
        Ejection fraction minus that of the earlier clip it is compared with, points; None where none is compared.
    half_width
        Of the 90 % interval of that difference.
    since
        Index of the earlier clip in `History.examinations`.
    """

    clip: Examined
    change: float | None = None
    half_width: float | None = None
    since: int | None = None

    @property
    def reliable(self) -> bool:
        """Whether its ejection fraction may be compared: it is measured, whole, and nothing serious speaks against."""
        m = self.clip.measurement
        return m is not None and m.reliable and not m.stale and not m.provisional and m.ef_low is not None

    @property
    def beyond(self) -> bool | None:
        """Whether the change is beyond its interval; None where nothing is compared."""
        return None if self.change is None or self.half_width is None else abs(self.change) > self.half_width

    @property
    def why_not(self) -> str:
        """Why its ejection fraction is not compared; empty where it may be."""
        m = self.clip.measurement
        if self.clip.hidden:
            return "hidden, for somebody reads this clip blind"
        if m is None or m.ef is None:
            return "not measured"
        if m.doubts:
            return "not reliable"
        if m.stale:
            return "changed since it was measured"
        return "" if self.reliable else "interval not complete"


@dataclass(frozen=True)
class History:
    """All examinations of a subject, the earliest first.

    Parameters
    ----------
    subject
        Pseudonym.
    examinations
        In order.
    note
        How they are ordered, and what is to be known of the days.
    """

    subject: str
    examinations: tuple[Examination, ...]
    note: str

    def sentence(self, index: int, *, dated: bool = True) -> str:
        """Return what is to be said of the change to one examination.

        Parameters
        ----------
        index
            Which.
        dated
            Name the day of the examination it is compared with, where that is known; otherwise how long before it was.
        """
        now = self.examinations[index]
        if now.why_not:
            return f"Ejection fraction {now.why_not}: not compared."
        if now.change is None or now.half_width is None or now.since is None:
            return "No earlier ejection fraction of this view may be compared."
        then = self.examinations[now.since].clip
        when = f"on {then.day}" if then.day else f"in {then.stem}"
        if not dated and (days := _days_between(then, now.clip)) is not None:
            when = f"({days} days before)" if days != 1 else "(1 day before)"
        where = "beyond" if now.beyond else "within"
        return (
            f"{now.change:+.0f} points since {then.measurement.ef:.0f} % {when}, {where} the 90 % interval of the "  # type: ignore[union-attr]
            f"difference (±{now.half_width:.0f} points)."
        )


def history_with(study: Study, content_id: str, now: StoredMeasurement) -> History | None:
    """Return the examinations of a clip's subject, with what is measured in the clip now in place of what is stored.

    Parameters
    ----------
    study
        An open study.
    content_id
        The clip.
    now
        What is measured in it.

    Returns
    -------
    History or None
        None where the study does not know the clip, or nobody has said whom it shows.
    """
    subject = study.cine(content_id).known_subject if study.has_cine(content_id) else None
    if subject is None:
        return None
    clips = [
        clip._replace(measurement=now, hidden=False) if clip.content_id == content_id else clip
        for clip in study.examined(subject)
    ]
    return _compared(subject, clips)


def earlier_for_report(history: History, content_id: str) -> EarlierExaminations | None:
    """Return what a report of one clip says of the examinations before it; None where there is none before it.

    Days are told as how long before they were: a report holds no date.
    """
    from matae.measure.earlier import EarlierExamination, EarlierExaminations

    places = [i for i, found in enumerate(history.examinations) if found.clip.content_id == content_id]
    if not places or places[0] == 0:
        return None
    here = history.examinations[places[0]].clip
    rows = []
    for found in history.examinations[: places[0] + 1]:
        clip, m = found.clip, found.clip.measurement
        shown = m is not None and not m.doubts
        rows.append(
            EarlierExamination(
                days_before=_days_between(clip, here), name=clip.stem, view=(m.view if m else None) or clip.view,
                ef=m.ef if m and shown else None, ef_low=m.ef_low if m and shown else None,
                ef_high=m.ef_high if m and shown else None, why_not=found.why_not,
                edv_ml=m.edv_ml if m and shown else None, esv_ml=m.esv_ml if m and shown else None,
                la_ml=m.la_ml if m and shown else None, change=found.change, half_width=found.half_width,
                is_now=clip.content_id == content_id,
            )
        )  # fmt: skip
    note = "In the order of their days." if here.day else history.note
    return EarlierExaminations(tuple(rows), history.sentence(places[0], dated=False), note)


def _days_between(then: Examined, now: Examined) -> int | None:
    """Return the days from one examination to another, None where a day is not known or is none."""
    from datetime import date

    try:
        return (
            None if not then.day or not now.day else (date.fromisoformat(now.day) - date.fromisoformat(then.day)).days
        )
    except ValueError:
        return None


def history_of(study: Study, subject: str) -> History:
    """Return the examinations of a subject, each compared with the last earlier one of its view that may be.

    Parameters
    ----------
    study
        An open study.
    subject
        Pseudonym.

    Raises
    ------
    StoreError
        If there is no such subject.
    """
    return _compared(subject, study.examined(subject))


def cells(examination: Examination) -> tuple[str, ...]:
    """Return day, clip, view, ejection fraction and volumes of an examination as a table shows them."""
    clip = examination.clip
    m = clip.measurement
    if m is None:
        word = "hidden" if clip.hidden else "not measured"
        return (clip.day or "-", clip.stem, clip.view or "-", word, "-", "-", "-")
    ef = examination.why_not
    if m.ef is not None and not m.doubts:
        bounds = "" if m.ef_low is None or m.ef_high is None else f" ({m.ef_low:.0f} to {m.ef_high:.0f})"
        ef = f"{m.ef:.0f} %{bounds}" + (f", {ef}" if ef else "")
    volumes = (m.edv_ml, m.esv_ml, m.la_ml)
    shown = ["-" if value is None else f"{value:.0f} mL" for value in volumes]
    return (clip.day or "-", clip.stem, m.view or clip.view or "-", ef, *shown)


def _compared(subject: str, clips: Sequence[Examined]) -> History:
    found: list[Examination] = []
    for clip in clips:
        now, before = Examination(clip), None
        if now.reliable:
            known = enumerate(found)
            before = next(
                (i for i, then in reversed(list(known)) if then.reliable and _is_earlier(then.clip, clip)), None
            )
        if before is not None:
            one, two = clip.measurement, found[before].clip.measurement
            if one is not None and two is not None and one.ef is not None and two.ef is not None:
                half = difference_half(one, two)
                now = Examination(clip, one.ef - two.ef, half, before)
        found.append(now)
    days = [clip.day is not None for clip in clips]
    note = DAYS_NOTE if all(days) else ORDER_NOTE if not any(days) else (
        f"{DAYS_NOTE} Clips without a day stand last and are compared with none."
    )  # fmt: skip
    return History(subject, tuple(found), note)


def _is_earlier(then: Examined, now: Examined) -> bool:
    """Return whether a clip is of an earlier examination, of the same view."""
    one, two = then.measurement, now.measurement
    if one is None or two is None or one.view != two.view:
        return False
    if then.day is None or now.day is None:
        return then.day is None and now.day is None
    return then.day < now.day
