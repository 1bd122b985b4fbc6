"""Adding clips to the queue, and how far it is: progress, pause, going on, trying again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from matae.store.types import QueueCounts
from napari_matae.widgets.words import plural, time_left

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_matae.worklist.queue import QueueRunner

__all__ = ["QueueBar"]


class QueueBar(QWidget):  # type: ignore[misc]
    """What is done in the background.

    Parameters
    ----------
    runner
        Does it.
    parent
        Qt parent.
    """

    start_wanted = Signal()
    """What waits is to be segmented."""
    archive_wanted = Signal()
    """Clips of an archive are to be looked for."""
    retry_wanted = Signal()
    """What could not be done is to wait again."""

    def __init__(self, runner: QueueRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._counts = QueueCounts()
        self.add_folder_button = self._button(
            "Add folder…", self._ask_folder, "Put every clip of a folder and its subfolders into the queue"
        )
        self.add_files_button = self._button("Add files…", self._ask_files, "Put clips into the queue")
        self.archive_button = self._button(
            "From archive…", self.archive_wanted.emit, "Find clips in a clinic's archive (PACS) or in a DICOM folder"
        )
        self.start_button = self._button(
            "Segment waiting", self.start_wanted.emit,
            "Segment and measure what waits, in the background, with the model and width of the Segment step",
        )  # fmt: skip
        self.pause_button = self._button(
            "Pause", runner.pause, "Finish the clip under way and begin no other; the queue stays in the study"
        )
        self.retry_button = self._button(
            "Try failed again", self.retry_wanted.emit, "Have what could not be segmented wait again"
        )
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.text.setAccessibleName("Queue")
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the queue")
        self.bar.setToolTip("Clips of the queue that are done.")
        self.bar.setMaximumHeight(8)
        buttons = QHBoxLayout()
        for button in (
            self.add_folder_button, self.add_files_button, self.archive_button, self.start_button, self.pause_button,
            self.retry_button,
        ):  # fmt: skip
            buttons.addWidget(button)
        buttons.addWidget(self.text, stretch=1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        column.addWidget(self.bar)
        runner.changed.connect(self._update)
        self._update()

    def show_counts(self, counts: QueueCounts) -> None:
        """Show how far the queue is."""
        self._counts = counts
        self._update()

    def _button(self, text: str, deed: Callable[[], object], tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(f"{tip}.")
        button.setAccessibleName(text.rstrip("…"))
        button.clicked.connect(lambda _=False: deed())
        return button

    def _update(self) -> None:
        runner, counts = self._runner, self._counts
        running, adding = runner.is_running, runner.adding.is_running
        for button in (self.add_folder_button, self.add_files_button):
            button.setEnabled(not adding)
        self.start_button.setVisible(not running)
        self.start_button.setEnabled(counts.waiting > 0)
        self.pause_button.setVisible(running)
        self.pause_button.setEnabled(running and not runner.is_pausing)
        self.retry_button.setVisible(counts.failed > 0)
        self.retry_button.setText(f"Try {counts.failed} failed again")
        self.bar.setVisible(running or adding)
        self.text.setText(self._words())

    def _words(self) -> str:
        runner, counts, progress = self._runner, self._counts, self._runner.progress
        if runner.adding.is_running:
            self.bar.setRange(0, 0)
            return "Looking for clips…"
        if runner.is_running:
            if progress is None:
                self.bar.setRange(0, 0)
                return "Loading the model…"
            self.bar.setRange(0, max(1, progress.total))
            self.bar.setValue(progress.done)
            if runner.is_pausing:
                return "Finishing the clip under way…"
            left = time_left(progress.seconds_left)
            return f"{progress.done:,} of {progress.total:,} done{', ' + left if left else ''}"
        parts = []
        if counts.waiting:
            parts.append(f"{plural(counts.waiting, 'clip')} waiting")
        if counts.taken:
            parts.append(f"{counts.taken} being done elsewhere")
        return ", ".join(parts)

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Add a folder of clips")
        if name:
            self._runner.add([Path(name)])

    def _ask_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Add clips")
        if names:
            self._runner.add([Path(name) for name in names])
