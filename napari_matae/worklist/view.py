"""The table on the screen: arrows move, Enter and a double click open, letters go into the filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, Qt, QTimer, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_matae.worklist.columns import COLUMNS
from napari_matae.worklist.thumbnails import SIZE

if TYPE_CHECKING:
    from typing import Any

    from qtpy.QtGui import QKeyEvent, QResizeEvent
    from qtpy.QtWidgets import QWidget

    from matae.store import WorklistRow
    from napari_matae.worklist.model import WorklistFilter

__all__ = ["WorklistTable"]

_CALM_MS = 80
_WIDTHS = (230, 100, 55, 80, 120, 50, 90, 280, 90, 130, 135)
"""Of the columns at first, in pixels."""


class WorklistTable(QTableView):  # type: ignore[misc]
    """Shows the lines that the filter leaves.

    Parameters
    ----------
    lines
        The lines.
    parent
        Qt parent.
    """

    open_wanted = Signal(object)
    """A clip is to be opened (`matae.store.WorklistRow`)."""
    typed = Signal(str)
    """Letters that belong into the filter."""
    seen = Signal(object)
    """The lines on screen (list of `matae.store.WorklistRow`), once scrolling is calm."""

    def __init__(self, lines: WorklistFilter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = lines
        self.setModel(lines)
        self.setAccessibleName("Clips of the study")
        self.setToolTip("The clips of the study. Enter or a double click opens one; letters find others.")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)  # and no rows of another colour: napari gives that one no colour of the theme
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setIconSize(SIZE)
        self.setCornerButtonEnabled(False)
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        rows.setVisible(False)
        # One height for all: asking ten thousand rows for theirs takes seconds.
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(SIZE.height() + 4)
        columns.setHighlightSections(False)
        columns.setStretchLastSection(True)
        columns.setSectionsMovable(True)
        for column, width in enumerate(_WIDTHS[: len(COLUMNS)]):
            self.setColumnWidth(column, width)
        columns.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.doubleClicked.connect(self._on_double_clicked)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_CALM_MS)
        self._calm.timeout.connect(self._tell_seen)
        self.verticalScrollBar().valueChanged.connect(self._look_soon)
        for signal in (lines.modelReset, lines.layoutChanged, lines.rowsInserted, lines.rowsRemoved):
            signal.connect(self._look_soon)

    @property
    def chosen(self) -> WorklistRow | None:
        """The line that is chosen."""
        index = self.currentIndex()
        return self._lines.row(index) if index.isValid() else None

    def choose(self, place: int) -> None:
        """Choose a line by its place among those left."""
        self.setCurrentIndex(self._lines.index(place, 0))

    def rows_on_screen(self) -> list[WorklistRow]:
        """Return the lines that can be seen."""
        count = self._lines.rowCount()
        if not count:
            return []
        first = max(0, self.rowAt(0))
        last = self.rowAt(self.viewport().height() - 1)
        last = count - 1 if last < 0 else last
        return [self._lines.row(self._lines.index(place, 0)) for place in range(first, last + 1)]

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Open on Enter; give letters to the filter; leave the rest to Qt."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.chosen is not None:
                self.open_wanted.emit(self.chosen)
            return
        text, plain = event.text(), not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
        if plain and text.isprintable() and text.strip():
            self.typed.emit(text)
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """See other lines."""
        super().resizeEvent(event)
        self._look_soon()

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """See the first lines."""
        super().showEvent(event)
        self._look_soon()

    def _look_soon(self, *_: object) -> None:
        self._calm.start()

    def _tell_seen(self) -> None:
        if self.isVisible():
            self.seen.emit(self.rows_on_screen())

    def _on_double_clicked(self, index: QModelIndex) -> None:
        self.open_wanted.emit(self._lines.row(index))
