"""A field and a button: one patient code for the clips that are selected in a list."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QLineEdit, QPushButton, QWidget

__all__ = ["CodeRow"]


class CodeRow(QWidget):  # type: ignore[misc]
    """Asks for the code of the patient whom selected clips show, and says what became of it.

    Parameters
    ----------
    parent
        Qt parent.
    """

    given = Signal(str)
    """A code for what is selected."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selected = 0
        self.code = QLineEdit(self)
        self.code.setAccessibleName("Patient code of the selected clips")
        self.code.setToolTip("A code for the patient, never a name.")
        self.code.setPlaceholderText("patient code, never a name")
        self.code.textChanged.connect(self._update)
        self.code.returnPressed.connect(self.give)
        self.button = QPushButton("Give to selected", self)
        self.button.setToolTip("Say that the selected clips show this patient: all of them, or none.")
        self.button.clicked.connect(self.give)
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.words.hide()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.addWidget(self.code, 0, 0)
        grid.addWidget(self.button, 0, 1)
        grid.addWidget(self.words, 1, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        self._update()

    def select(self, count: int) -> None:
        """Note how many clips are selected."""
        self._selected = count
        self._update()

    def give(self) -> None:
        """Ask for the code to be given."""
        if self.button.isEnabled():
            self.given.emit(self.code.text().strip())

    def tell(self, sentence: str, done: bool) -> None:
        """Show what became of it; the field is empty again where it was done."""
        self.words.setText(sentence if done else f"▲ {sentence}")
        self.words.setVisible(bool(sentence))
        if done:
            self.code.clear()

    def _update(self, _: object = None) -> None:
        self.button.setEnabled(bool(self._selected and self.code.text().strip()))
