"""A dialog that shows what a job would do, and then does it: the frame that export and import share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDialog, QHBoxLayout, QPushButton, QWidget

from napari_matae.background.job import Job
from napari_matae.widgets.job_bar import JobBar
from napari_matae.widgets.layout import wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["JobDialog"]


class JobDialog(QDialog):  # type: ignore[misc]
    """A window with a job, its progress, its outcome in a sentence and a button to close it; not modal.

    Parameters
    ----------
    title
        Of the window.
    parent
        Qt parent.

    Attributes
    ----------
    job
        What runs.
    result
        Label for the outcome, or for what is missing.
    """

    failed = Signal(str)
    """The job failed; a sentence."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setModal(False)
        self.job = Job(self)
        self.result = wrapped("", self)
        self.bar = JobBar(self.job, self)
        self.close_button = QPushButton("Close", self)
        self.close_button.setToolTip("Close this window.")
        self.close_button.clicked.connect(self.close)
        self.job.failed.connect(self._on_failed)
        self.job.stopped.connect(self.result.setText)

    def _button_row(self, left: Sequence[QWidget], buttons: Sequence[QPushButton]) -> QHBoxLayout:
        """Return the row at the foot: what belongs to the left, then the buttons, the one that closes last."""
        row = QHBoxLayout()
        for widget in left:
            row.addWidget(widget)
        row.addStretch(1)
        for button in (*buttons, self.close_button):
            button.setAutoDefault(False)  # Enter in a field must not start anything
            row.addWidget(button)
        return row

    def _on_failed(self, sentence: str) -> None:
        self.result.setText(sentence)
        self.failed.emit(sentence)

    def reject(self) -> None:
        """Stop what runs, and close, by whatever button or key; what is half done is undone by the job itself."""
        self.job.stop()
        super().reject()
