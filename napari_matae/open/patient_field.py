"""One field for the code of the patient whom the open cine shows, and where it comes from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QGridLayout, QLabel, QLineEdit, QPushButton, QWidget

from matae.store.types import SubjectSource
from napari_matae.study_thread.patients import Scope, name_clip, scopes_of, state_of
from napari_matae.widgets.layout import combo_box

if TYPE_CHECKING:
    from matae.store.types import CineEntry
    from napari_matae.study.link import StudyLink

__all__ = ["PatientField"]


class PatientField(QWidget):  # type: ignore[misc]
    """Shows the patient code of the open cine; it can be given, confirmed and corrected.

    Parameters
    ----------
    link
        The link to the study.
    parent
        Qt parent.
    """

    def __init__(self, link: StudyLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.code = QLineEdit(self)
        self.code.setAccessibleName("Patient code")
        self.code.setToolTip(
            "A code, never a name. Clips of one patient need the same one: training and testing must not share a heart."
        )
        self.code.returnPressed.connect(self.give)
        self.code.textEdited.connect(self._update)
        self.scope = combo_box(self)
        self.scope.setAccessibleName("Clips the code is for")
        self.scope.setToolTip("Which clips the code is for.")
        self.scope.currentIndexChanged.connect(self._update)
        self.button = QPushButton("Give", self)
        self.button.setToolTip("Say that these clips show this patient (Enter).")
        self.button.clicked.connect(self.give)
        self.state = QLabel(self)
        self.state.setWordWrap(True)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.addWidget(self.code, 0, 0, 1, 2)
        grid.addWidget(self.scope, 1, 0)
        grid.addWidget(self.button, 1, 1)
        grid.addWidget(self.state, 2, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        link.entry_changed.connect(self._on_entry)
        self._on_entry(link.sync_state.entry)

    def give(self) -> None:
        """Say that the clips that are meant show the patient of the code."""
        entry, code, scope = self._link.sync_state.entry, self.code.text().strip(), self.scope.currentData()
        if entry is not None and code and scope is not None:
            self._link.record.say_patient(
                partial(name_clip, content_id=entry.content_id, code=code, scope=Scope(scope)), self._on_told
            )

    def _on_told(self, sentence: str, done: bool) -> None:
        if not done:
            self.state.setText(f"▲ {sentence}")

    def _on_entry(self, entry: CineEntry | None) -> None:
        self.code.setEnabled(entry is not None)
        self.code.setText("" if entry is None else entry.subject or "")
        unknown = "unknown: give a code" if entry is not None else "given when a cine is open"
        self.code.setPlaceholderText(unknown)
        self.scope.blockSignals(True)
        self.scope.clear()
        for scope in () if entry is None else scopes_of(entry):
            self.scope.addItem(str(scope), scope.value)
        self.scope.blockSignals(False)
        self.state.setText("" if entry is None else state_of(entry))
        for widget in (self.scope, self.button, self.state):
            widget.setVisible(entry is not None)
        self._update()

    def _update(self, _: object = None) -> None:
        entry, code = self._link.sync_state.entry, self.code.text().strip()
        guessed = entry is not None and entry.subject_source is SubjectSource.GUESSED
        same = entry is not None and code == (entry.subject or "")
        usual = self.scope.currentIndex() <= 0
        self.button.setText("Confirm" if guessed and same and usual else "Give")
        self.button.setEnabled(bool(code) and (not same or guessed or not usual))
