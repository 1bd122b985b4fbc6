"""Saves what was measured: one page for people, files for programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_matae.background.events import Failed
from napari_matae.background.worker import EventWorker
from napari_matae.measure.tasks import Saved, save_events
from napari_matae.widgets.settings import settings

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_matae.measure.live_measurement import LiveMeasurement
    from napari_matae.study.link import StudyLink

__all__ = ["ReportButton"]

_KINDS = {
    "One page, PDF (*.pdf)": ".pdf",
    "One page, picture (*.png)": ".png",
    "Every number, JSON (*.json)": ".json",
    "A row a beat, CSV (*.csv)": ".csv",
    "Report for the clinic, DICOM SR (*.dcm)": ".dcm",
}
_NOT_YET = "There are no numbers to save just now; save the report once they are there."


class ReportButton(QPushButton):  # type: ignore[misc]
    """Asks for a name, and writes off the GUI thread.

    Parameters
    ----------
    measuring
        What is saved.
    link
        The study, whose earlier examinations of the patient are saved along; None for none.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user."""
    finished = Signal(bool)
    """Writing ended; whether the file is there."""

    def __init__(
        self, measuring: LiveMeasurement, parent: QWidget | None = None, *, link: StudyLink | None = None
    ) -> None:
        super().__init__("Save report…", parent)
        self._measuring, self._link = measuring, link
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        self._worker.ended.connect(self._on_ended)
        self._saved = False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.set_hint("")
        self.clicked.connect(self.ask)
        measuring.changed.connect(self._update)
        self._update()

    def set_hint(self, hint: str) -> None:
        """Name the key of saving in the tooltip."""
        self.setToolTip(
            f"Save one page as PDF or picture, every number as JSON, or a row a beat as CSV{hint}. The page shows the "
            "sector only: names and dates often stand around it. Of a DICOM clip also a structured report, which names "
            "the patient."
        )

    def ask(self) -> None:
        """Ask where to, and save."""
        measured = self._measuring.measurement
        if measured is None:
            self.said.emit(_NOT_YET)
            return
        folder = Path(str(settings().value("report/folder", "") or Path.home()))
        kept = str(settings().value("report/kind", ""))
        first = kept if kept in _KINDS else next(iter(_KINDS))
        stem = Path(measured.name).stem or "report"
        name, kind = QFileDialog.getSaveFileName(
            self, "Save what was measured", str(folder / _proposed(stem, _KINDS[first])), ";;".join(_KINDS), first
        )
        if name:
            path = Path(name)
            suffix = path.suffix.lower()
            self.save(path if suffix in _KINDS.values() else path.with_name(path.name + _KINDS.get(kind, ".pdf")))
            settings().setValue("report/kind", kind)

    def save(self, path: Path) -> None:
        """Write the measurement to a file of this name."""
        measured = self._measuring.measurement
        if measured is None:
            self.said.emit(_NOT_YET)
        if measured is None or self._worker.is_running:
            return
        settings().setValue("report/folder", str(path.parent))
        self._saved = False
        connection = None if self._link is None else self._link.connection
        study = ("", "") if connection is None else (connection.opened_target, connection.rater)
        self._worker.start(save_events, path, measured, *study)
        self.said.emit(f"Writing {path.name}…")
        self._update()

    def _on_event(self, event: object) -> None:
        if isinstance(event, Saved):
            self._saved = True
            self.said.emit(f"Saved {event.path.name} in {event.path.parent}. {event.notice}".rstrip())
        elif isinstance(event, Failed):
            self.said.emit(event.text)

    def _on_ended(self) -> None:
        self._update()
        self.finished.emit(self._saved)

    def _update(self) -> None:
        self.setEnabled(self._measuring.measurement is not None and not self._worker.is_running)


def _proposed(stem: str, suffix: str) -> str:
    # A report as DICOM must not offer to take the place of the clip.
    return f"{stem}_report{suffix}" if suffix == ".dcm" else f"{stem}{suffix}"
