"""One row a beat; a click on a cell shows its frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from matae.measure import Measurement

__all__ = ["BeatTable"]

_HEADS = ("ED", "ES", "EF", "EDV", "ESV", "FAC")
_TIPS = (
    "Frame of end-diastole", "Frame of end-systole", "Ejection fraction", "End-diastolic volume, mL",
    "End-systolic volume, mL", "Fractional area change",
)  # fmt: skip


class BeatTable(QTableWidget):  # type: ignore[misc]
    """The beats of a measurement.

    Parameters
    ----------
    parent
        Qt parent.
    """

    seek_wanted = Signal(tuple)
    """Frames (tuple of int) of a cell are to be shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_HEADS), parent)
        self.setHorizontalHeaderLabels(_HEADS)
        for column, tip in enumerate(_TIPS):
            self.horizontalHeaderItem(column).setToolTip(tip)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setDefaultSectionSize(22)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.cellClicked.connect(self._on_cell)
        self.cellActivated.connect(self._on_cell)

    def show_measurement(self, measured: Measurement) -> None:
        """Show the beats of a measurement."""
        beats = measured.beats
        if self.rowCount() != len(beats):
            self.setRowCount(len(beats))
            self.setFixedHeight(self.horizontalHeader().sizeHint().height() + 22 * len(beats) + 4)
        for row, values in enumerate(beats):
            v, scale = values.volumes, measured.calibrated
            cells = (
                (f"{values.beat.ed + 1}", (values.beat.ed,)),
                (f"{values.beat.es + 1}", (values.beat.es,)),
                (f"{v.ef_percent:.0f} %", values.frames),
                (f"{v.edv:.0f}" if scale else "–", (values.beat.ed,)),
                (f"{v.esv:.0f}" if scale else "–", (values.beat.es,)),
                (f"{v.area_change_percent:.0f} %", values.frames),
            )
            for column, (text, frames) in enumerate(cells):
                item = self.item(row, column)
                if item is None:
                    item = QTableWidgetItem()
                    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                    self.setItem(row, column, item)
                if item.text() != text:
                    item.setText(text)
                item.setData(Qt.ItemDataRole.UserRole, frames)
                whole = "" if values.beat.whole else " The clip shows no whole systole."
                item.setToolTip(f"{_TIPS[column]}, beat {row + 1}.{whole}")

    def _on_cell(self, row: int, column: int) -> None:
        item = self.item(row, column)
        if item is not None:
            self.seek_wanted.emit(tuple(item.data(Qt.ItemDataRole.UserRole)))
