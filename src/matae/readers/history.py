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

    from matae.store import Study
    from matae.store.types import Examined

__all__ = ["ORDER_NOTE", "Examination", "History", "cells", "history_of"]

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

    def sentence(self, index: int) -> str:
        """Return what is to be said of the change to one examination."""
        now = self.examinations[index]
        if now.why_not:
            return f"Ejection fraction {now.why_not}: not compared."
        if now.change is None or now.half_width is None or now.since is None:
            return "No earlier ejection fraction of this view may be compared."
        then = self.examinations[now.since].clip
        when = f"on {then.day}" if then.day else f"in {then.stem}"
        where = "beyond" if now.beyond else "within"
        return (
            f"{now.change:+.0f} points since {then.measurement.ef:.0f} % {when}, {where} the 90 % interval of the "  # type: ignore[union-attr]
            f"difference (±{now.half_width:.0f} points)."
        )


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
