"""Compare any two models on a side of the open study."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_matae.background.job import Job
from napari_matae.models.tasks import Pair, compare
from napari_matae.widgets.job_bar import JobBar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.learn.verdict import Verdict
    from napari_matae.verdict.window import VerdictWindow
    from napari_matae.workspace.workspace import Workspace

__all__ = ["SIDES", "CompareForm"]

SIDES = {
    "": "Held-out and training patients",
    "test": "Test patients",
    "val": "Validation patients",
    "train": "Training patients",
}
"""What is compared on, by side; the first as for a new model."""
_NO_STUDY = "No study is open: choose one in step 1. Models are compared on its corrected frames."


class CompareForm(QWidget):  # type: ignore[misc]
    """Two models, a side, and a button.

    Parameters
    ----------
    workspace
        Whose study.
    parent
        Qt parent.
    """

    compared = Signal(object)
    """They are compared (`matae.learn.Verdict`), and the window with it is open."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.window_: VerdictWindow | None = None
        """What was compared last, while its window is open."""
        self.before, self.after, self.side = (QComboBox(self) for _ in range(3))
        for combo in (self.before, self.after, self.side):
            # A long name must not make the dock wider.
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumContentsLength(12)
        for value, words in SIDES.items():
            self.side.addItem(words, value)
        self.side.setToolTip("Only held-out patients (validation, test) tell how accurate a model is.")
        self.button = QPushButton("Compare", self)
        self.button.setToolTip("Both segment the corrected frames of that side, at every width; nothing is changed.")
        self.button.clicked.connect(self.compare)
        self.job = Job(self)
        self.bar = JobBar(self.job, self)
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.words.hide()
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Before", self.before)
        form.addRow("After", self.after)
        form.addRow("On", self.side)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        for widget in (self.button, self.bar, self.words):
            column.addWidget(widget)
        column.addStretch(1)
        self.job.began.connect(lambda: self.button.setEnabled(False))
        self.job.ended.connect(lambda: self.button.setEnabled(True))
        self.job.finished.connect(self._on_compared)
        self.job.failed.connect(self._say)
        self.job.stopped.connect(self._say)

    def close_down(self) -> None:
        """Stop what runs, and remove what was kept for the pictures."""
        self.job.close_down()
        self.clear()

    def show_models(self, names: Sequence[str], in_use: str) -> None:
        """Offer these models; at first the one in use against the next."""
        for combo, first in ((self.before, in_use), (self.after, next((n for n in names if n != in_use), in_use))):
            chosen = combo.currentText()
            combo.clear()
            combo.addItems(list(names))
            combo.setCurrentText(chosen if chosen in names else first)

    def compare(self) -> None:
        """Compare them, off the GUI thread."""
        link = self._workspace.link
        if not link.connection.name:
            self._say(_NO_STUDY)
            return
        if unsaved := self._workspace.unsaved():
            self._say(unsaved)
            return
        self.clear()
        self._folder = tempfile.TemporaryDirectory(prefix="matae-compare-", ignore_cleanup_errors=True)
        pair = Pair(self.before.currentText(), self.after.currentText(), self.side.currentData())
        self.job.start(partial(compare, link.connection.target, pair, Path(self._folder.name)))

    def _on_compared(self, verdict: Verdict) -> None:
        from napari_matae.verdict.window import VerdictWindow

        folder = Path(self._folder.name) if self._folder is not None else None
        self._say(verdict.sentence)
        self.window_ = VerdictWindow(self._workspace, verdict, folder, self, comparison=True)
        self.window_.finished.connect(self._on_window_closed)
        self.window_.show()
        self.compared.emit(verdict)

    def _on_window_closed(self, _: int = 0) -> None:
        window, self.window_ = self.window_, None
        if window is not None:
            window.deleteLater()

    def clear(self) -> None:
        """Close what was compared last, and remove what was kept for its pictures."""
        if self.window_ is not None:
            self.window_.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        self.words.hide()

    def _say(self, sentence: str) -> None:
        self.words.setText(sentence)
        self.words.show()
