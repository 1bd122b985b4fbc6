"""The cines of a folder that was opened: one is chosen to be shown, several are given their patient at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_matae.study_thread.patients import name_files
from napari_matae.widgets.code_row import CodeRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.read import CineRef
    from napari_matae.study.link import StudyLink

__all__ = ["FolderList"]


class FolderList(QWidget):  # type: ignore[misc]
    """The cines of a folder; hidden while there are fewer than two.

    Parameters
    ----------
    link
        The study that is told whom they show.
    parent
        Qt parent.
    """

    wanted = Signal(object)
    """A cine is to be shown (`matae.read.CineRef`)."""

    def __init__(self, link: StudyLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.choices = QListWidget(self)
        self.choices.setAccessibleName("Clips of the folder")
        self.choices.setMaximumHeight(140)
        self.choices.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.choices.setToolTip(
            "Double-click or press Enter to open one. Select several (Ctrl, Shift) to say that they show one patient."
        )
        self.choices.itemActivated.connect(lambda item: self.wanted.emit(_reference(item)))
        self.choices.itemSelectionChanged.connect(self._on_selected)
        self.code = CodeRow(self)
        self.code.given.connect(self._give)
        self.code.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.choices)
        column.addWidget(self.code)
        self.hide()

    def show_cines(self, found: Sequence[CineRef]) -> None:
        """List these."""
        self.choices.clear()
        for reference in found:
            item = QListWidgetItem(reference.label + (" (still)" if reference.info.get("still") else ""))
            item.setData(Qt.ItemDataRole.UserRole, reference)
            self.choices.addItem(item)
        self.code.tell("", done=True)
        self.setVisible(len(found) > 1)

    @property
    def selected(self) -> list[CineRef]:
        """What is selected, in the order of the list."""
        items = (self.choices.item(row) for row in range(self.choices.count()))
        return [_reference(item) for item in items if item.isSelected()]

    def _on_selected(self) -> None:
        count = len(self.selected)
        self.code.select(count)
        self.code.setVisible(count > 0)

    def _give(self, code: str) -> None:
        paths = [reference.path for reference in self.selected]
        if self._link.connection.is_open:
            self._link.record.say_patient(partial(name_files, paths=paths, code=code), self.code.tell)
        else:
            self.code.tell("No study is open; open one or begin a new one below.", done=False)


def _reference(item: QListWidgetItem) -> CineRef:
    reference: CineRef = item.data(Qt.ItemDataRole.UserRole)
    return reference
