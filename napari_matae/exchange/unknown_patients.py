"""Clips that people worked on and whose patient is unknown: listed, with one place to say who it is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidgetItem, QVBoxLayout, QWidget

from napari_matae.exchange.tasks import reviewed
from napari_matae.study_thread.patients import name_clips, why_unknown
from napari_matae.widgets.code_row import CodeRow
from napari_matae.widgets.layout import wrapped
from napari_matae.widgets.tables import fit_height, reading_table
from napari_matae.widgets.words import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.store.types import CineSummary
    from napari_matae.study.link import StudyLink

__all__ = ["UnknownPatients"]


class UnknownPatients(QWidget):  # type: ignore[misc]
    """The list; hidden while there is nothing in it.

    Parameters
    ----------
    link
        The study that is told.
    parent
        Qt parent.
    """

    named = Signal()
    """Somebody said who it is."""

    def __init__(self, link: StudyLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._cines: tuple[CineSummary, ...] = ()
        self.sentence = wrapped("", self)
        self.list = reading_table(("Clip", "Frames", "Why unknown"), (), self)
        self.list.setAccessibleName("Clips of unknown patients")
        self.list.setToolTip("Clips whose patient nobody has said yet.")
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        header = self.list.header()
        if header is not None:
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.code = CodeRow(self)
        self.list.itemSelectionChanged.connect(lambda: self.code.select(len(self.selected)))
        self.code.given.connect(self._give)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.sentence, self.list, self.code):
            column.addWidget(widget)
        self.hide()

    def show_cines(self, cines: Sequence[CineSummary]) -> None:
        """List these; what is selected stays so."""
        if tuple(cines) != self._cines:
            chosen = set(self.selected)
            self._cines = tuple(cines)
            self.list.clear()
            for cine in cines:
                item = QTreeWidgetItem([cine.stem, str(reviewed(cine)), why_unknown(cine)])
                item.setData(0, Qt.ItemDataRole.UserRole, cine.content_id)
                item.setToolTip(0, cine.stem)
                if cine.subject is not None:
                    item.setToolTip(2, "An earlier version guessed this code from the name of the file.")
                self.list.addTopLevelItem(item)
                item.setSelected(cine.content_id in chosen)
            fit_height(self.list, 6)
            who = "it shows" if len(cines) == 1 else "each shows"
            self.sentence.setText(
                f"▲ {plural(len(cines), 'clip')} of unknown patient: not learnt from and not exported until somebody "
                f"says which patient {who}."
            )
        self.setVisible(bool(cines) or not self.code.words.isHidden())
        for widget in (self.sentence, self.list):
            widget.setVisible(bool(cines))

    @property
    def selected(self) -> list[str]:
        """Content ids of what is selected, in the order of the list."""
        items = (self.list.topLevelItem(row) for row in range(self.list.topLevelItemCount()))
        return [item.data(0, Qt.ItemDataRole.UserRole) for item in items if item is not None and item.isSelected()]

    def _give(self, code: str) -> None:
        self._link.record.say_patient(partial(name_clips, content_ids=self.selected, code=code), self._on_told)

    def _on_told(self, sentence: str, done: bool) -> None:
        self.code.tell(sentence, done)
        if done:
            self.named.emit()
