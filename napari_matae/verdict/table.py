"""LiveFigures before and after, with the change, its interval and how many frames and patients it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_matae.verdict.wording import change, counted, counted_short, interval, leans_worse, mark, number, title
from napari_matae.widgets.colours import colours_of, follow_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.learn.paired import Paired

__all__ = ["FigureTable"]

_INTERVAL = "95 % interval of the change: patients drawn with replacement"
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class FigureTable(QWidget):  # type: ignore[misc]
    """One row a figure; where there is little room, interval and counts stand under it.

    Parameters
    ----------
    wide
        Whether there is room for a column each.
    parent
        Qt parent.
    """

    def __init__(self, *, wide: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wide = wide
        self.rows: dict[str, dict[str, QLabel]] = {}
        """The labels of each figure, by its name: ``title``, ``before``, ``after``, ``change``, ``interval``, ``n``."""
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(14 if wide else 5)
        self._grid.setVerticalSpacing(3 if wide else 0)
        self._grid.setColumnStretch(0, 1)
        heads = ("", "Before", "After", "Change", "95 % interval", "n") if wide else ("", "Before", "After", "Change")
        for column, head in enumerate(heads):
            label = self._label(head, small=True)
            label.setAlignment(_RIGHT)
            self._grid.addWidget(label, 0, column)
        self._figures: Sequence[Paired] = ()
        follow_colours(self, lambda _: self.show_figures(self._figures))

    def show_figures(self, figures: Sequence[Paired]) -> None:
        """Show these figures."""
        self._figures = figures
        for cells in self.rows.values():
            for label in cells.values():
                self._grid.removeWidget(label)
                label.hide()
                label.deleteLater()
        self.rows.clear()
        for place, figure in enumerate(figures):
            self.rows[figure.name] = self._add(figure, place)

    def _add(self, figure: Paired, place: int) -> dict[str, QLabel]:
        colours = colours_of(self)
        good, worse = (f"color:{colour}" for colour in (colours.good, colours.alarm))
        sign = {"better": f"<span style='{good}'>▲</span>", "worse": f"<span style='{worse}'>▼</span>", "": ""}
        cells = {
            "title": self._label(title(figure)),
            "before": self._label(number(figure, figure.before)),
            "after": self._label(number(figure, figure.after)),
            "change": self._label(f"<b>{change(figure)}</b> {sign[mark(figure)]}"),
            "interval": self._label(interval(figure), small=True),
            "n": self._label(counted(figure) if self._wide else counted_short(figure), small=True),
        }
        if figure.worse:
            cells["change"].setText(f"<b style='{worse}'>{change(figure)} ▼</b>")
            cells["interval"].setText(f"<small>worse: {interval(figure)}</small>")
        elif leans_worse(figure):
            cells["interval"].setText(f"<small><b style='{worse}'>{interval(figure)}</b></small>")
        for name, label in cells.items():
            label.setToolTip(_tip(figure))
            if name != "title" and (self._wide or name != "n"):
                label.setAlignment(_RIGHT)
        if self._wide:
            for column, name in enumerate(cells):
                self._grid.addWidget(cells[name], place + 1, column)
            return cells
        row = 2 * place + 1
        for column, name in enumerate(("title", "before", "after", "change")):
            self._grid.addWidget(cells[name], row, column)
        for name in ("title", "n"):  # a narrow dock is narrow
            cells[name].setWordWrap(True)
        self._grid.addWidget(cells["n"], row + 1, 0)
        self._grid.addWidget(cells["interval"], row + 1, 1, 1, 3)
        for name in ("n", "interval"):
            cells[name].setContentsMargins(0, 0, 0, 5)
        return cells

    def _label(self, text: str, *, small: bool = False) -> QLabel:
        # napari's style sets the size of every label's font; what stands in the text itself is free of it.
        label = QLabel(f"<small>{text}</small>" if small else text, self)
        label.setTextFormat(Qt.TextFormat.RichText)
        return label


def _tip(figure: Paired) -> str:
    wanted = "Higher is better." if figure.higher_is_better else "Lower is better."
    chance = "" if figure.p_worse is None else f" One-sided p of getting worse: {figure.p_worse:.3f}."
    worse = ""
    if figure.worse:
        worse = " It got significantly worse, or by more than the tolerance with few patients."
    elif leans_worse(figure):
        worse = (
            " Look at this one: the whole interval is on the worse side, though the test does not call it significant."
        )
    why = "; one patient or none has no interval" if figure.difference_ci95 is None else ""
    return f"{title(figure)}, {counted(figure)}. {wanted}{chance}{worse} {_INTERVAL}{why}."
