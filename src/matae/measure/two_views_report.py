"""A biplane measurement on one page: both views side by side, end-diastole next to end-systole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matae.measure.inputs import margins_of
from matae.measure.normal_ranges import SOURCE
from matae.measure.report import (
    draw_groups,
    fit,
    flag_lines,
    footer,
    header,
    kind_of_report,
    literally,
    new_page,
    page_bytes,
    save_page,
)

if TYPE_CHECKING:
    from pathlib import Path

    from matae.measure.measurement import Measurement
    from matae.measure.two_views import TwoViews
    from matae.segment.margins import Margins

__all__ = ["make_two_views_report", "write_two_views_report"]

_MOST_FLAG_LINES, _MOST_OF_BOTH = 10, 4
_TOPS = (0.560, 0.330)


def write_two_views_report(path: Path, views: TwoViews, *, keep_margins: bool = False) -> str:
    """Write a biplane measurement on one page; parameters, result and errors as `matae.measure.report.write_report`."""
    kind = kind_of_report(path)
    shown = _shown(views, keep_margins=keep_margins)
    save_page(path, page_bytes(_page(views, shown), kind=kind))
    return " ".join(dict.fromkeys(filter(None, (margin.notice for margin in shown))))


def make_two_views_report(views: TwoViews, *, keep_margins: bool = False) -> Any:
    """Return a biplane measurement as a `matplotlib.figure.Figure` of one A4 page; it belongs to no window."""
    return _page(views, _shown(views, keep_margins=keep_margins))


def _both(views: TwoViews) -> tuple[tuple[str, Measurement], tuple[str, Measurement]]:
    return ("A4C", views.four_chamber), ("A2C", views.two_chamber)


def _shown(views: TwoViews, *, keep_margins: bool) -> tuple[Margins, ...]:
    return tuple(margins_of(m.inputs, keep=keep_margins) for _, m in _both(views))


def _page(views: TwoViews, shown: tuple[Margins, ...]) -> Any:
    from matplotlib.text import Text

    from matae.measure import _panels as panels

    figure = new_page()
    header(figure, "Left ventricle, biplane")
    _facts(figure, views)
    panels.draw_number(
        figure.add_axes((0.06, 0.805, 0.88, 0.066)), views.ef, "Ejection fraction, biplane disks, A4C and A2C",
        views.doubts,
    )  # fmt: skip
    for (view, measurement), margin, bottom in zip(_both(views), shown, _TOPS, strict=True):
        figure.text(0.05, bottom + 0.1, view, fontsize=12, weight="bold", color="#22313f", rotation=90, va="center",
                    ha="center")  # fmt: skip
        for left, which in ((0.075, "ed"), (0.345, "es")):
            panels.draw_picture(figure.add_axes((left, bottom, 0.255, 0.201)), measurement, which, margin)
    _curves(figure, views)
    end = draw_groups(figure, [row for row in views.table() if row.key != "ef_percent"], 0.645, 0.295, 0.763)
    _normal(figure, views, end)
    _flags(figure, views)
    footer(figure, *(m.content_id for _, m in _both(views)))
    literally(figure.findobj(Text))
    return figure


def _facts(figure: Any, views: TwoViews) -> None:
    for number, (view, m) in enumerate(_both(views)):
        y = 0.925 - 0.0195 * number
        by = f"outlined by {m.model}" if m.model else "masks from a file or a person"
        by = f"{by}, width {m.width}" if m.model and m.width else by
        figure.text(0.06, y, view, fontsize=8, color="#66717c", va="center")
        said = figure.text(0.125, y, f"{m.name}, {by}", fontsize=8.5, color="#1b242c", va="center")
        fit(figure, said, 0.81)
    person = views.person
    said = person.words if person.sex is not None else ", ".join(filter(None, ("sex not stated", person.words)))
    figure.text(0.06, 0.886, "Person", fontsize=8, color="#66717c", va="center")
    figure.text(0.125, 0.886, said, fontsize=8.5, color="#1b242c", va="center")


def _curves(figure: Any, views: TwoViews) -> None:
    from matae.measure import _panels as panels

    for (view, measurement), left in zip(_both(views), (0.10, 0.375), strict=True):
        axes = figure.add_axes((left, 0.190, 0.225, 0.095))
        panels.draw_curve(axes, measurement)
        axes.set_title(f"{view}, single plane", fontsize=7.5, color="#66717c", pad=2)
        if view == "A2C":
            axes.set_ylabel("")


def _normal(figure: Any, views: TwoViews, y: float) -> None:
    """List the normal ranges beside which the numbers may be read; no number is called abnormal here."""
    from matae.measure.normal_ranges import range_text

    rows = [(row, text) for row in views.table() if (text := range_text(row.key, views.person.sex))]
    figure.text(0.645, y, "Normal ranges", fontsize=8.5, weight="bold", color="#22313f", va="center")
    if views.person.sex is None:
        y -= 0.0158
        figure.text(0.645, y, "differ by sex, which is not stated", fontsize=7.4, color="#66717c", va="center")
    for row, text in rows:
        y -= 0.0148
        figure.text(0.645, y, row.label.partition(",")[0] if row.key == "ef_percent" else row.label, fontsize=7.4,
                    color="#66717c", va="center")  # fmt: skip
        figure.text(0.94, y, f"{text.removeprefix('normal ')} {row.unit}", fontsize=7.4, color="#66717c", va="center",
                    ha="right")  # fmt: skip
    figure.text(0.645, y - 0.0155, SOURCE, fontsize=5.9, color="#66717c", va="center")


def _flags(figure: Any, views: TwoViews) -> None:
    y = 0.138
    lines = flag_lines(views.flags, 150, _MOST_OF_BOTH)
    each = (_MOST_FLAG_LINES - len(lines)) // 2
    for view, measurement in _both(views):
        lines += [f"{view} {line}" for line in flag_lines(measurement.flags, 140, each)]
    if not lines:
        figure.text(0.06, y, "No flags", fontsize=7.8, color="#66717c", va="center")
        return
    figure.text(0.06, y, "To know before a number is believed", fontsize=8, weight="bold", color="#a33b00", va="center")
    for line in lines:
        y -= 0.0105
        figure.text(0.06, y, line, fontsize=6.6, color="#1b242c", va="center")
