"""Step 2, Segment: which model, at which width, on which device; run, watch, cancel."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import qthrottled

from matae.models import DEFAULT_MODEL, list_models
from matae.nn.widths import WIDTHS, format_width
from matae.segment import FrameMask, SegmentOptions
from napari_matae.layers import OUTLINE_WIDTH
from napari_matae.sector_controls import SectorControls
from napari_matae.workers import Done, Failed, Notice, Started, segment_events

if TYPE_CHECKING:
    from typing import Any

    from napari_matae.session import OpenCine, Session

__all__ = ["SegmentPanel"]

_PROGRESS_MS = 100
_WIDTH_NAMES = {1 / 8: "1/8 (fastest)", 1 / 4: "1/4", 1 / 2: "1/2", 1.0: "1 (most exact)"}


class SegmentPanel(QWidget):  # type: ignore[misc]
    """The Segment step.

    Parameters
    ----------
    session
        What is open.
    parent
        Qt parent.
    """

    finished = Signal(str)
    """A run ended: ``done``, ``cancelled`` or ``failed``."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._worker: Any = None
        self._cancelled = False
        self._asked = self._written = self._seen = 0
        self._began = 0.0
        self._kept_text = ""
        self._outcome = "failed"
        self._run: dict[str, Any] = {}
        self._target: OpenCine | None = None
        # Every change repaints the window, the canvas with it: ten times a second is enough to read.
        self._show_progress_soon = qthrottled(self._show_progress, timeout=_PROGRESS_MS, parent=self)
        self._build()
        session.opened.connect(self._on_opened)
        self._on_opened()

    # -- layout -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.model = QComboBox(self)
        for entry in list_models():
            self.model.addItem(entry.name)
        self.model.setCurrentText(DEFAULT_MODEL)
        self.width_choice = QComboBox(self)
        self.width_choice.addItem("auto", "auto")
        for width in reversed(WIDTHS):
            self.width_choice.addItem(_WIDTH_NAMES[width], format_width(width))
        self.width_choice.setToolTip("One model holds four networks. Narrow ones are faster; auto fits the device.")
        self.device = QComboBox(self)
        for name in ("auto", "cpu", "cuda"):
            self.device.addItem(name)
        self.device.setToolTip("auto takes the GPU if there is one.")
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Model", self.model)
        form.addRow("Width", self.width_choice)
        form.addRow("Device", self.device)

        self.sector = SectorControls(self._session, self)

        self.run_button = QPushButton("Segment", self)
        self.run_button.clicked.connect(self.run)
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.clicked.connect(self.cancel)
        run_row = QHBoxLayout()
        run_row.addWidget(self.run_button, stretch=2)
        run_row.addWidget(self.cancel_button, stretch=1)
        self.progress = QProgressBar(self)
        self.progress.setTextVisible(True)
        self.status = QLabel(self)
        self.status.setWordWrap(True)
        self.outline = QCheckBox("Show the outline only", self)
        self.outline.setChecked(True)
        self.outline.clicked.connect(self._on_outline)

        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.sector)
        column.addLayout(run_row)
        column.addWidget(self.progress)
        column.addWidget(self.status)
        column.addWidget(self.outline)
        column.addStretch(1)

    # -- running ------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._worker is not None

    @property
    def options(self) -> SegmentOptions:
        """What the controls say."""
        return SegmentOptions(
            model=self.model.currentText(), width=self.width_choice.currentData(), device=self.device.currentText()
        )

    def run(self) -> None:
        """Segment every frame that no person has edited, starting with the one on screen."""
        from napari.qt.threading import create_worker

        current = self._session.current
        if current is None or current.sector is None or self.is_running:
            return
        here = self._session.frame
        frames = self._session.begin_run()
        # What the user looks at comes first; the rest follows round the loop.
        frames = [t for t in frames if t >= here] + [t for t in frames if t < here]
        kept = current.cine.n_frames - len(frames)
        self._asked, self._written, self._seen, self._cancelled = len(frames), 0, 0, False
        self._kept_text = f" {kept} edited frame{'s' * (kept != 1)} kept." if kept else ""
        self._run, self._outcome, self._target = {}, "failed", current
        self.progress.setRange(0, max(1, len(frames)))
        self.progress.setValue(0)
        self.progress.setFormat("loading the model")
        self.status.setText("")
        self._worker = create_worker(
            segment_events, current.cine, current.sector, frames, self.options, _start_thread=False
        )
        self._worker.yielded.connect(self._on_event)
        self._worker.finished.connect(self._on_finished)
        self._show_running()
        self._worker.start()

    def cancel(self) -> None:
        """Stop after the frame under way; what is done stays."""
        if self._worker is not None:
            self._cancelled = True
            self.progress.setFormat("cancelling")
            self._worker.quit()

    def _on_event(self, event: object) -> None:
        if isinstance(event, FrameMask):
            self._on_frame(event)
        elif isinstance(event, Started):
            self._run, self._began = event.run, time.perf_counter()
        elif isinstance(event, Notice):
            self.status.setText(event.text)
        elif isinstance(event, Failed):
            self._fail(event.text)
        elif isinstance(event, Done):
            self._run, self._outcome = event.run, "done"

    def _on_frame(self, result: FrameMask) -> None:
        if self._session.current is not self._target:
            self.cancel()  # another cine was opened meanwhile
            return
        self._seen += 1
        self._written += self._session.receive(result)
        self._show_progress_soon()

    def _show_progress(self) -> None:
        self.progress.setValue(self._seen)
        if self.is_running and not self._cancelled and self._seen:
            spent = time.perf_counter() - self._began
            left = spent / self._seen * (self._asked - self._seen)
            self.progress.setFormat(f"frame {self._seen} of {self._asked}, {_duration(left)} left")

    def _fail(self, text: str) -> None:
        from napari.utils.notifications import show_error

        self._outcome = "failed"
        self.status.setText(text)
        show_error(text)

    def _on_finished(self) -> None:
        spent = max(time.perf_counter() - self._began, 1e-6)
        if self._cancelled and self._outcome != "done":
            self._outcome = "cancelled"
            self.status.setText(f"Cancelled: {self._written} of {self._asked} frames segmented and kept.")
        elif self._outcome == "done":
            run = self._run
            if self._target is not None:
                self._target.run = run
            self.status.setText(
                f"{self._written} frames by {run['model']}, width {run['width']}, on {run['device']}, "
                f"{run['precision']}: {self._seen / spent:.0f} frames/s.{self._kept_text}"
            )
        self.progress.setFormat({"done": "done", "cancelled": "cancelled"}.get(self._outcome, "stopped"))
        self._worker = None
        self._show_progress()
        self._show_running()
        self.finished.emit(self._outcome)

    def close_down(self) -> None:
        """Stop listening and end a run that is under way."""
        self._show_progress_soon.cancel()
        self._session.opened.disconnect(self._on_opened)
        self.sector.close_down()
        if self._worker is not None:
            self._worker.yielded.disconnect(self._on_event)
            self._worker.finished.disconnect(self._on_finished)
            self._worker.quit()
            self._worker = None

    # -- following the session ----------------------------------------------------------------------------

    def _show_running(self) -> None:
        running, ready = self.is_running, self._session.current is not None
        self.run_button.setEnabled(ready and not running)
        self.cancel_button.setEnabled(running)
        self.progress.setVisible(running or self._asked > 0)
        for widget in (self.model, self.width_choice, self.device, self.sector):
            widget.setEnabled(ready and not running)

    def _on_opened(self, _: object = None) -> None:
        if not self.is_running:
            self._asked = 0
            self.status.setText("" if self._session.current else "Open a cine first.")
        self._show_running()

    def _on_outline(self, on: bool) -> None:
        current = self._session.current
        if current is not None and current.labels is not None:
            current.labels.contour = OUTLINE_WIDTH if on else 0
            current.labels.opacity = 0.9 if on else 0.4


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
