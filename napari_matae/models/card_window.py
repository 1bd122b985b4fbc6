"""A model's card in a window of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import QDialog, QLabel, QPlainTextEdit, QVBoxLayout

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_matae.models.tasks import ModelFacts

__all__ = ["CardWindow"]


class CardWindow(QDialog):  # type: ignore[misc]
    """Shows what a model is, and whether its files are whole.

    Parameters
    ----------
    facts
        Of the model.
    parent
        Qt parent.
    """

    def __init__(self, facts: ModelFacts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(facts.name)
        self.setModal(False)
        self.resize(640, 620)
        self.files = QLabel(self)
        self.files.setWordWrap(True)
        self.files.setText(
            f"⚠ {facts.problem}" if facts.problem else "✓ The weights are those the card was written for (sha256)."
        )
        release = f"Labels it learnt from: release {facts.release} of the study." if facts.release else ""
        self.release = QLabel(release, self)
        self.release.setVisible(bool(release))
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setPlainText(facts.text)
        column = QVBoxLayout(self)
        for widget in (self.files, self.release):
            column.addWidget(widget)
        column.addWidget(self.text, stretch=1)
