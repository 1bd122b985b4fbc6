"""The earlier examinations of the open clip's subject: figures with their intervals, and whether one has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from napari_matae.background.failure import explain
from napari_matae.widgets.layout import wrapped
from napari_matae.widgets.tables import fit_height, reading_table

if TYPE_CHECKING:
    from matae.readers import History
    from matae.store import Study
    from napari_matae.study.link import StudyLink

__all__ = ["EarlierExaminations"]

_TITLES = ("Day", "Clip", "View", "EF (90 %)", "EDV", "ESV", "LA")
_UNKNOWN = "Nobody has said whom this clip shows; enter the patient's code in the Open step."
_ONE = "The study holds no other clip of this patient."


class EarlierExaminations(QWidget):  # type: ignore[misc]
    """A table of the subject's clips, the earliest first.

    Parameters
    ----------
    link
        The study.
    parent
        Qt parent.
    """

    changed = Signal()
    """Another history is shown."""

    def __init__(self, link: StudyLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.history: History | None = None
        """What is shown, or None."""
        self.words = wrapped("", self)
        self.table: QTreeWidget = reading_table(_TITLES, (), self)
        self.table.setAccessibleName("Earlier examinations of this patient")
        self.table.setToolTip("The clips of this patient in the study, the earliest first; the open one is bold.")
        self.note = wrapped("", self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.words)
        column.addWidget(self.table)
        column.addWidget(self.note)
        self._show(None, "")

    def refresh(self) -> None:
        """Ask the study for the clips of this subject."""
        entry = self._link.sync_state.entry
        subject = None if entry is None else entry.known_subject
        if entry is None or subject is None:
            self._show(None, _UNKNOWN if entry is not None else "")
            return
        content_id = entry.content_id

        def work(study: Study) -> History:
            from matae.readers import history_of

            return history_of(study, subject)

        def done(history: History) -> None:
            now = self._link.sync_state.entry
            if now is not None and now.content_id == content_id:
                self._show(history, "", content_id)

        self._link.connection.requests.ask(work, done, lambda error: self._show(None, explain(error)))

    def _show(self, history: History | None, sentence: str, content_id: str = "") -> None:
        from matae.readers.history import cells

        self.history = history
        clips = () if history is None else history.examinations
        self.table.clear()
        here = None
        for index, examination in enumerate(clips):
            item = QTreeWidgetItem(list(cells(examination)))
            font = item.font(0)
            font.setBold(examination.clip.content_id == content_id)
            for place in range(len(_TITLES)):
                item.setFont(place, font)
                item.setToolTip(place, history.sentence(index) if history is not None else "")
            if examination.clip.content_id == content_id:
                here = index
            self.table.addTopLevelItem(item)
        fit_height(self.table)
        if history is not None and here is not None:
            sentence = history.sentence(here) if len(clips) > 1 else _ONE
        self.words.setText(sentence)
        self.words.setVisible(bool(sentence))
        self.table.setVisible(len(clips) > 1)
        self.note.setText("" if history is None else f"{history.note} No interval of a volume is known: volumes are "
                          "not compared.")  # fmt: skip
        self.note.setVisible(len(clips) > 1)
        self.changed.emit()
