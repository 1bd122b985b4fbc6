"""The earlier examinations of a person, as a report shows them beside today's numbers.

A report holds no date: how long ago an examination was is told, and not on which day it was.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EarlierExamination", "EarlierExaminations", "draw_earlier"]

_INK, _FAINT, _ALARM, _BAR = "#1b242c", "#66717c", "#a33b00", "#56b4e9"
_MOST_ROWS = 12
_COLUMNS = (
    ("", 0.06), ("Clip", 0.185), ("View", 0.36), ("EF (90 % interval)", 0.415), ("Change", 0.575), ("EDV", 0.775),
    ("ESV", 0.84), ("LA", 0.905),
)  # fmt: skip


@dataclass(frozen=True)
class EarlierExamination:
    """One examination.

    Parameters
    ----------
    days_before
        Days before the examination that is reported; None where a day is not known.
    name, view
        Of the clip.
    ef, ef_low, ef_high
        Ejection fraction and its 90 % interval, percent; None where it may not be shown.
    why_not
        Why the ejection fraction is not compared; empty where it may be.
    edv_ml, esv_ml, la_ml
        Volumes; None where they were not measured.
    change, half_width
        Ejection fraction minus that of the earlier examination it is compared with, points, and the half width of the
        90 % interval of that difference; None where nothing is compared.
    is_now
        It is the examination that is reported.
    """

    days_before: int | None
    name: str
    view: str | None
    ef: float | None
    ef_low: float | None
    ef_high: float | None
    why_not: str
    edv_ml: float | None
    esv_ml: float | None
    la_ml: float | None
    change: float | None
    half_width: float | None
    is_now: bool

    @property
    def beyond(self) -> bool | None:
        """Whether the change is beyond its interval; None where nothing is compared."""
        return None if self.change is None or self.half_width is None else abs(self.change) > self.half_width

    @property
    def when(self) -> str:
        """How long before the examination that is reported."""
        if self.is_now:
            return "this clip"
        if self.days_before is None:
            return "earlier"
        return f"{self.days_before} days before" if self.days_before != 1 else "1 day before"

    @property
    def change_text(self) -> str:
        """The change with the interval it is held against."""
        if self.change is None or self.half_width is None:
            return "–"
        return f"{self.change:+.0f} points, {'beyond' if self.beyond else 'within'} ±{self.half_width:.0f}"


@dataclass(frozen=True)
class EarlierExaminations:
    """What was measured before, the earliest first, and last the examination that is reported.

    Parameters
    ----------
    rows
        In order.
    sentence
        What is to be said of the change to this examination.
    note
        How they are ordered, and what is to be known of it.
    """

    rows: tuple[EarlierExamination, ...]
    sentence: str
    note: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; no date is among them."""
        rows = [
            {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(row).items()}
            | {"beyond": row.beyond}
            for row in self.rows
        ]
        return {"sentence": self.sentence, "note": self.note, "level": 0.9, "examinations": rows}


def draw_earlier(figure: Any, earlier: EarlierExaminations) -> None:
    """Draw the table of the examinations, and their ejection fractions over each other, on an empty page."""
    rows = earlier.rows[-_MOST_ROWS:]
    figure.text(0.06, 0.925, earlier.sentence, fontsize=9.5, weight="bold", color=_INK, va="top", wrap=True)
    y = 0.88
    for title, x in _COLUMNS:
        figure.text(x, y, title, fontsize=7.8, color=_FAINT, va="center")
    for row in rows:
        y -= 0.0205
        _draw_row(figure, row, y)
    if len(rows) < len(earlier.rows):
        y -= 0.019
        more = len(earlier.rows) - len(rows)
        figure.text(0.06, y, f"and {more} before these: see the JSON", fontsize=7.4, color=_FAINT, va="center")
    y -= 0.028
    notes = (
        f"{earlier.note} A change is beyond its interval where the 90 % interval of the difference does not hold 0; it "
        "speaks of reading a clip again, not of another probe position or state of the patient. No interval of a "
        "volume is known: volumes are not compared."
    )
    figure.text(0.06, y, _wrapped(notes, 150), fontsize=7, color=_FAINT, va="top", linespacing=1.35)
    _draw_course(figure.add_axes((0.30, max(0.06, y - 0.085 - 0.032 * len(rows)), 0.62, 0.032 * len(rows))), rows)


def _draw_row(figure: Any, row: EarlierExamination, y: float) -> None:
    from matae.measure.report import fit, line

    ef = "–" if row.ef is None else f"{row.ef:.0f} %"
    if row.ef is not None and row.ef_low is not None and row.ef_high is not None:
        ef += f" ({row.ef_low:.0f} to {row.ef_high:.0f})"
    if row.why_not:
        ef = row.why_not if row.ef is None else f"{ef}, {row.why_not}"
    volumes = ["–" if value is None else f"{value:.0f} mL" for value in (row.edv_ml, row.esv_ml, row.la_ml)]
    weight = "bold" if row.is_now else "normal"
    texts = (row.when, row.name, row.view or "–", ef, row.change_text, *volumes)
    for place, (text, (_, x)) in enumerate(zip(texts, _COLUMNS, strict=True)):
        end = _COLUMNS[place + 1][1] if place + 1 < len(_COLUMNS) else 0.96
        colour = _ALARM if place == 4 and row.beyond else _INK
        fit(figure, figure.text(x, y, text, fontsize=7.8, color=colour, weight=weight, va="center"), end - x - 0.008)
    figure.add_artist(line(figure, 0.06, 0.96, y - 0.0095))


def _draw_course(axes: Any, rows: Sequence[EarlierExamination]) -> None:
    """Draw each ejection fraction with its interval, the last below."""
    for place, row in enumerate(rows):
        y = len(rows) - 1 - place
        if row.ef is None:
            axes.text(50, y, row.why_not or "no ejection fraction", fontsize=7, color=_FAINT, ha="center", va="center")
            continue
        if row.ef_low is not None and row.ef_high is not None:
            axes.plot([row.ef_low, row.ef_high], [y, y], color=_FAINT if row.why_not else _BAR, linewidth=5,
                      solid_capstyle="butt")  # fmt: skip
        axes.plot([row.ef], [y], "|", color=_INK, markersize=11, markeredgewidth=2)
    axes.set(xlim=(0, 100), ylim=(-0.6, len(rows) - 0.4))
    names = [f"{row.when}, {row.view or 'view not stated'}" for row in rows]
    axes.set_yticks(range(len(rows) - 1, -1, -1), names, fontsize=7.5)
    axes.tick_params(axis="x", labelsize=7, colors=_FAINT)
    axes.set_xlabel("Ejection fraction, %, with its 90 % interval", fontsize=7.5, color=_FAINT)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dfe5ea", linewidth=0.6)
    axes.set_axisbelow(True)


def _wrapped(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))
