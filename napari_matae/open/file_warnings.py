"""What a reader found doubtful in the file, above every step: the program leaves the Open step as soon as it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_matae.background.connections import connections_of
from napari_matae.widgets.colours import follow_colours
from napari_matae.widgets.layout import wrapped

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent

    from napari_matae.session.open_cine import OpenCine
    from napari_matae.session.session import Session
    from napari_matae.widgets.colours import Colours

__all__ = ["FileWarnings"]

_TITLE = "What the reader of the file noticed"


class FileWarnings(QWidget):  # type: ignore[misc]
    """One line with the first warning and how many more there are; a click shows them all. Hidden without any.

    Parameters
    ----------
    session
        Whose cine.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._notes: tuple[str, ...] = ()
        self._of: OpenCine | None = None
        self.button = QToolButton(self)
        self.button.setAccessibleName("Warnings of the file")
        self.button.setAutoRaise(True)
        self.button.setCheckable(True)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.button.toggled.connect(self._on_toggled)
        self.text = wrapped("", self, selectable=True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setContentsMargins(6, 0, 6, 4)
        line = QHBoxLayout()
        line.addWidget(self.button, stretch=1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(line)
        column.addWidget(self.text)
        connections_of(self).connect(session.opened, self._on_opened)
        follow_colours(self, self._colour)
        self._on_opened(session.current)

    def _colour(self, colours: Colours) -> None:
        self.button.setStyleSheet(f"color: {colours.warning}; text-align: left")

    def _on_opened(self, current: OpenCine | None) -> None:
        if current is not self._of:
            self.button.setChecked(False)
        self._of = current
        self._notes = () if current is None else tuple(dict.fromkeys(current.cine.warnings))
        self.text.setText("\n".join(f"• {note}" for note in self._notes))
        self.setVisible(bool(self._notes))
        self._on_toggled(self.button.isChecked())

    def _on_toggled(self, opened: bool) -> None:
        self.text.setVisible(opened)
        self.button.setToolTip("Fold this away." if opened or not self._notes else "\n".join(self._notes))
        self._fold()

    def _fold(self) -> None:
        """Write as much of the first warning as fits."""
        if not self._notes:
            return
        more = len(self._notes) - 1
        end = f" (and {more} more)" if more else ""
        metrics = self.button.fontMetrics()
        sign = "⚠ ▾ " if self.button.isChecked() else "⚠ ▸ "
        room = self.width() - metrics.horizontalAdvance(sign + end) - 16
        first = metrics.elidedText(self._notes[0], Qt.TextElideMode.ElideRight, max(room, 0))
        self.button.setText(sign + (_TITLE if self.button.isChecked() else first + end))
        self.button.setAccessibleName(f"Warnings of the file: {' '.join(self._notes)}")

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Write what fits."""
        super().resizeEvent(event)
        self._fold()
