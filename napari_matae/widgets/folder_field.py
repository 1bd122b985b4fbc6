"""A field for a folder, with a button that opens the system's dialog."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

__all__ = ["FolderField"]


class FolderField(QWidget):  # type: ignore[misc]
    """A line of text and *Choose…*.

    Parameters
    ----------
    question
        Title of the dialog.
    parent
        Qt parent.
    placeholder
        Shown while the field is empty.
    """

    changed = Signal()
    """Another text."""

    def __init__(self, question: str, parent: QWidget | None = None, *, placeholder: str = "") -> None:
        super().__init__(parent)
        self._question = question
        self.line = QLineEdit(self)
        self.line.setAccessibleName("Folder")
        self.line.setToolTip("Path of the folder.")
        self.line.setPlaceholderText(placeholder)
        self.line.textChanged.connect(lambda _: self.changed.emit())
        self.button = QPushButton("Choose…", self)
        self.button.setToolTip("Choose the folder.")
        self.button.clicked.connect(self._ask)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.line, stretch=1)
        row.addWidget(self.button)

    def text(self) -> str:
        """Return what stands in the field, without spaces around it."""
        return str(self.line.text()).strip()

    def setText(self, text: str) -> None:  # noqa: N802 - as of a QLineEdit
        """Put a text into the field."""
        self.line.setText(text)

    @property
    def path(self) -> Path:
        """The folder, with ``~`` as the home folder; the current one where the field is empty."""
        return Path(self.text()).expanduser()

    def _ask(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self._question, self.text())
        if name:
            self.setText(name)
