"""Step 2, Segment: which model, at which width, on which device; run, watch, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import qthrottled

from matae.errors import MataeError
from matae.models import current_model, find_model, list_models
from matae.nn.widths import format_width
from matae.segment import SegmentOptions
from napari_matae.background.connections import connections_of
from napari_matae.segment.frame_again import FrameAgain
from napari_matae.segment.one_click import OneClick
from napari_matae.segment.run import SegmentRun
from napari_matae.segment.sector_controls import SectorControls
from napari_matae.widgets.layout import combo_box, wrapped
from napari_matae.widgets.option_form import OptionForm

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from napari_matae.session.session import OpenCine, Session

__all__ = ["SegmentPanel"]

_PROGRESS_MS = 100
_NO_GPU = "No GPU here: the CPU is used; a smaller width is faster."
_ENDED = {"done": "done", "cancelled": "cancelled", "failed": "stopped"}


class SegmentPanel(QWidget):  # type: ignore[misc]
    """The Segment step.

    Its form is made from `matae.segment.SegmentOptions`; models are those on this computer, widths those of the model.

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
        self._run: SegmentRun | None = None
        self._waiting = False
        self._of: OpenCine | None = None
        # Every change repaints the window, the canvas with it: ten times a second is enough to read.
        self._show_progress_soon = qthrottled(self._show_progress, timeout=_PROGRESS_MS, parent=self)
        self._build()
        connections = connections_of(self)
        connections.connect(session.opened, self._on_opened)
        connections.connect(session.restored, self._go_on)
        connections.connect(session.sector_changed, self._go_on)
        connections.when_closed(self._leave)
        self._on_opened(session.current)

    # -- layout -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.model, self.width_choice = combo_box(self), combo_box(self)
        own = {"model": self.model, "width": self.width_choice}
        form = OptionForm(SegmentOptions, ("model", "width", "device"), own=own, parent=self)
        self.device = form.rows["device"]
        self.model.currentTextChanged.connect(self._list_widths)
        self._in_use = ""
        self.list_models()

        self.sector = SectorControls(self._session, self)
        self.again = FrameAgain(self._session, self)

        self.one_click = OneClick(self._session, self, self)
        self.run_button = QPushButton("Segment", self)
        self.run_button.clicked.connect(self.run)
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.setToolTip("Stop now; the frames that are done stay.")
        self.cancel_button.clicked.connect(self.cancel)
        run_row = QHBoxLayout()
        run_row.addWidget(self.run_button, stretch=2)
        run_row.addWidget(self.cancel_button, stretch=1)
        self.progress = QProgressBar(self)
        self.progress.setAccessibleName("Progress of segmenting")
        self.progress.setToolTip("How many frames are done.")
        self.progress.setTextVisible(True)
        self.status = QLabel(self)
        self.status.setWordWrap(True)
        column = QVBoxLayout(self)
        self.no_gpu = wrapped(_NO_GPU, self)
        """Shown where there is none."""
        self.no_gpu.hide()
        column.addWidget(form)
        column.addWidget(self.no_gpu)
        column.addWidget(self.sector)
        column.addWidget(self.one_click)
        column.addLayout(run_row)
        column.addWidget(self.progress)
        column.addWidget(self.status)
        column.addStretch(1)

    def set_hint(self, hint: str) -> None:
        """Name the key of segmenting in the tooltip of its button."""
        self.run_button.setToolTip(f"Outline the ventricle on every frame that nobody has edited{hint}.")

    def list_models(self) -> None:
        """List the models anew, and take the one in use if that is another than before."""
        names, chosen, in_use = [entry.name for entry in list_models()], self.model.currentText(), current_model()
        if in_use != self._in_use or chosen not in names:
            self._in_use = chosen = in_use
        if names == [self.model.itemText(place) for place in range(self.model.count())]:
            self.model.setCurrentText(chosen)
            return
        blocked = self.model.blockSignals(True)
        self.model.clear()
        self.model.addItems(names)
        self.model.setCurrentText(chosen)
        self.model.blockSignals(blocked)
        self._list_widths()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Look for models that came meanwhile, and for the one in use."""
        super().showEvent(event)
        if not self.is_running:
            self.list_models()

    def _list_widths(self) -> None:
        """Offer the widths of the chosen model, the most exact first."""
        try:
            widths = find_model(self.model.currentText()).card.widths
        except MataeError:
            widths = ()  # the run will say what is wrong with it
        self.width_choice.clear()
        self.width_choice.addItem("auto", "auto")
        for width in reversed(widths):
            name = format_width(width)
            note = "" if len(widths) == 1 else {widths[0]: " (fastest)", widths[-1]: " (most exact)"}.get(width, "")
            self.width_choice.addItem(name + note, name)

    # -- running ------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None

    @property
    def options(self) -> SegmentOptions:
        """What the controls say."""
        return SegmentOptions(
            model=self.model.currentText(), width=self.width_choice.currentData(), device=self.device.currentText()
        )

    def run(self) -> None:
        """Segment every frame that no person has edited, starting with the one on screen."""
        current = self._session.current
        if current is None or self.is_running:
            return
        if current.sector is None or not current.ready:
            # The study is still being asked which frames are manual, and what people set; or the picture, where
            # its sector is.
            self.status.setText("Looking for the sector…" if current.ready else "Reading the study…")
            self._waiting = True
            return
        self._session.settle()
        self.again.options = self.options
        self.again.pause()
        self._run = run = SegmentRun(self._session, self.options, self)
        run.changed.connect(self._show_progress_soon)
        run.noticed.connect(self.status.setText)
        run.finished.connect(self._on_finished)
        self.progress.setRange(0, max(1, len(run.frames)))
        self.progress.setValue(0)
        self.progress.setFormat("loading the model")
        self.progress.show()
        self.status.setText("")
        self._show_running()
        run.start()

    def cancel(self) -> None:
        """Stop now; what is done stays."""
        self._waiting = False
        if self._run is not None:
            self._run.cancel()

    def _show_progress(self) -> None:
        if (run := self._run) is None:
            return
        self.progress.setValue(run.seen)
        if (left := run.seconds_left) is not None:
            self.progress.setFormat(f"frame {run.seen} of {len(run.frames)}, {_duration(left)} left")

    def _on_finished(self, outcome: str) -> None:
        if (run := self._run) is None:
            return
        self.progress.setValue(run.seen)
        self._run = None
        self.again.go_on()
        self.progress.setFormat(_ENDED[outcome])
        self.status.setText(_summary(run, outcome))
        if outcome == "failed":
            from napari.utils.notifications import show_error

            show_error(run.error)
        run.deleteLater()
        self._show_running()
        self.finished.emit(outcome)

    def _leave(self) -> None:
        """End a run that is under way; nobody looks at how it ended."""
        run, self._run = self._run, None
        if run is not None:
            run.cancel()

    # -- following the session ----------------------------------------------------------------------------

    def _show_running(self) -> None:
        running, ready = self.is_running, self._session.current is not None
        self.run_button.setEnabled(ready and not running)
        self.cancel_button.setEnabled(running)
        for widget in (self.model, self.width_choice, self.device, self.sector):
            widget.setEnabled(ready and not running)

    def _go_on(self) -> None:
        """Run now, if that was waited for."""
        if self._waiting:
            self._waiting = False
            self.status.setText("")
            self.run()

    def _on_opened(self, current: OpenCine | None) -> None:
        another, self._of = current is not self._of, current
        if another or current is None:  # not the same one, with a scale or frame rate given by hand
            self._waiting = False
        if not self.is_running and not self._waiting:
            self.progress.hide()
            self.status.setText("" if current else "Open a cine first.")
        self._show_running()


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


def _summary(run: SegmentRun, outcome: str) -> str:
    if outcome == "failed":
        return run.error
    if outcome == "cancelled":
        return f"Cancelled: {run.written} of {len(run.frames)} frames segmented and kept."
    what = run.what
    kept = f" {run.kept} edited frame{'s' * (run.kept != 1)} kept." if run.kept else ""
    chosen = f" {what['auto']}" if what.get("auto") and what["auto"] not in run.notices else ""
    said = "".join(f"{notice} " for notice in dict.fromkeys(run.notices))
    return (
        f"{said}{run.written} frames by {what['model']}, width {what['width']}, on {what['device']}, "
        f"{what['precision']}: {run.seen / max(run.seconds, 1e-6):.0f} frames/s.{kept}{chosen}"
    )
