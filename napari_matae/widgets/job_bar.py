"""How far a longer piece of work is, the time left, and a button to cancel it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QGridLayout, QLabel, QProgressBar, QPushButton, QWidget

from napari_matae.widgets.words import time_left

if TYPE_CHECKING:
    from matae.exchange import Progress
    from napari_matae.background.job import Job

__all__ = ["JobBar"]


class JobBar(QWidget):  # type: ignore[misc]
    """Shown while a job runs.

    Parameters
    ----------
    job
        Which.
    parent
        Qt parent.
    """

    def __init__(self, job: Job, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job = job
        self.text = QLabel(self)
        self.bar = QProgressBar(self)
        self.bar.setAccessibleName("Progress")
        self.bar.setToolTip("How far it is.")
        self.bar.setTextVisible(False)
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.setToolTip("Stop this work.")
        self.cancel_button.clicked.connect(self.cancel)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.addWidget(self.text, 0, 0, 1, 2)
        grid.addWidget(self.bar, 1, 0)
        grid.addWidget(self.cancel_button, 1, 1)
        grid.setColumnStretch(0, 1)
        job.began.connect(self._on_began)
        job.progressed.connect(self._on_progress)
        job.ended.connect(self.hide)
        self.hide()

    def cancel(self) -> None:
        """Ask the job to stop, and say so at once."""
        self._job.stop()
        self.cancel_button.setEnabled(False)
        self.text.setText("Stopping…")

    def _on_began(self) -> None:
        self.bar.setRange(0, 0)
        self.text.setText("Starting…")
        self.cancel_button.setEnabled(True)
        self.show()

    def _on_progress(self, progress: Progress) -> None:
        self.bar.setRange(0, max(1, progress.total))
        self.bar.setValue(progress.done)
        parts = [f"{progress.what}: {progress.done} of {progress.total}", time_left(progress.seconds_left)]
        self.text.setText(", ".join(part for part in parts if part))
