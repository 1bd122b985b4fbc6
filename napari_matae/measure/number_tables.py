"""The numbers of a measurement: the eight a reader looks for first, and all as a table; each opens its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_matae.widgets.colours import make_faint
from napari_matae.widgets.number_button import NumberButton

if TYPE_CHECKING:
    from matae.measure import Measurement, Value

__all__ = ["BeatTable", "NumberTable", "NumberTiles"]

_TILES = (
    ("edv_ml", "EDV"), ("esv_ml", "ESV"), ("sv_ml", "SV"), ("co_l_min", "CO"),
    ("heart_rate", "Heart rate"), ("fac_percent", "FAC"), ("mitral_excursion_mm", "Annulus"),
    ("shortening_percent", "Shortening*"),
)  # fmt: skip
_RATIO = {"mitral_excursion_mm": "mitral_excursion_percent"}
"""What to show in place of a length that needs calibration."""


class _Tile(NumberButton):
    """One number with its name under it."""

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(13, parent)
        self.frames: tuple[int, ...] = ()
        self.title = self._label(title)
        make_faint(self.title)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 2, 1, 2)
        column.setSpacing(0)
        column.addWidget(self.number)
        column.addWidget(self.title)
        self.setMinimumHeight(42)
        self.setMinimumWidth(70)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_value(self, value: Value) -> None:
        """Show a number, or a dash and why there is none."""
        self.frames = value.frames
        number, _, unit = value.text.partition(" ")
        self.show_text(number, unit, name=f"{value.label}: {value.text}")
        self.setEnabled(bool(value.frames))
        self.setToolTip(_tip(value))


class NumberTiles(QWidget):  # type: ignore[misc]
    """Eight numbers, four in a row.

    Parameters
    ----------
    parent
        Qt parent.
    """

    seek_wanted = Signal(tuple)
    """Frames (tuple of int) behind a number are to be shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tiles: dict[str, _Tile] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        for place, (key, title) in enumerate(_TILES):
            tile = _Tile(title, self)
            tile.clicked.connect(lambda _=False, tile=tile: self.seek_wanted.emit(tile.frames))
            grid.addWidget(tile, place // 4, place % 4)
            self.tiles[key] = tile
        self.note = QLabel("* of the contour, not speckle-tracking strain", self)
        make_faint(self.note)
        grid.addWidget(self.note, 2, 0, 1, 4)

    def show_values(self, values: list[Value]) -> None:
        """Show these numbers."""
        by_key = {value.key: value for value in values}
        for key, tile in self.tiles.items():
            value = by_key[key]
            if value.value is None and key in _RATIO:
                value = by_key[_RATIO[key]]
            tile.show_value(value)


class NumberTable(QTreeWidget):  # type: ignore[misc]
    """Every number under its heading, with its frames.

    Parameters
    ----------
    parent
        Qt parent.
    """

    seek_wanted = Signal(tuple)
    """Frames (tuple of int) behind a number are to be shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setColumnCount(3)
        self.setHeaderLabels(["", "Value", "Frames"])
        self.setAccessibleName("All numbers")
        self.setToolTip("Every number; a click shows the frames behind it.")
        self.setRootIsDecorated(False)
        self.setIndentation(8)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self._rows: dict[str, QTreeWidgetItem] = {}
        self.itemClicked.connect(self._on_item)
        self.itemActivated.connect(self._on_item)

    def show_values(self, values: list[Value]) -> None:
        """Show these numbers; rows are made once and then only filled."""
        if [value.key for value in values] != list(self._rows):
            self._fill(values)
        for value in values:
            row = self._rows[value.key]
            shown = (value.text, _frames(value.frames))
            for column, text in enumerate(shown, start=1):
                if row.text(column) != text:
                    row.setText(column, text)
            row.setText(0, value.label)
            row.setToolTip(0, _tip(value))
            row.setToolTip(1, _tip(value))
            row.setData(0, Qt.ItemDataRole.UserRole, value.frames)

    def _fill(self, values: list[Value]) -> None:
        self.clear()
        self._rows.clear()
        groups: dict[str, QTreeWidgetItem] = {}
        for value in values:
            if value.group not in groups:
                heading = QTreeWidgetItem(self, [value.group])
                heading.setFirstColumnSpanned(True)
                font = heading.font(0)
                font.setBold(True)
                heading.setFont(0, font)
                heading.setFlags(Qt.ItemFlag.ItemIsEnabled)
                groups[value.group] = heading
            row = QTreeWidgetItem(groups[value.group])
            row.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._rows[value.key] = row
        self.expandAll()
        height = self.header().sizeHint().height() + 2 * self.frameWidth()
        rows = len(values) + len(groups)
        self.setFixedHeight(height + rows * max(14, self.sizeHintForRow(0)) + 6)

    def _on_item(self, item: QTreeWidgetItem, _: int = 0) -> None:
        frames = item.data(0, Qt.ItemDataRole.UserRole)
        if frames:
            self.seek_wanted.emit(tuple(frames))


def _tip(value: Value) -> str:
    text = value.label
    if value.value is None:
        text += f": none, {value.note}" if value.note else ""
    elif value.note:
        text += f"; {value.note}"
    text += "."
    return (
        f"{text} Click to see its frame{'s, one after the other' * (len(value.frames) > 1)}." if value.frames else text
    )


def _frames(frames: tuple[int, ...]) -> str:
    shown = " · ".join(str(frame + 1) for frame in frames[:4])
    return f"{shown} …" if len(frames) > 4 else shown


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
        self.setAccessibleName("Beats")
        self.setToolTip("A row a beat; a click shows its frames.")
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
